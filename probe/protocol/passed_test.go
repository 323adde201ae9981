package protocol

import (
	"slices"
	"testing"
)

// What stands behind a proxy says in many ways what it was given.
func TestPassedOn(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		own, want  []string
	}{
		{"headers in plain text", "GET / HTTP/1.1\nHost: x\nX-SSL-Client-Verify: SUCCESS\nX-SSL-Client-S-DN: CN=x\n", nil,
			[]string{"X-SSL-Client-Verify", "X-SSL-Client-S-DN"}},
		{"JSON", `{"headers":{"X-Forwarded-Client-Cert":"By=spiffe://x;Hash=00","Host":"x"}}`, nil,
			[]string{"X-Forwarded-Client-Cert"}},
		{"JSON with lists", `{"X-Forwarded-Tls-Client-Cert": ["MIIB"]}`, nil, []string{"X-Forwarded-Tls-Client-Cert"}},
		{"CGI", "HTTP_SSL_CLIENT_CERT=-----BEGIN%20CERTIFICATE\nHTTP_HOST=x\n", nil, []string{"SSL-CLIENT-CERT"}},
		{"RFC 9440", "client-cert: :MIIBqDCCAU6g:\n", nil, []string{"client-cert"}},
		{"of Amazon", "X-Amzn-Mtls-Clientcert: -----BEGIN\n", nil, []string{"X-Amzn-Mtls-Clientcert"}},
		{"of one's own", "X-Cert-Hash: 00ff\n", []string{"X-Cert-Hash"}, []string{"X-Cert-Hash"}},
		{"empty", "X-SSL-Client-Cert: \nX-SSL-Client-Verify: NONE\nX-SSL-Client-DN: (null)\n", nil, nil},
		{"something else", "X-Forwarded-For: 10.0.0.1\nUser-Agent: client/1.0\nclient: certain\n", nil, nil},
		{"once", "Client-Cert: a\nclient-cert: b\n", nil, []string{"Client-Cert"}},
	} {
		if got := passedOn(tt.text, tt.own); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
