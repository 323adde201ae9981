//go:build !windows && !darwin

package platform

// Names returns the stores that can be opened.
func Names() []string { return nil }

func open(string) ([]Identity, error) { return nil, nil }
