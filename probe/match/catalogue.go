package match

import "mtlsprobe/certstore"

// A Check is one rule of judgement. Its ID is never used again for another rule.
type Check struct {
	ID       string // theme.name
	Title    string
	Doc      string // what it means, why servers care, how to mend it
	Citation string
	Since    string // the version of this program that brought it

	// One of the two is set: the check is about an identity, or about the server.
	judge  func(*judgement) Finding
	server func(*Server) Finding
}

// HowTo returns what to type to mend what the check finds, tool by tool; nil
// where none helps.
func (c *Check) HowTo() []HowTo { return howTo(c.ID) }

// Checks returns the catalogue in order of weight: what makes every other
// question pointless comes first. The slice is the caller's.
func Checks() []*Check {
	const v1, v2 = "0.1", "0.2"
	checks := []*Check{
		{"key.missing", "No private key", "The certificate is there and its private key is not. A client cannot prove that it owns the certificate, so most send none at all. Export the identity again with its key, or name the key's file with --key.", "RFC 8446, Section 4.4.3", v1, keyState(certstore.Missing, "export the identity again with its private key, or name the key's file with --key"), nil},
		{"key.unreadable", "Private key cannot be read", "The operating system or the format keeps the key from this account. The account that runs the client needs the right to read it: look at owner, mode and every folder on the way.", "RFC 8446, Section 4.4.3", v1, keyState(certstore.Unreadable, "let the account that runs the client read the file"), nil},
		{"key.locked", "Private key is locked", "The key is protected by a password that was not given or is not right. A client that is not told the password sends no certificate.", "RFC 7292; RFC 5958", v1, keyState(certstore.Locked, "give the password with --pass, and tell it to the client, too"), nil},
		{"key.mismatched", "Private key belongs to another certificate", "The public key in the certificate and the private key beside it are no pair, as happens when a certificate was renewed and an old key kept. Signatures made with it do not verify.", "RFC 8446, Section 4.4.3", v1, keyState(certstore.Mismatched, "find the key that the certificate was requested with, or have a new certificate issued for this one"), nil},
		{"key.elsewhere", "Key is in another file", "The file is of a kind that holds certificates and keys together, and the key of this certificate was found elsewhere. A client that is given this file alone has no key.", "RFC 7292, Section 4", v1, keyElsewhere, nil},
		{"key.account", "The client's account cannot read it", "Whoever looks for the fault often may read everything, and the account that runs the client may not: owner, mode, access control lists and every folder on the way count. Asked only with --as-user.", "POSIX.1-2017, Section 4.5; acl(5)", v2, keyAccount, nil},
		{"key.exposed", "Key can be read by others", "A private key that others may read is no secret, and some clients refuse it for that alone: PostgreSQL's libpq takes at most 0600, or 0640 if root owns it.", "PostgreSQL documentation, libpq, SSL Support", v2, keyExposed, nil},
		{"key.cannot-sign", "Key cannot sign as the server allows", "Each allowed signature scheme that fits the key was tried, and none made a signature that verifies. An RSA key may be too short for RSA-PSS, or a token unable to do it.", "RFC 8446, Section 4.2.3", v1, keyCannotSign, nil},
		{"validity.expired", "Expired", "The end of a certificate's validity has passed. Servers refuse it, and some clients do not even send it.", "RFC 5280, Section 4.1.2.5", v1, validityExpired, nil},
		{"validity.not-yet-valid", "Not yet valid", "A certificate's validity has not begun, or the clock is behind.", "RFC 5280, Section 4.1.2.5", v1, validityNotYet, nil},
		{"clock.skew", "Clocks disagree", "The local clock and the server's give different answers to whether a certificate is valid.", "RFC 5280, Section 4.1.2.5; RFC 9110, Section 6.6.1", v1, clockSkew, nil},
		{"revocation.revoked", "Revoked", "The issuer has revoked a certificate of the chain. Servers that look at revocation lists or OCSP refuse it. Asked only with --crl or --ocsp.", "RFC 5280, Section 5; RFC 6960", v1, revocation, nil},
		{"usage.extended-key-usage", "Not for client authentication", "The extendedKeyUsage of the certificate, or of a CA above it, lists purposes and clientAuth is not among them. Most servers refuse it; public CAs no longer issue certificates for client authentication.", "RFC 5280, Section 4.2.1.12", v1, usageExtended, nil},
		{"usage.key-usage", "Key usage forbids signing", "TLS proves possession of the key by a signature, which keyUsage must allow with digitalSignature.", "RFC 5280, Section 4.2.1.3; RFC 8446, Section 4.4.2.4", v1, usageKey, nil},
		{"usage.ca", "Certificate of a CA", "The leaf itself is a CA certificate. Some servers refuse a CA as a client, and its key should not lie on a client.", "RFC 5280, Section 4.2.1.9", v1, usageCA, nil},
		{"path.not-reached", "No proven path to a named CA", "The server named the CAs whose certificates it accepts, and no path leads from this certificate to any of them. It may be no more than the issuing CA's own certificate that is missing: from the bundle, or from what this program was given.", "RFC 8446, Section 4.2.4; RFC 5246, Section 7.4.4", v1, pathNotReached, nil},
		{"path.rekeyed", "Issued by a former key of the CA", "A CA of that name is at hand, and its key did not sign: the CA has changed its key and kept its name. Names fit, so clients send the certificate; the server refuses it.", "RFC 5280, Section 6.1.3", v1, pathRekeyed, nil},
		{"path.renamed", "Issued under another name of the CA", "The key of a named CA signed, under another name: the CA was renamed and kept its key. Names decide, so the path does not exist for clients and servers.", "RFC 5280, Section 6.1.3", v1, pathRenamed, nil},
		{"path.cross-signed", "Reached only through a cross-certificate", "The identity holds an intermediate under another root than the named one. The same intermediate, with the same key, was also signed towards the named root; with that certificate in the bundle both sides see the path.", "RFC 5280, Section 3.2; RFC 8446, Section 4.4.2", v1, pathCrossSigned, nil},
		{"chain.incomplete", "Chain is incomplete", "A certificate between the leaf and the named CA is not in the bundle. Servers do not search for it, and clients that compare the list with the stored chain send nothing.", "RFC 8446, Section 4.4.2", v1, chainIncomplete, nil},
		{"chain.twins", "Two versions of one CA certificate, in the wrong order", "The bundle holds an intermediate twice, with the same subject and key, signed by different CAs. Some servers, OpenSSL's among them, follow the first one that was sent and do not turn back when it leads to a root they do not know.", "RFC 8446, Section 4.4.2", v1, chainTwins, nil},
		{"chain.key-identifier", "Key identifier points to another certificate", "The authority key identifier of a certificate contradicts its issuer's subject key identifier or serial number. It is meant as a hint, yet OpenSSL takes no issuer that it contradicts: typical when a CA was signed again and the hint names the former certificate.", "RFC 5280, Section 4.2.1.1", v1, chainKeyIdentifier, nil},
		{"issuer.not-named", "No issuer in the stored chain is named", "Many clients send a certificate only if an issuer in the chain as stored is on the server's list, byte for byte.", "RFC 8446, Section 4.2.4; RFC 5246, Section 7.4.4", v1, issuerNotNamed, nil},
		{"issuer.encoding", "Name is encoded differently", "The issuer's name and the one on the list are the same under RFC 5280 and differ in bytes: another string type, case or spacing. Clients that compare bytes, such as Go's, send nothing.", "RFC 5280, Section 7.1", v1, issuerEncoding, nil},
		{"chain.order", "Chain is out of order", "Each certificate should be followed by its issuer. Up to TLS 1.2 the order is a must, and some servers insist. In a PEM file the first certificate must be the key's: clients take that one and say that the key does not match.", "RFC 5246, Section 7.4.2; RFC 8446, Section 4.4.2", v1, chainOrder, nil},
		{"chain.surplus", "Certificates that do not belong", "The bundle holds certificates that are on no path from the leaf. They are sent for nothing and may confuse the server.", "RFC 8446, Section 4.4.2", v1, chainSurplus, nil},
		{"request.certificate-type", "Kind of key is not accepted", "Up to TLS 1.2 the server lists the kinds of certificates it accepts, and this one's is not among them.", "RFC 5246, Section 7.4.4; RFC 8422, Section 5.5", v1, requestType, nil},
		{"request.signature-scheme", "No allowed signature scheme fits the key", "None of the signature schemes that the server allows can be used with this kind of key.", "RFC 8446, Section 4.2.3; RFC 5246, Section 7.4.4", v1, requestScheme, nil},
		{"request.chain-signature", "A certificate is signed with a scheme not allowed", "The server's list of signature schemes also counts for the signatures on the certificates. A server may refuse a chain that is signed otherwise.", "RFC 8446, Section 4.4.2.3", v1, requestChainSignature, nil},
		{"validity.ending", "Ends soon", "A certificate is near the end of its validity.", "RFC 5280, Section 4.1.2.5", v1, validityEnding, nil},
		{"strength.key", "Short key", "An RSA key below 2,048 bits is refused by default in current TLS libraries.", "NIST SP 800-131A; RFC 9325, Section 4.5", v1, strengthKey, nil},
		{"strength.signature", "Weak signature", "A signature with SHA-1 is refused by default in current TLS libraries, one with MD5 everywhere.", "RFC 9155; RFC 9325, Section 4.5", v1, strengthSignature, nil},
	}
	return append(checks, serverChecks()...)
}

