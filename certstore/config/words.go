package config

import (
	"slices"
	"strings"
	"unicode"
)

// A role is what the value of a setting is for.
type role int

const (
	noRole           role = iota
	certificateRole       // a certificate, with its chain and perhaps its key
	keyRole               // a private key
	storeRole             // certificate and key in one: PKCS#12, a Java key store
	authorityRole         // CA certificates
	passwordRole          // what opens one of these
	passwordFileRole      // a file with it
)

// A vocabulary is the words that keys are made of, in all the formats.
type vocabulary struct {
	roles     map[string]role
	authority []string            // words that make a certificate a CA's
	neutral   []string            // words that say in what form a thing is there
	others    []string            // words that make a key another's: a key of SSH, a hash of a certificate
	known     map[string][]string // the words of keys
	base      []string            // all of these, and more, of which words are made that are written together
}

func newVocabulary() *vocabulary {
	v := &vocabulary{
		roles:     make(map[string]role),
		known:     make(map[string][]string),
		authority: strings.Fields("ca cas root roots trust trusted authority authorities issuing anchors"),
		neutral: strings.Fields("file files filename path location data value content inline string bytes " +
			"base64 pem der bundle info dir full private text item"),
		others: strings.Fields("ssh api access public pub session ticket crl crls revocation pinned fingerprint " +
			"hash authorized host hmac gpg jwt psk token mgmt dh encryption account"),
	}
	for as, list := range map[role]string{
		certificateRole: "cert certs certificate certificates crt cer chain",
		keyRole:         "key keys pkey",
		storeRole:       "store pkcs12 p12 pfx jks",
		authorityRole:   "ca cas root roots authority authorities trust anchors",
		passwordRole:    "password passwd pass passphrase phrase pwd pin secret",
	} {
		for word := range strings.FieldsSeq(list) {
			v.roles[word] = as
			v.base = append(v.base, word)
		}
	}
	v.base = slices.Concat(v.base, v.authority, v.neutral,
		strings.Fields("ssl tls client server proxy auth bridge user my http https peer machine type"))
	return v
}

// words splits a key at what is no letter or digit and where capitals begin, in lower
// case and without numbers at the end; words that are written together are taken apart,
// as "sslrootcert" into ssl, root, cert.
func (v *vocabulary) words(key string) []string {
	list, known := v.known[key]
	if !known {
		list = v.split(key)
		v.known[key] = list
	}
	return list
}

func (v *vocabulary) split(key string) []string {
	var list []string
	runes := []rune(key)
	begin := 0
	flush := func(end int) {
		if end > begin {
			list = append(list, v.parts(strings.ToLower(string(runes[begin:end])))...)
		}
		begin = end
	}
	if key == "" {
		return nil
	}
	if parts := v.parts(strings.ToLower(key)); len(parts) > 1 || slices.Contains(v.base, parts[0]) {
		return parts // "CAfile", of which the capitals do not tell the words
	}
	for i, c := range runes {
		switch {
		case !unicode.IsLetter(c) && !unicode.IsDigit(c):
			flush(i)
			begin = i + 1
		case i == begin || !unicode.IsUpper(c):
		case !unicode.IsUpper(runes[i-1]), i+1 < len(runes) && unicode.IsLower(runes[i+1]):
			flush(i)
		}
	}
	flush(len(runes))
	return list
}

// parts takes a word apart if all of it is words that are known.
func (v *vocabulary) parts(word string) []string {
	if slices.Contains(v.base, word) {
		return []string{word}
	}
	if bare := strings.TrimRight(word, "0123456789"); bare != "" && bare != word {
		return v.parts(bare)
	}
	const longest = 40
	if len(word) > longest {
		return []string{word}
	}
	// ends[n] is the length of the longest last part of the first n bytes, 0 for none
	ends := make([]int, len(word)+1)
	for n := 1; n <= len(word); n++ {
		for _, part := range v.base {
			if strings.HasSuffix(word[:n], part) && (n == len(part) || ends[n-len(part)] > 0) {
				ends[n] = max(ends[n], len(part))
			}
		}
	}
	var list []string
	for n := len(word); n > 0; n -= ends[n] {
		if ends[n] == 0 {
			return []string{word}
		}
		list = append(list, word[n-ends[n]:n])
	}
	slices.Reverse(list)
	return list
}

// A meaning is what the words of a setting's keys say.
type meaning struct {
	role role
	// stem is what is left of the words: keys of one identity have it in common, as
	// proxy_ssl_certificate and proxy_ssl_certificate_key have "proxy ssl".
	stem string
	// chain says that it is certificates that belong to another.
	chain bool
	// tls says that all the words of its key are of this vocabulary: another's key, such as
	// APP_KEY, may be a secret itself.
	tls bool
	// strong says of a password that it is a key's, or a store's, by its name.
	strong bool
}

// meaning reads keys from their end: the last word that is not neutral decides, and others of
// its key may make it another's.
func (v *vocabulary) meaning(keys []string) meaning {
	var all, rest, own, before []string
	last := -1
	for _, key := range keys {
		for segment := range strings.SplitSeq(key, ".") {
			words := v.words(segment)
			end := slices.IndexFunc(words, func(word string) bool { return !slices.Contains(v.neutral, word) })
			if end >= 0 {
				before, own = own, words
			}
			for n, word := range words {
				if !slices.Contains(v.neutral, word) {
					last = len(all) + n
				}
			}
			all = append(all, words...)
		}
	}
	if last < 0 {
		return meaning{}
	}
	has := func(words []string, list ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(list, word) })
	}
	m := meaning{role: v.roles[all[last]], chain: all[last] == "chain"}
	m.tls = !slices.ContainsFunc(own, func(word string) bool { return !slices.Contains(v.base, word) })
	switch {
	case m.role == noRole, has(own, v.others...), m.role == keyRole && has(own, "secret"):
		return meaning{}
	case m.role == passwordRole:
		m.strong = has(all, "key", "cert", "certificate", "store", "ssl", "tls")
		if last+1 < len(all) && slices.Contains([]string{"file", "filename", "path", "location"}, all[last+1]) {
			m.role = passwordFileRole
		}
	case all[last] == "store" && (last == 0 || all[last-1] != "key" && all[last-1] != "trust"):
		return meaning{}
	case has(own, v.authority...) && m.role == keyRole:
		return meaning{} // a CA's own
	case has(own, v.authority...), has(before, v.authority...):
		m.role = authorityRole
	}
	for _, word := range all {
		if v.roles[word] == noRole && !slices.Contains(v.neutral, word) && !slices.Contains(v.authority, word) {
			rest = append(rest, word)
		}
	}
	m.stem = strings.Join(unique(rest), " ")
	return m
}
