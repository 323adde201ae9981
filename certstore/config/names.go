package config

import (
	"path/filepath"
	"slices"
	"strings"
)

// Misplaced says why the client that owns the folder of a client certificate does not
// find it there, and what to do; empty where it does, or where no client's rules are
// known. Only the path is looked at.
//
// Docker, Podman and their kin read DIR/certs.d/HOST[:PORT]/NAME.cert with NAME.key
// beside it; NAME.crt is a CA certificate to them (docs.docker.com, "Verify repository
// client with certificates"; containers-certs.d(5)). libpq reads postgresql.crt and
// postgresql.key in ~/.postgresql (PostgreSQL, libpq, "Client Certificates").
func Misplaced(path string) string {
	name, folder := filepath.Base(path), filepath.Dir(path)
	extension := filepath.Ext(name)
	stem := strings.TrimSuffix(name, extension)
	above := filepath.Dir(folder)
	owner := filepath.Base(filepath.Dir(above))
	switch {
	case slices.Contains([]string{"docker", ".docker", "containers"}, owner) && extension != ".key":
		switch filepath.Base(above) {
		case "certs.d":
			if extension != ".cert" {
				return "in this folder Docker and Podman read a client certificate from NAME.cert only, and NAME" + extension +
					" is none to them (.crt is a CA): name it " + stem + ".cert"
			}
		case "cert.d", "certs", "cert":
			return "Docker and Podman look in the folder certs.d, and not in " + filepath.Base(above) + ": rename the folder"
		}
	case filepath.Base(folder) == ".postgresql" && extension != ".key" && name != "postgresql.crt":
		return "of this folder libpq reads postgresql.crt with postgresql.key, unless sslcert and sslkey name others"
	}
	return ""
}
