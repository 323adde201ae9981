package probe_test

import (
	"fmt"

	"mtlsprobe/probe"
)

func ExampleParseTarget() {
	t, err := probe.ParseTarget("https://[2001:db8::1]:8443/v1")
	fmt.Println(t.Address(), t.Path, err)
	// Output: [2001:db8::1]:8443 /v1 <nil>
}
