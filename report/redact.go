package report

import (
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Redact returns a copy of the report in which nothing names anybody: hosts,
// addresses, distinguished names, files, serial and friendly names become stable
// pseudonyms (the same name the same one, so that issuers still link), raw bytes,
// key identifiers and fingerprints are dropped or become pseudonyms, and times
// move so that the judgement was at the start of 2000. Algorithms, versions,
// results and reasons stay. The map leads from each pseudonym to what it stands
// for; it is for the owner alone.
//
// Free text of the server's and the operating system's is removed, not
// rewritten: nobody knows what is in it.
func Redact(r *Report) (redacted *Report, names map[string]string) {
	c := &censor{pseudonyms: make(map[string]string), names: make(map[string]string), count: make(map[string]int), shift: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Sub(r.JudgedAt)}
	out := deepCopy(reflect.ValueOf(*r)).Interface().(Report)
	c.collect(&out)
	c.prepare()
	c.drop(&out)
	c.rewrite(reflect.ValueOf(&out).Elem())
	return &out, c.names
}

type censor struct {
	pseudonyms map[string]string // by name
	names      map[string]string // by pseudonym
	count      map[string]int    // by kind
	shift      time.Duration
	known      *strings.Replacer
	short      *regexp.Regexp // the names that are short enough to stand within words; nil without any
}

// name gives a name its pseudonym.
func (c *censor) name(kind, name string) string {
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

// collect finds every name that stands in a field of its own.
func (c *censor) collect(r *Report) {
	if t := r.Target; t != nil {
		c.name("Host", t.Address)
		c.name("Host", t.ServerName)
		c.name("Host", t.Proxy)
		if _, host, ok := strings.Cut(t.Proxy, "://"); ok {
			c.name("Host", host)
			name, _, _ := strings.Cut(host, ":")
			c.name("Host", name)
		}
		if host, _, ok := strings.Cut(t.Address, ":"); ok {
			c.name("Host", host)
		}
	}
	certificates := func(list []Certificate) {
		for i := range list {
			c.certificate(&list[i])
		}
	}
	if r.Clock != nil && r.Clock.NTP != nil {
		c.name("Host", r.Clock.NTP.Host)
	}
	if r.Server != nil {
		certificates(r.Server.Certificates)
	}
	requests := []*Request{r.Request}
	for _, v := range r.Versions {
		requests = append(requests, v.Request)
	}
	for n := range r.Variants {
		v := &r.Variants[n]
		c.name("Host", v.Address)
		c.name("Host", v.ServerName)
		if v.Certificate != nil {
			c.certificate(v.Certificate)
		}
		requests = append(requests, v.Request)
	}
	for _, q := range requests {
		if q != nil {
			for _, n := range q.NamedCAs {
				c.name("CA", n.DN)
			}
		}
	}
	certificates(r.Authorities)
	for _, file := range r.Containers {
		c.name("File", file.Source)
	}
	for n := range r.Identities {
		c.identity(&r.Identities[n])
	}
	if m := r.Migration; m != nil {
		for _, p := range m.Phases {
			c.name("Phase", p.Label)
			for _, dn := range p.NamedCAs {
				c.name("CA", dn)
			}
		}
		for _, row := range m.Rows {
			c.name("File", row.Label)
			for _, cell := range row.Cells {
				for _, dn := range append(slices.Clone(cell.Path), cell.NamedCA, cell.EndedBy) {
					c.name("Name", dn)
				}
			}
		}
	}
	for n := range r.Sightings {
		certificates(r.Sightings[n].Chain)
		c.name("Host", r.Sightings[n].ServerName)
		c.name("Host", r.Sightings[n].Remote)
	}
	for _, talk := range conversations(r) {
		c.conversation(talk.Rows)
	}
}

// conversation finds the names that others bear: the parties' own are known.
func (c *censor) conversation(rows []TranscriptRow) {
	for _, row := range rows {
		kind := "Name"
		if row.Message == "ClientHello" {
			kind = "Host"
		}
		for _, name := range row.Names {
			c.name(kind, name)
		}
	}
}

func (c *censor) identity(i *Identity) {
	c.name("Client", i.Subject)
	c.name("CA", i.Issuer)
	c.name("CA", i.BeginsWith)
	c.name("File", i.Label)
	c.name("File", i.Source)
	c.name("File", i.NamedBy)
	c.name("File", i.Key.Source)
	c.name("Friendly", i.FriendlyName)
	if i.Access != nil {
		c.name("Account", i.Access.Account)
	}
	for n := range i.Chain {
		c.certificate(&i.Chain[n])
	}
	for _, n := range i.NamedCAs {
		c.name("CA", n.DN)
		for _, path := range n.Paths {
			for _, dn := range path {
				c.name("CA", dn)
			}
		}
	}
	if i.Tree != nil {
		c.branch(i.Tree)
	}
}

func (c *censor) certificate(x *Certificate) {
	kind := "CA"
	if x.Subject == x.Issuer {
		kind = "Root"
	}
	c.name(kind, x.Subject)
	c.name("CA", x.Issuer)
	c.name("File", x.Source)
}

func (c *censor) branch(b *Branch) {
	c.name(map[bool]string{true: "Root", false: "CA"}[b.Root], b.Subject)
	c.name("File", b.Source)
	for _, issuer := range b.Issuers {
		c.branch(issuer)
	}
}

// prepare makes the replacer: the longest names first, for one may be part of
// another.
func (c *censor) prepare() {
	names := make([]string, 0, len(c.pseudonyms))
	for name := range c.pseudonyms {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	const within = 4 // letters that may be part of another word
	var pairs, short []string
	for _, name := range names {
		if len(name) > within {
			pairs = append(pairs, name, c.pseudonyms[name])
		} else {
			short = append(short, regexp.QuoteMeta(name))
		}
	}
	c.known = strings.NewReplacer(pairs...)
	if len(short) > 0 {
		c.short = regexp.MustCompile(`(^|[^\pL\pN_.-])(` + strings.Join(short, "|") + `)($|[^\pL\pN_-])`)
	}
}

const removed = "(removed)"

// drop removes what cannot be told by a pseudonym: raw bytes, fingerprints and
// texts that others wrote.
func (c *censor) drop(r *Report) {
	if r.Request != nil {
		dropRequest(r.Request)
	}
	hideFindings(r.ServerFindings)
	for i := range r.Versions {
		if strings.ContainsAny(r.Versions[i].Detail, `":`) { // it quotes the server, or the system
			r.Versions[i].Detail = removed
		}
		if q := r.Versions[i].Request; q != nil {
			dropRequest(q)
		}
	}
	for i := range r.Variants {
		r.Variants[i].Error = hide(r.Variants[i].Error)
		if q := r.Variants[i].Request; q != nil {
			dropRequest(q)
		}
	}
	if r.Server != nil {
		r.Server.VerifyError = hide(r.Server.VerifyError)
	}
	for i := range r.Problems {
		r.Problems[i] = removed
	}
	for i := range r.Controls {
		hideTrial(&r.Controls[i].Trial)
	}
	for n := range r.Identities {
		i := &r.Identities[n]
		i.Serial, i.Key.Detail = "", hide(i.Key.Detail)
		hideFindings(i.Findings)
		if i.Access != nil {
			i.Access.Detail, i.Access.Remedy = hide(i.Access.Detail), hide(i.Access.Remedy)
		}
		for k := range i.Key.ExposedTo {
			i.Key.ExposedTo[k] = removed
		}
		if i.Container != nil {
			i.Container.Parts = nil
		}
		if i.Trial != nil {
			hideTrial(i.Trial)
		}
	}
	for i := range r.Containers {
		r.Containers[i].Parts = nil
	}
	for i := range r.Sightings {
		r.Sightings[i].Detail = hide(r.Sightings[i].Detail)
	}
	hideTexts(r.Transcript)
	hideTexts(r.EarlierTranscript)
}

// hideTexts hides what was said in a connection, and keeps what it means.
func hideTexts(rows []TranscriptRow) {
	for i := range rows {
		rows[i].Text = hide(rows[i].Text)
	}
}

func dropRequest(q *Request) {
	q.Raw = nil
	for i := range q.NamedCAs {
		q.NamedCAs[i].DER = nil
	}
	q.Error = hide(q.Error)
}

func hide(s string) string {
	if s == "" {
		return ""
	}
	return removed
}

// hideFindings removes what the operating system and others wrote: accounts, groups
// and paths, and bytes of the server's.
func hideFindings(findings []Finding) {
	for n := range findings {
		switch f := &findings[n]; f.Check {
		case "key.account", "key.exposed", "server.injection", "server.late-request":
			f.Detail, f.Remedy = hide(f.Detail), hide(f.Remedy)
		}
	}
}

func hideTrial(t *Trial) {
	if strings.Contains(t.Detail, `"`) { // it quotes the server
		t.Detail = removed
	}
	for n := range t.Causes {
		if c := &t.Causes[n]; c.Check == "key.account" || c.Check == "key.exposed" {
			c.Detail = hide(c.Detail)
		}
	}
	if t.Application != nil {
		t.Application.Detail = hide(t.Application.Detail)
	}
	hideTexts(t.Transcript)
}

// rewrite goes through every string and time.
func (c *censor) rewrite(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			c.rewrite(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			c.rewrite(v.Index(i))
		}
	case reflect.String:
		v.SetString(c.text(v.String()))
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			v.Set(reflect.ValueOf(t.Add(c.shift)))
			return
		}
		for i := range v.NumField() {
			switch name := v.Type().Field(i).Name; name {
			case "SHA256":
				v.Field(i).SetString(c.name("Fingerprint", v.Field(i).String()))
			case "Citation", "Title", "Check", "Result", "Standing", "Outcome", "Verdict", "Asked", "When", "Insistence", "Supported", "Version", "State", "Kind", "Via", "From", "Direction", "Record", "Message": // the program's own words
			default:
				c.rewrite(v.Field(i))
			}
		}
	}
}

// What may stand in a sentence besides names that are known: a quoted text, a
// distinguished name, an address on the web, a host or IP address, bytes in hex,
// a date, and an attribute on its own.
var sensitive = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`"(?:\\.|[^"\\])*"|\B'[^']*'|https?://[^\s,;]+|` +
		`(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)=(?:\\.|[^,;:()\s\\]|[, ](?:[^,;:()\s=]+ ?)*)*(?:,(?:[A-Za-z][A-Za-z0-9-]*|[0-9.]+)=(?:\\.|[^,;:()\s\\]| [^,;:()\s=]+)*)*|` +
		`\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\dZ)?|\b[0-9a-fA-F]{8,}…?|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\b[a-z0-9-]+(?:\.[a-z0-9-]+)+:\d+\b|\bserial [0-9a-f]+|certificate has [0-9a-f]+`)
})

var alreadyHidden = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^"?(Account|Host|CA|Root|Client|File|Friendly|Name|Phase|Fingerprint|Text)-\d+"?$`)
})

// text replaces the known names, then everything that looks like one.
func (c *censor) text(s string) string {
	s = c.known.Replace(s)
	if c.short != nil {
		s = c.short.ReplaceAllStringFunc(s, func(found string) string {
			parts := c.short.FindStringSubmatch(found)
			return parts[1] + c.pseudonyms[parts[2]] + parts[3]
		})
	}
	return sensitive().ReplaceAllStringFunc(s, func(found string) string {
		switch {
		case alreadyHidden().MatchString(found):
			return found
		case strings.HasPrefix(found, `"`):
			return `"` + c.name("Text", strings.Trim(found, `"`)) + `"`
		}
		if t, err := time.Parse(time.RFC3339, found); err == nil {
			return t.Add(c.shift).Format(time.RFC3339)
		}
		if t, err := time.Parse(time.DateOnly, found); err == nil {
			return t.Add(c.shift).Format(time.DateOnly)
		}
		if _, err := netip.ParseAddrPort(found); err == nil {
			return c.name("Host", found)
		}
		return c.name("Text", found)
	})
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
