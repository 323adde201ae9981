package report

import _ "embed"

//go:embed schema.json
var schema []byte

// JSONSchema returns the JSON Schema (2020-12) of reports, hand-written beside
// the types.
func JSONSchema() []byte { return schema }
