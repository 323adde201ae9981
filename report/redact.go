package report

import (
	"fmt"
	"net"
	"reflect"
	"strings"
	"time"

	"mtlsprobe/report/say"
)

// Redact returns a copy of the report with identifying data replaced by pseudonyms:
// hosts, addresses, distinguished names, files, accounts and fingerprints become
// stable pseudonyms (the same name the same one, so that issuers still link), raw
// bytes and texts that others wrote are removed, and times move so that the judgement
// was at the start of 2000. Algorithms, versions, results and reasons stay. The map
// leads from each pseudonym to what it stands for; it is for the owner alone.
//
// What a field holds is said by its redact tag: "keep" for the program's own words,
// "drop" for what is removed, and else the kind of name that it is. Sentences are
// rewritten value by value; one whose values are not known is removed.
func Redact(r *Report) (redacted *Report, names map[string]string) {
	c := &redactor{pseudonyms: make(map[string]string), names: make(map[string]string), count: make(map[string]int),
		shift: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Sub(r.JudgedAt)}
	out := deepCopy(reflect.ValueOf(*r)).Interface().(Report)
	c.walk(reflect.ValueOf(&out).Elem(), "", c.collect)
	c.walk(reflect.ValueOf(&out).Elem(), "", c.rewrite)
	for _, part := range out.Reports {
		part.Values = values(part)
	}
	out.Values = values(&out)
	return &out, c.names
}

// removed stands for what cannot be told by a pseudonym.
const removed = "(removed)"

type redactor struct {
	pseudonyms map[string]string // by name
	names      map[string]string // by pseudonym
	count      map[string]int    // by kind
	shift      time.Duration
}

// name gives a name its pseudonym.
func (c *redactor) name(kind, name string) string {
	if name == "" {
		return ""
	}
	if p := c.pseudonyms[name]; p != "" {
		return p
	}
	c.count[kind]++
	p := fmt.Sprintf("%s-%d", kind, c.count[kind])
	c.pseudonyms[name], c.names[p] = p, name
	return p
}

// host gives a host its pseudonym, whatever port follows it.
func (c *redactor) host(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return c.name("Host", address)
	}
	return c.name("Host", host) + ":" + port
}

// url gives the host of a URL its pseudonym.
func (c *redactor) url(s string) string {
	scheme, host, found := strings.Cut(s, "://")
	if !found {
		return c.host(s)
	}
	return scheme + "://" + c.host(host)
}

// text is what a field with the tag becomes.
func (c *redactor) text(tag, s string) string {
	switch {
	case s == "" || tag == "keep":
		return s
	case tag == "drop":
		return removed
	case tag == "Host":
		return c.host(s)
	case tag == "URL":
		return c.url(s)
	}
	return c.name(tag, s)
}

// part is what a value in a sentence becomes.
func (c *redactor) part(p say.Part) say.Part {
	switch p.Kind {
	case say.NameKind:
		p.Value = c.name("Name", p.Value)
	case say.FileKind:
		p.Value = c.name("File", p.Value)
	case say.HostKind:
		p.Value = c.url(p.Value)
	case say.AccountKind:
		p.Value = c.name("Account", p.Value)
	case say.DigestKind:
		p.Value = c.name("Fingerprint", p.Value)
	case say.QuoteKind, say.UnknownKind:
		p = say.Part{Value: removed}
	case say.TimeKind, say.DateKind:
		p.Time = c.shifted(p.Time)
	}
	return p
}

// walk calls visit for every string, sentence and time, with the tag of its field.
func (c *redactor) walk(v reflect.Value, tag string, visit func(v reflect.Value, tag string)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			c.walk(v.Elem(), tag, visit)
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[say.Phrase]() || v.Type().Elem().Kind() == reflect.Uint8 {
			visit(v, tag)
			return
		}
		for i := range v.Len() {
			c.walk(v.Index(i), tag, visit)
		}
	case reflect.String:
		visit(v, tag)
	case reflect.Struct:
		kind := v.Type()
		if kind == reflect.TypeFor[time.Time]() {
			visit(v, tag)
			return
		}
		for i := range v.NumField() {
			c.walk(v.Field(i), kind.Field(i).Tag.Get("redact"), visit)
		}
	}
}

// collect numbers the names in the order of their fields, before any sentence uses
// them.
func (c *redactor) collect(v reflect.Value, tag string) {
	if v.Kind() == reflect.String && tag != "" {
		c.text(tag, v.String())
	}
}

// shifted is a time as others may see it; one that is not known stays so.
func (c *redactor) shifted(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(c.shift)
}

func (c *redactor) rewrite(v reflect.Value, tag string) {
	switch x := v.Interface().(type) {
	case say.Phrase:
		v.Set(reflect.ValueOf(x.Map(c.part)))
	case time.Time:
		v.Set(reflect.ValueOf(c.shifted(x)))
	case string:
		v.SetString(c.text(tag, x))
	case []byte:
		if tag != "keep" {
			v.SetBytes(nil)
		}
	}
}

// deepCopy copies what a report is made of: structs, pointers, slices.
func deepCopy(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(deepCopy(v.Elem()))
		}
	case reflect.Slice:
		if !v.IsNil() {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(deepCopy(v.Index(i)))
			}
		}
	case reflect.Struct:
		out.Set(v)
		if v.Type() != reflect.TypeFor[time.Time]() {
			for i := range v.NumField() {
				out.Field(i).Set(deepCopy(v.Field(i)))
			}
		}
	default:
		out.Set(v)
	}
	return out
}
