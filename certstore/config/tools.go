package config

import (
	"encoding/json"
	"errors"
	"strings"
)

var errIncludes = errors.New("it includes other files, which are not followed: give them as sources of their own")

// including adds to what a file names that it includes others; nil is a file that
// names nothing.
func (s *source) including(c *Config, includes bool) *Config {
	if c == nil && includes && s.customary {
		c = &Config{}
	}
	if c != nil && includes {
		c.Problems = append(c.Problems, errIncludes)
	}
	return c
}

// readGit reads a configuration of Git (git-config(1), "Syntax" and http.sslCert).
func readGit(s *source) *Config {
	d := ini{"#;", strings.ToLower, quoting{quotes: `"`, comments: "#;", escapes: "ntb"}.read}
	var references []Reference
	includes := false
	for _, part := range d.parse(strings.ReplaceAll(s.text, "\\\n", "")) {
		kind, url, _ := strings.Cut(part.name, " ")
		kind = strings.ToLower(kind)
		includes = includes || kind == "include" || kind == "includeif"
		if kind != "http" {
			continue
		}
		r := Reference{Name: strings.Trim(strings.TrimSpace(url), `"`), Certificate: part.get("sslcert"),
			Key: part.get("sslkey"), Authorities: part.get("sslcainfo")}
		if part.get("sslcertpasswordprotected") == "true" {
			r.PasswordNote = "Git asks for the password"
		}
		references = append(references, r)
	}
	return s.including(s.found(references, pathRule{tilde: true, fromStart: true}), includes)
}

// readWget reads a configuration of wget (GNU Wget manual, "Wgetrc Syntax" and
// "Wgetrc Commands").
func readWget(s *source) *Config {
	key := func(key string) string { return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(key)) }
	sections := ini{"#", key, asWritten}.parse(s.text)
	all := sections[0]
	r := Reference{Certificate: all.get("certificate"), Key: all.get("privatekey"), Authorities: all.get("cacertificate")}
	if !s.customary && (len(sections) > 1 || r.Certificate == "" || r.Key == "") {
		return nil // "certificate" alone is anyone's
	}
	for _, kind := range []string{"certificate_type", "private_key_type"} {
		if value := all.get(key(kind)); value != "" && !strings.EqualFold(value, "PEM") {
			r.addNote("%s is %s", kind, value)
		}
	}
	return s.found([]Reference{r}, pathRule{tilde: true, fromStart: true})
}

// readNPM reads a configuration of npm (docs.npmjs.com, npmrc, "Auth related
// configuration", and config, "cert" and "key").
func readNPM(s *source) *Config {
	sections := ini{"#;", asWritten, npmValue}.parse(s.text)
	all := sections[0]
	own := Reference{Authorities: all.get("cafile")}
	if cert, key := all.get("cert"), all.get("key"); isPEM(cert) || isPEM(key) {
		own.CertificateData, own.KeyData = []byte(cert), []byte(key)
	}
	references := []Reference{own}
	index := make(map[string]int)
	for _, p := range all.pairs {
		end := strings.LastIndexByte(p.key, ':')
		if !strings.HasPrefix(p.key, "//") || end < 0 || p.value == "" {
			continue
		}
		registry, field := strings.TrimSuffix(p.key[:end], "/"), p.key[end+1:]
		if field != "certfile" && field != "keyfile" {
			continue
		}
		i, known := index[registry]
		if !known {
			i = len(references)
			index[registry] = i
			references = append(references, Reference{Name: registry, Authorities: own.Authorities})
		}
		if field == "certfile" {
			references[i].Certificate = p.value
		} else {
			references[i].Key = p.value
		}
	}
	return s.found(references, pathRule{tilde: true, fromStart: true})
}

// npmValue reads a value, in which `\n` stands for the end of a line.
func npmValue(value string) string {
	if len(value) > 1 && value[0] == '"' {
		var text string
		if json.Unmarshal([]byte(value), &text) == nil {
			value = text
		}
	}
	return strings.ReplaceAll(value, `\n`, "\n")
}
