package token

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseURI(t *testing.T) {
	u, err := ParseURI("PKCS11:token=My%20Token;id=%01%FF;object=a%3bb;type=cert;slot-id=7;library-version=2.6;x-vendor=1?module-path=/usr/lib/a.so&pin-value=1%262&x-more=2")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"token": "My Token", "id": "\x01\xff", "object": "a;b", "type": "cert", "slot-id": "7", "library-version": "2.6"} {
		if got, ok := u.Path(name); !ok || got != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, ok, want)
		}
	}
	if _, ok := u.Path("serial"); ok {
		t.Error("an attribute that is not there was found")
	}
	const want = "pkcs11:library-version=2.6;slot-id=7;token=My%20Token;id=%01%FF;object=a%3Bb;type=cert?module-path=/usr/lib/a.so"
	if got := u.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	ask, err := u.pin(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ask(context.Background(), Info{}); got != "1&2" || err != nil {
		t.Errorf("got PIN %q, %v", got, err)
	}
}

func TestParseURIRefuses(t *testing.T) {
	for uri, want := range map[string]string{
		"file:/x":                                     `begins with "pkcs11:"`,
		"pkcs11:token":                                `attribute "token" has no "="`,
		"pkcs11:token=a;":                             `attribute "" has no "="`,
		"pkcs11:token=a;token=b":                      `attribute "token" is there twice`,
		"pkcs11:tokne=a":                              `attribute "tokne" is unknown`,
		"pkcs11:token=my token":                       `attribute "token": character " " is written %20`,
		"pkcs11:token=%4":                             `attribute "token": "%" is to be followed`,
		"pkcs11:token=%+1":                            `attribute "token": "%" is to be followed`,
		"pkcs11:type=certificate":                     `attribute "type" is "certificate"`,
		"pkcs11:slot-id=x":                            `attribute "slot-id" is not a number`,
		"pkcs11:library-version=2.x":                  `attribute "library-version"`,
		"pkcs11:?module-path=lib.so":                  `must be absolute`,
		"pkcs11:?module-name=a/b":                     `must be a name`,
		"pkcs11:?pin-value=1&pin-source=file:/x":      "exclude each other",
		"pkcs11:pin-value=1":                          `attribute "pin-value" is unknown`,
		"pkcs11:?token=1":                             `attribute "token" is unknown`,
		"pkcs11:token=a?pin-value=5 ecret":            `attribute "pin-value" is not percent-encoded`,
		"pkcs11:token=a?pin-value=12&5ecret":          `"&" is written %26`,
		"pkcs11:token=a?pin-value=12&5ecret=5":        `"&" is written %26`,
		"pkcs11:token=a?pin-value=5ecret%zz":          `attribute "pin-value" is not percent-encoded`,
		"pkcs11:token=a?pin-value=1&pin-value=5ecret": `attribute "pin-value" is there twice`,
	} {
		_, err := ParseURI(uri)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", uri, err, want)
		} else if strings.Contains(err.Error(), "5ecret") {
			t.Errorf("%s: the error shows the PIN: %v", uri, err)
		}
	}
}

func TestPINSource(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pin")
	for content, want := range map[string]string{"1234\n": "1234", "12 34\r\n": "12 34", "": "", strings.Repeat("1", maxPIN+1): ""} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{"", "file:", "file://"} {
			u, err := ParseURI("pkcs11:?pin-source=" + form + path)
			if err != nil {
				t.Fatal(err)
			}
			ask, err := u.pin(nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := ask(context.Background(), Info{}); got != want || (err == nil) != (want != "") {
				t.Errorf("%d bytes, %q: got %q, %v, want %q", len(content), form, got, err, want)
			}
		}
	}
	u, err := ParseURI("pkcs11:?pin-source=%7Ccat%20/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), u, nil); err == nil || !strings.Contains(err.Error(), "pin-source") {
		t.Errorf("a program as the source of a PIN: got %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, kind := range []string{"public", "secret-key", "data"} {
		u, err := ParseURI("pkcs11:type=" + kind)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(context.Background(), u, nil); err == nil || !strings.Contains(err.Error(), "neither") {
			t.Errorf("%s: got %v", kind, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, &URI{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
}

func FuzzParseURI(f *testing.F) {
	seeds := []string{
		"pkcs11:",
		"pkcs11:token=a%20b;id=%00%ff;type=private?pin-value=%31",
		"pkcs11:slot-id=1;library-version=3?module-path=/x&pin-source=file:/y",
		"pkcs11:x-a=1;object=?x-b=2",
	}
	for _, seed := range seeds {
		if !IsURI(seed) {
			f.Fatalf("seed %q is no URI", seed)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURI(s)
		if err != nil {
			return
		}
		again, err := ParseURI(u.String())
		if err != nil {
			t.Fatalf("%q became %q: %v", s, u, err)
		}
		delete(u.query, "pin-value")
		if !maps.Equal(again.path, u.path) || !maps.Equal(again.query, u.query) {
			t.Errorf("%q became %q", s, u)
		}
	})
}

func ExampleParseURI() {
	u, err := ParseURI("pkcs11:token=My%20Card;id=%01?pin-value=1234")
	if err != nil {
		fmt.Println(err)
		return
	}
	token, _ := u.Path("token")
	fmt.Println(token)
	fmt.Println(u) // without the PIN
	// Output:
	// My Card
	// pkcs11:token=My%20Card;id=%01
}
