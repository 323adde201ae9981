package say

import "fmt"

// An Answer is yes, no or unknown. The zero Answer is Unknown.
type Answer uint8

// The answers.
const (
	Unknown Answer = iota
	Yes
	No
)

// Known turns a fact that was looked at into an answer.
func Known(fact bool) Answer {
	if fact {
		return Yes
	}
	return No
}

func (a Answer) String() string {
	switch a {
	case Yes:
		return "yes"
	case No:
		return "no"
	}
	return "unknown"
}

// MarshalText writes "yes", "no" or "unknown".
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText writes, and the empty text as Unknown.
func (a *Answer) UnmarshalText(text []byte) error {
	switch string(text) {
	case "yes":
		*a = Yes
	case "no":
		*a = No
	case "unknown", "":
		*a = Unknown
	default:
		return fmt.Errorf("%q is none of yes, no, unknown", text)
	}
	return nil
}
