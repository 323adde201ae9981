package say

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

func ExampleText() {
	fmt.Println(Text("the chain stops at ", DN("CN=Issuing,O=Acme"), "; add ", File("pki/issuing.pem")))
	// Output: the chain stops at CN=Issuing,O=Acme; add "pki/issuing.pem"
}

func TestPhrase(t *testing.T) {
	when := time.Date(2026, 6, 1, 2, 0, 0, 0, time.FixedZone("CEST", 7200))
	tests := []struct {
		name  string
		give  Phrase
		want  string
		parts int
	}{
		{"nothing", Text("", Phrase(nil)), "", 0},
		{"literals merge", Text("a", "b", 3), "ab3", 1},
		{"foreign words are quoted", Text("it says ", Quote("a\x1b[2J\"")), `it says "a\x1b[2J\""`, 2},
		{"accounts are quoted", Text(Account("www data")), `"www data"`, 1},
		{"times are UTC", Text("until ", Time(when)), "until 2026-06-01T00:00:00Z", 2},
		{"digests are hex", Text(Digest([]byte{1, 0xab})), "01ab", 1},
		{"join skips what says nothing", Join("; ", Text("a"), nil, Text(Host("h:1"))), "a; h:1", 2},
		{"list", List(DN, "CN=a", "CN=b"), "CN=a, CN=b", 3},
	}
	for _, tt := range tests {
		if got := tt.give.String(); got != tt.want || len(tt.give) != tt.parts {
			t.Errorf("%s: %q in %d parts, want %q in %d", tt.name, got, len(tt.give), tt.want, tt.parts)
		}
	}
}

// TestAliasing holds that adding to a phrase does not change one made of it before.
func TestAliasing(t *testing.T) {
	base := Text(DN("CN=a"), " x")
	first, second := Text(base, "1"), Text(base, "2")
	if base.String() != "CN=a x" || first.String() != "CN=a x1" || second.String() != "CN=a x2" {
		t.Errorf("%q %q %q", base, first, second)
	}
}

func TestJSON(t *testing.T) {
	data, err := json.Marshal(struct {
		Said Phrase `json:"said"`
		None Phrase `json:"none,omitempty"`
		Is   Answer `json:"is"`
	}{Said: Text("by ", DN("CN=a"))})
	if want := `{"said":"by CN=a","is":"unknown"}`; err != nil || string(data) != want {
		t.Fatalf("%s, %v; want %s", data, err, want)
	}
	var back Phrase
	if err := json.Unmarshal([]byte(`"by CN=a"`), &back); err != nil || len(back) != 1 || back[0].Kind != UnknownKind {
		t.Errorf("%v, %v", back, err)
	}
	for _, a := range []Answer{Yes, No, Unknown} {
		text, _ := a.MarshalText()
		var again Answer
		if err := again.UnmarshalText(text); err != nil || again != a {
			t.Errorf("%s became %s, %v", text, again, err)
		}
	}
	var a Answer
	if err := a.UnmarshalText([]byte("maybe")); err == nil {
		t.Error("maybe is an answer")
	}
}
