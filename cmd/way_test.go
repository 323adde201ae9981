package cmd

import (
	"fmt"
	"testing"
)

func TestResolve(t *testing.T) {
	for _, tt := range []struct {
		resolve []string
		want    string // empty: an error
	}{
		{nil, "map[]"},
		{[]string{"a.test:127.0.0.1"}, "map[a.test:[127.0.0.1]]"},
		{[]string{"A.test:443:127.0.0.1", "a.test:::1"}, "map[a.test:[127.0.0.1 ::1]]"},
		{[]string{"a.test:[::1]"}, "map[a.test:[::1]]"},
		{[]string{"a.test:443:[2001:db8::1]"}, "map[a.test:[2001:db8::1]]"},
		{[]string{"a.test"}, ""},
		{[]string{"a.test:b.test"}, ""},
		{[]string{":127.0.0.1"}, ""},
	} {
		got, err := (&wayFlags{resolve: tt.resolve}).addresses()
		if (err != nil) != (tt.want == "") || err == nil && fmt.Sprint(got) != tt.want {
			t.Errorf("%v: %v, %v; want %s", tt.resolve, got, err, tt.want)
		}
	}
}
