package debian

import _ "embed"

// Servers in languages that packages bring, which answer "ok" over TLS and ask for a client certificate.
// Tests write them to a file, and run them.

// JavaServer takes the port, a PKCS#12 file with the password "secret", the CA file, and need, hangup
// or https.
//
//go:embed servers/Server.java
var JavaServer string

// NodeServer takes the port, the folder with server.pem, server.key and ca.pem, and yes to refuse who
// is not verified.
//
//go:embed servers/server.js
var NodeServer string

// ErlangServer takes the port, and that folder.
//
//go:embed servers/server.erl
var ErlangServer string
