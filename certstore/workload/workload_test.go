package workload

import (
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
)

// message is an X509SVIDResponse.
func message(list ...SVID) []byte {
	var out []byte
	for _, s := range list {
		var one []byte
		for n, value := range [][]byte{[]byte(s.ID), s.Chain, s.Key, s.Authorities, []byte("hint")} {
			one = protowire.AppendBytes(protowire.AppendTag(one, protowire.Number(n+1), protowire.BytesType), value)
		}
		out = protowire.AppendBytes(protowire.AppendTag(out, 1, protowire.BytesType), one)
	}
	return protowire.AppendVarint(protowire.AppendTag(out, 99, protowire.VarintType), 7)
}

func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// agent listens on a socket of Unix and answers by HTTP/2 in clear.
func agent(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") // paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: answer, Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return "unix://" + path
}

func TestFetch(t *testing.T) {
	want := []SVID{{ID: "spiffe://example.org/a", Chain: []byte("chain"), Key: []byte("key"), Authorities: []byte("ca")},
		{ID: "spiffe://example.org/b", Chain: []byte("x"), Key: []byte("y"), Authorities: []byte("z")}}
	grpc := func(status, text string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/SpiffeWorkloadAPI/FetchX509SVID" || r.Header.Get("workload.spiffe.io") != "true" {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
			_, _ = w.Write(body)
			w.Header().Set("Grpc-Status", status)
			w.Header().Set("Grpc-Message", text)
		}
	}
	good := framed(message(want...))
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   string // of the error; empty for none
	}{
		{"two identities", grpc("0", "", good), ""},
		{"and a stream that goes on", func(w http.ResponseWriter, r *http.Request) {
			grpc("0", "", good)(w, r)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, ""},
		{"no entry", grpc("7", "no identity issued", nil), "no registration entry fits it"},
		{"another refusal", grpc("3", "security header missing%21", nil), `gRPC status 3: "security header missing!"`},
		{"none", grpc("0", "", framed(nil)), "has no identity for this process"},
		{"cut off", grpc("0", "", good[:len(good)-3]), "cut off"},
		{"too long", grpc("0", "", []byte{0, 0xff, 0, 0, 0}), "more than"},
		{"compressed", grpc("0", "", []byte{1, 0, 0, 0, 0}), "compressed"},
		{"no message", grpc("0", "", framed([]byte{0x0a, 0x7f})), "not an X509SVIDResponse"},
		{"not gRPC", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }, "HTTP status 418"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Fetch(t.Context(), agent(t, tt.answer))
			if tt.want == "" {
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("%v (-want +got)\n%s", err, diff)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"unix:///run/agent.sock": "unix /run/agent.sock", "unix:/run/agent.sock": "unix /run/agent.sock",
		"tcp://127.0.0.1:8000": "tcp 127.0.0.1:8000", "tcp://localhost:1": "", "/run/agent.sock": "", "": "", "unix://": "",
		"unix://host/path": "", "http://127.0.0.1:1": "", "%": "",
	} {
		network, place, err := parse(address)
		if got := network + " " + place; (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%q: %q, %v", address, got, err)
		}
	}
	if _, err := Fetch(t.Context(), "unix:///nowhere/agent.sock"); err == nil || errors.Is(err, os.ErrNotExist) == false {
		t.Errorf("no agent: %v", err)
	}
}

// Whatever an agent sends ends without a panic.
func FuzzDecode(f *testing.F) {
	f.Add(message(SVID{ID: "spiffe://a/b", Chain: []byte{1}}))
	f.Add([]byte{0x0a, 0x02, 0x12, 0x00, 0x08, 0x01})
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := decode(data)
		if (err == nil) != (len(list) > 0) {
			t.Errorf("%v, %v", list, err)
		}
	})
}
