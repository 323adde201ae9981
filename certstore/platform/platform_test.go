package platform

import (
	"slices"
	"testing"
)

func TestOpen(t *testing.T) {
	if _, err := Open("no such store"); err == nil {
		t.Error("a store that does not exist was opened")
	}
	if slices.Contains(Names(), "") {
		t.Error("a store without a name")
	}
}