// serverChecks are about a server, whoever comes.
func serverChecks() []*Check {
	const v1, v2 = "0.1", "0.2"
	return []*Check{
		{ID: "server.injection", Title: "Words in clear before TLS", Doc: "After the go-ahead for TLS the client speaks first. Bytes that come before that are somebody else's, or a server that has lost count.", Citation: "RFC 3207, Section 5; CVE-2011-0411", Since: v2, server: serverInjection},
		{ID: "server.ssl3", Title: "SSL 3.0 is offered", Doc: "SSL 3.0 must not be used. In it a client without a certificate sends a warning alert in place of an empty Certificate message, so that traces and logs look unlike those of TLS.", Citation: "RFC 7568; RFC 6101, Section 5.6.6", Since: v2, server: serverSSL3},
		{ID: "server.version", Title: "Old protocol version", Doc: "The server answers in versions that are no longer to be used.", Citation: "RFC 8996", Since: v1, server: serverVersion},
		{ID: "server.late-request", Title: "Certificate is asked for late", Doc: "The server asks only after it has read the request, by renegotiation up to TLS 1.2 or after the handshake in TLS 1.3. Many clients cannot answer then: they see a refusal and have never been asked.", Citation: "RFC 8446, Section 4.6.2; RFC 8740; RFC 5746", Since: v2, server: serverLate},
		{ID: "server.versions-differ", Title: "Versions ask differently", Doc: "The same server asks one thing in one protocol version and another in the next. Which one a client meets depends on its own highest version.", Citation: "RFC 8446, Section 4.3.2; RFC 5246, Section 7.4.4", Since: v2, server: serverVersionsDiffer},
		{ID: "server.variants-differ", Title: "Addresses or names answer differently", Doc: "Behind one name there may be several servers, and behind one address several names, each with a list of its own. Which one a client meets is the resolver's choice, or that of the name in its hello.", Citation: "RFC 6066, Section 3", Since: v2, server: serverVariants},
		{ID: "server.ca-list", Title: "Server's list of CA names", Doc: "An empty list allows any CA and helps no client to choose. Entries that are no names, doubles, and end entities are mistakes of the server's configuration.", Citation: "RFC 8446, Section 4.2.4; RFC 5246, Section 7.4.4", Since: v1, server: serverCAList},
		{ID: "server.ca-list-size", Title: "Size of the list of CA names", Doc: "Clients bound how large a CertificateRequest may be, from 16 KiB on, and servers on Windows cut their list near 16 KiB. Beyond 65,535 bytes its length cannot even be told.", Citation: "RFC 5246, Section 7.4.4; Microsoft KB 2464556", Since: v2, server: serverListSize},
		{ID: "server.any-passes", Title: "Any certificate is let in", Doc: "The server asks and does not verify what it gets, or leaves that to the application.", Citation: "RFC 8446, Section 4.4.2.4", Since: v2, server: serverAnyPasses},
	}
}
