package verifier

// Settings are what an administrator can change. They are counted and named as the program
// does it; nil means its default.
type Settings struct {
	Depth         *int  // how long a path may be
	PartialChain  *bool // whether a path may end with a trusted certificate that is no root
	Strict        *bool // OpenSSL's X509_V_FLAG_X509_STRICT
	SecurityLevel *int  // OpenSSL's, 0 to 5
}

// or are the settings, with the defaults where they say nothing.
func (s Settings) or(defaults Settings) Settings {
	if s.Depth == nil {
		s.Depth = defaults.Depth
	}
	if s.PartialChain == nil {
		s.PartialChain = defaults.PartialChain
	}
	if s.Strict == nil {
		s.Strict = defaults.Strict
	}
	if s.SecurityLevel == nil {
		s.SecurityLevel = defaults.SecurityLevel
	}
	return s
}

// A Setting is one that can be changed.
type Setting string

// The settings that a judgement can turn on.
const (
	NoSetting     Setting = ""
	Depth         Setting = "depth"
	PartialChain  Setting = "partial chain"
	Strict        Setting = "strict"
	SecurityLevel Setting = "security level"
)

// A change is one setting set otherwise.
type change struct {
	setting  Setting
	needs    int
	settings Settings
}

// otherwise are the settings with one of those changed that the program has.
func (p *Profile) otherwise(s Settings) (changes []change) {
	try := func(setting Setting, needs int, edit func(*Settings)) {
		if _, ok := p.Settable.Directives[setting]; ok {
			other := s
			edit(&other)
			changes = append(changes, change{setting, needs, other})
		}
	}
	if s.Depth != nil {
		try(Depth, 0, func(o *Settings) { o.Depth = nil })
	}
	if s.PartialChain != nil && !*s.PartialChain {
		try(PartialChain, 0, func(o *Settings) { o.PartialChain = on(true) })
	}
	if s.Strict != nil && *s.Strict {
		try(Strict, 0, func(o *Settings) { o.Strict = on(false) })
	}
	for level := 4; s.SecurityLevel != nil && level >= 0; level-- {
		if level < *s.SecurityLevel {
			try(SecurityLevel, level, func(o *Settings) { o.SecurityLevel = of(level) })
		}
	}
	return changes
}
