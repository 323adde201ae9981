package mirror

import "slices"

// http11 is the application protocol that this server chooses: HTTP/1.1 if the
// client offers it, else none.
func (s *server) http11() []string {
	if !slices.Contains(s.hello.ALPN, "http/1.1") {
		return nil
	}
	return []string{"http/1.1"}
}
