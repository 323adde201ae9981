package protocol

import (
	"regexp"
	"slices"
	"strings"
)

// passedOn finds the fields by which a proxy that ends TLS passes a client's certificate on to what
// stands behind it, in what that says of the request that it got: Client-Cert (RFC 9440), Envoy's
// X-Forwarded-Client-Cert, and the many names that nginx, HAProxy and others are told to use. Names
// that are given are looked for, too. It returns those that have a value.
func passedOn(text string, names []string) (fields []string) {
	const field = `(?i)(?:HTTP[-_])?((?:x[-_])?(?:forwarded[-_])?(?:(?:ssl|tls|mtls|amzn[-_]mtls|arr)[-_])?` +
		`client[-_]?(?:cert|verif|dn|s[-_]dn|i[-_]dn|subject|issuer|serial|fingerprint|cn|chain)[a-z0-9_-]*`
	var own strings.Builder
	for _, name := range names {
		own.WriteString("|" + regexp.QuoteMeta(name))
	}
	pattern := regexp.MustCompile(field + own.String() + `)["']?[ \t]*(?:[:=]|=>)[ \t]*["'\[]*([^\s"'\],<][^\r\n"'<]*)`)
	for _, found := range pattern.FindAllStringSubmatch(text, -1) {
		name, value := strings.ReplaceAll(found[1], "_", "-"), strings.ToLower(strings.Trim(found[2], " ,"))
		if slices.Contains([]string{"", "-", "none", "(null)", "null", "0", "false", "undefined"}, value) ||
			slices.ContainsFunc(fields, func(f string) bool { return strings.EqualFold(f, name) }) {
			continue
		}
		fields = append(fields, name)
	}
	return fields
}
