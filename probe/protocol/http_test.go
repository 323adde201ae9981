package protocol

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
)

func TestParseHTTP(t *testing.T) {
	const nginx = "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\nContent-Length: 130\r\n\r\n" +
		"<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n<center>No required SSL certificate was sent</center>"
	tests := []struct {
		name, data string
		ok         bool
		want       Answer
		refused    bool
	}{
		{"nothing", "", false, Answer{}, false},
		{"half a head", "HTTP/1.1 200 OK\r\nDate:", false, Answer{}, false},
		{"start of a protocol", "HT", false, Answer{}, false},
		{"empty body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true, Answer{Protocol: "http", Status: 200, Verdict: Welcome, Detail: "OK", Complete: true}, false},
		{"no header", "HTTP/1.0 204\r\n\r\n", true, Answer{Protocol: "http", Status: 204, Verdict: Welcome}, false},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true, Answer{Protocol: "http", Status: 200, Verdict: Welcome, Detail: "OK", Complete: true}, false},
		{"nginx", nginx, true, Answer{Protocol: "http", Status: 400, Detail: "No required SSL certificate was sent", Date: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), DateFrom: "HTTP Date", Verdict: CertificateRefused, Complete: true}, true},
		{"400 for another reason", "HTTP/1.1 400 Bad Request\r\n\r\nmissing parameter", true, Answer{Protocol: "http", Status: 400, Detail: "missing parameter"}, false},
		{"early hints, then a refusal", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", true, Answer{Protocol: "http", Status: 403, Verdict: AccessRefused, Detail: "Forbidden", Complete: true}, false},
		{"early hints alone", "HTTP/1.1 103 Early Hints\r\n\r\n", false, Answer{}, false},
		{"in trouble", "HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", true, Answer{Protocol: "http", Status: 503, Detail: "x", Complete: true}, false},
		{"496", "HTTP/1.1 496 x\r\n\r\n", true, Answer{Protocol: "http", Status: 496, Verdict: CertificateRefused, Detail: "x"}, true},
		{"no HTTP", "220 mail\x1b[31m ready\r\n", true, Answer{Detail: "220 mail.[31m ready", Complete: true}, false},
		{"no status", "HTTP/1.1 abc\r\n\r\n", true, Answer{Detail: "HTTP/1.1 abc", Complete: true}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := ParseHTTP([]byte(tt.data))
			if !reflect.DeepEqual(got, tt.want) || ok != tt.ok || (got.Verdict == CertificateRefused) != tt.refused {
				t.Errorf("got  %+v, %t, refused %t\nwant %+v, %t, refused %t", got, ok, got.Verdict == CertificateRefused, tt.want, tt.ok, tt.refused)
			}
		})
	}
}

func FuzzParseHTTP(f *testing.F) {
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\nDate: x\r\n\r\n<title>no certificate</title>"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, ok := ParseHTTP(data)
		if !ok && !reflect.DeepEqual(a, Answer{}) {
			t.Errorf("an answer that is none: %+v", a)
		}
		if strings.ContainsFunc(a.Detail, unicode.IsControl) || len(a.Detail) > 140 {
			t.Errorf("detail %q is not short and printable", a.Detail)
		}
	})
}
