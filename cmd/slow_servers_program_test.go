//go:build slow && linux

package cmd

import "mtlsprobe/certstore/certtest/debian"

// programServers are small programs on the TLS of a language.
func programServers() []setup {
	java := func(name, kind string, targets ...target) setup {
		return setup{name: name, program: "java", pkg: "openjdk-17-jdk-headless", version: []string{"--version"},
			files: map[string]string{"Server.java": debian.JavaServer},
			args: []string{"-XX:TieredStopAtLevel=1", "$dir/Server.java", "$port", "$pki/server.p12", "$pki/ca.pem",
				kind}, targets: targets}
	}
	node := func(name, reject string, t target) setup {
		return setup{name: name, program: "node", pkg: "nodejs", version: []string{"--version"},
			files: map[string]string{"server.js": debian.NodeServer},
			args:  []string{"$dir/server.js", "$port", "$pki", reject}, targets: []target{t}}
	}
	// JDK 17.0.15 says bad_certificate where none came, later updates as the RFCs have it.
	jsse := func(none string) expect { return byOne(none+" or "+badCertificate, "refused certificate_unknown") }
	return []setup{
		// Fact 4: certificate_unknown for everything. Trap 9: user_canceled is sent
		// before an ordinary end.
		java("Java SSLServerSocket, need", "need", target{"https://127.0.0.1:$port/", nil, jsse(noAgreement),
			jsse(noCertificate)}),
		java("Java SSLServerSocket, hanging up", "hangup",
			target{"tls://127.0.0.1:$port", nil, jsse(noAgreement).withGood("unknown"),
				jsse(noCertificate).withGood("unknown")}),
		java("Java HttpsServer, need", "https", same("https://127.0.0.1:$port/", byOne("closed", "closed"))),
		{name: "Erlang ssl, verify_peer", program: "escript", pkg: "erlang-base",
			files:   map[string]string{"server.erl": debian.ErlangServer},
			args:    []string{"$dir/server.erl", "$port", "$pki"},
			targets: []target{{"https://127.0.0.1:$port/", nil, byErlang(noAgreement), byErlang(noCertificate)}}},
		// Fact 4: no alert for a bad certificate.
		node("Node, rejectUnauthorized", "yes", target{"https://127.0.0.1:$port/", nil, byOne(noAgreement, "closed"),
			byOne(noCertificate, "closed")}),
		node("Node, requestCert only", "no", same("https://127.0.0.1:$port/", ignored)),
		{name: "Python ssl, CERT_REQUIRED", program: "python3", pkg: "python3", version: []string{"--version"},
			files:   map[string]string{"server.py": pythonServer},
			args:    []string{"$dir/server.py", "$port", "$pki", "CERT_REQUIRED"},
			targets: []target{required("https://127.0.0.1:$port/")}},
		{name: "Python ssl, CERT_OPTIONAL", program: "python3", pkg: "python3", version: []string{"--version"},
			files:   map[string]string{"server.py": pythonServer},
			args:    []string{"$dir/server.py", "$port", "$pki", "CERT_OPTIONAL"},
			targets: []target{optional("https://127.0.0.1:$port/")}},
	}
}

const pythonServer = `
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'ok')
port, pki, mode = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(pki + '/server.pem', pki + '/server.key')
context.load_verify_locations(pki + '/ca.pem')
context.verify_mode = getattr(ssl, mode)
server = http.server.ThreadingHTTPServer(('127.0.0.1', int(port)), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
`
