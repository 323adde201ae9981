package config

import (
	"slices"
	"strings"
)

// readCurl reads a configuration of curl (curl(1), -K, --config), which is the
// command line's options, one a line.
func readCurl(s *source) *Config {
	usual := curlOptions()
	references := []Reference{{}}
	for line := range strings.Lines(s.text) {
		option, value, dashed := curlOption(line)
		if option == "" {
			continue
		}
		if !s.customary && !dashed && !slices.Contains(usual, option) {
			return nil // OpenVPN, stunnel and others have a "cert", too
		}
		if option == "next" {
			references = append(references, Reference{})
			continue
		}
		setCurl(&references[len(references)-1], option, value)
	}
	return s.found(references, pathRule{fromStart: true})
}

func setCurl(r *Reference, option, value string) {
	switch option {
	case "cert", "E":
		var password string
		r.Certificate, password = splitCurlCert(value)
		r.setPassword(password)
	case "key":
		r.Key = value
	case "pass":
		r.setPassword(value)
	case "cacert":
		r.Authorities = value
	case "cert-type", "key-type":
		r.addNote("%s is %s", option, value)
	}
}

// curlOptions are those that are usual in files, without dashes.
func curlOptions() []string {
	return []string{
		"cacert", "capath", "cert", "cert-type", "compressed", "connect-timeout", "cookie", "cookie-jar", "data", "fail",
		"header",
		"http1.1", "http2", "insecure", "key", "key-type", "location", "max-time", "netrc", "next", "noproxy", "output",
		"pass",
		"progress-bar", "proto", "proxy", "referer", "remote-name", "request", "resolve", "retry", "retry-delay",
		"show-error",
		"silent", "tls-max", "tlsv1.2", "tlsv1.3", "url", "user", "user-agent", "verbose", "write-out",
	}
}

// curlOption splits a line. Behind a dash only space separates the value; without
// one, "=" and ":" do, too.
func curlOption(line string) (option, value string, dashed bool) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return "", "", false
	}
	separators := " \t=:"
	name, dashed := strings.CutPrefix(line, "-")
	if dashed {
		separators = " \t"
	}
	name, long := strings.CutPrefix(name, "-")
	end := strings.IndexAny(name, separators)
	if dashed && !long && len(name) > 1 { // a letter, and what may follow at once
		end = 1
	}
	if end < 0 {
		return name, "", dashed
	}
	return name[:end], curlValue(strings.TrimLeft(name[end:], separators)), dashed
}

// curlValue takes the quotes off.
func curlValue(raw string) string {
	if strings.HasPrefix(raw, `"`) {
		return quoting{quotes: `"`, escapes: "tnrv", once: true}.read(raw)
	}
	value, _, _ := strings.Cut(raw, " ")
	value, _, _ = strings.Cut(value, "\t")
	return value
}

// splitCurlCert splits "file:password"; a colon and a backslash of the file's name
// have a backslash before them (curl(1), -E, --cert).
func splitCurlCert(value string) (file, password string) {
	if strings.HasPrefix(strings.ToLower(value), "pkcs11:") {
		return value, ""
	}
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		next := byte(0)
		if i+1 < len(value) {
			next = value[i+1]
		}
		switch c := value[i]; {
		case c == '\\' && (next == '\\' || next == ':'):
			i++
			b.WriteByte(next)
		case c == ':' && (i != 1 || next != '/' && next != '\\'): // and not C:\
			return b.String(), value[i+1:]
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}
