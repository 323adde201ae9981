package match

import "testing"

// What leads to a named CA goes into the bundle, proven or by name.
func TestBundle(t *testing.T) {
	for _, tt := range []struct {
		name    string
		setup   setup
		want    int // certificates
		reached int
	}{
		{"reached", setup{}, 1, 1},
		{"the CA itself is not at hand", setup{authorities: none}, 1, 1},
		{"the issuer is at hand alone", setup{chain: none, authorities: []string{"Root", "Issuing"}}, 1, 1},
		{"out of reach", setup{leaf: "stranger", chain: none}, 0, 0},
		{"no list", setup{named: none}, 0, 0},
	} {
		v := judgeSetup(tt.setup)
		if chain, reached := Bundle(&v); len(chain) != tt.want || reached != tt.reached {
			t.Errorf("%s: %d certificates, %d reached; want %d, %d", tt.name, len(chain), reached, tt.want, tt.reached)
		}
	}
}
