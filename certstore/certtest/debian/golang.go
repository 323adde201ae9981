package debian

// GoServer is a program for any version of Go: PORT FOLDER, with server.pem, server.key and the
// trusted ca.pem. It wants a certificate.
const GoServer = `package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	port, folder := os.Args[1], os.Args[2]
	anchors, err := os.ReadFile(folder + "/ca.pem")
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(anchors)
	server := &http.Server{
		Addr:      "127.0.0.1:" + port,
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }),
		TLSConfig: &tls.Config{ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert},
	}
	log.Fatal(server.ListenAndServeTLS(folder+"/server.pem", folder+"/server.key"))
}
`
