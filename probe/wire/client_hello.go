package wire

import "crypto/tls"

// HelloOnly returns the record of a ClientHello for one version up to TLS 1.2 that
// offers every suite and group that is or was in use: to read what a server sends
// up to ServerHelloDone, which goes in clear, not to go on. Random has 32 bytes.
func HelloOnly(version uint16, serverName string, alpn []string, random []byte) ([]byte, error) {
	h := ClientHelloSpec{Version: version, Random: random, Suites: oldSuites(), ServerName: serverName, ALPN: alpn,
		// X25519, NIST, X448, brainpool, older, ffdhe
		Groups: []uint16{29, 23, 24, 25, 30, 26, 27, 28, 22, 21, 19, 256, 257}}
	if version >= tls.VersionTLS12 {
		h.Schemes = []tls.SignatureScheme{0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a,
			0x080b,
			0x0401, 0x0501, 0x0601, 0x0303, 0x0301, 0x0203, 0x0201, 0x0402, 0x0302, 0x0202}
	}
	body, err := h.Marshal()
	if err != nil {
		return nil, err
	}
	// old servers refuse a higher version in the record
	return MarshalRecord(HandshakeRecord, min(version, tls.VersionTLS10), MarshalMessage(ClientHello, body)), nil
}

// oldSuites are the cipher suites up to TLS 1.2 of the IANA registry that servers
// with a certificate have used, strong ones first: ECDHE, DHE and RSA with GCM,
// ChaCha20-Poly1305, CCM, CBC, Camellia, ARIA, SEED, IDEA, 3DES and RC4. Those
// without a certificate or encryption, and those for export, are left out.
func oldSuites() []uint16 {
	return []uint16{
		0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xccaa, 0x009e, 0x009f, 0x00a2, 0x00a3, // ECDHE, DHE
		0xc0ac, 0xc0ad, 0xc0ae, 0xc0af, 0xc09e, 0xc09f, 0xc0a2, 0xc0a3, 0xc09c, 0xc09d, 0xc0a0, 0xc0a1, // CCM
		0xc023, 0xc027, 0xc024, 0xc028, 0xc009, 0xc013, 0xc00a, 0xc014, // ECDHE, CBC
		0x0067, 0x006b, 0x0033, 0x0039, 0x0040, 0x006a, 0x0032, 0x0038, // DHE, CBC
		// Camellia
		0xc086, 0xc08a, 0xc087, 0xc08b, 0xc07c, 0xc07d, 0xc072, 0xc076, 0xc073, 0xc077, 0x00be, 0x00c4, 0x0045, 0x0088,
		0x0044, 0x0087,
		0xc05c, 0xc05d, 0xc060, 0xc061, 0xc052, 0xc053, 0xc050, 0xc051, // ARIA
		0x009c, 0x009d, 0x003c, 0x003d, 0x002f, 0x0035, 0xc07a, 0xc07b, 0x00ba, 0x00c0, 0x0041, 0x0084, // RSA
		0x0096, 0x009a, 0x0007, // SEED, IDEA
		0xc008, 0xc012, 0x0016, 0x0013, 0x000a, 0xc007, 0xc011, 0x0005, 0x0004, // 3DES, RC4
		emptyRenegotiationInfo,
	}
}
