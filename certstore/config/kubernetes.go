package config

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// object reads an object of Kubernetes into a block by its name, and reports whether it is
// one: a Secret, whose data are base64; a list of objects; a Certificate of cert-manager,
// of which the state is told; or another, such as a ConfigMap.
func (r *treeReader) object(n *yaml.Node, depth int) bool {
	kind := child(n, "kind")
	if depth > maxDepth || kind == nil || child(n, "apiVersion") == nil {
		return false
	}
	if items := child(n, "items"); items != nil && items.Kind == yaml.SequenceNode &&
		strings.HasSuffix(kind.Value, "List") {
		for _, item := range items.Content {
			if !r.object(item, depth+1) {
				r.read(item, nil, r.document.open(0, ""), depth+1)
			}
		}
		return true
	}
	name := ""
	if metadata := child(n, "metadata"); metadata != nil {
		if value := child(metadata, "name"); value != nil {
			name = value.Value
		}
	}
	block := r.document.open(0, name)
	r.document.add(setting{keys: []string{"apiVersion"}, value: "v1", line: n.Line, block: block})
	switch kind.Value {
	case "Secret":
		r.secret(n, block, depth)
	case "Certificate":
		r.certificate(n, name)
	default:
		r.read(n, nil, block, depth)
	}
	return true
}

// secret reads the entries of a Secret (kubernetes.io, "Secrets").
func (r *treeReader) secret(n *yaml.Node, block, depth int) {
	if data := child(n, "data"); data != nil && data.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(data.Content); i += 2 {
			value := data.Content[i+1].Value
			if decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value)); err == nil && utf8.Valid(decoded) &&
				!isStore(decoded) {
				value = string(decoded)
			}
			r.scalar(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Line: data.Content[i].Line},
				[]string{data.Content[i].Value}, block)
		}
	}
	if data := child(n, "stringData"); data != nil {
		r.read(data, nil, block, depth+1)
	}
}

// certificate notes the state of a Certificate (cert-manager.io, "Certificate resource").
func (r *treeReader) certificate(n *yaml.Node, name string) {
	text := func(n *yaml.Node, key string) string {
		if value := child(n, key); value != nil && value.Kind == yaml.ScalarNode {
			return Clip(value.Value)
		}
		return ""
	}
	note := fmt.Sprintf("line %d: the Certificate %q", n.Line, Clip(name))
	if spec := child(n, "spec"); spec != nil {
		note += fmt.Sprintf(" is kept in the Secret %q", text(spec, "secretName"))
	}
	status := child(n, "status")
	ready := "is not known to be ready"
	if status != nil {
		if conditions := child(status, "conditions"); conditions != nil {
			for _, condition := range conditions.Content {
				if text(condition, "type") == "Ready" {
					ready = map[string]string{"True": "is ready", "False": "is not ready"}[text(condition, "status")]
					if message := text(condition, "message"); message != "" {
						ready += fmt.Sprintf(" (%s)", message)
					}
				}
			}
		}
		if until := text(status, "notAfter"); until != "" {
			ready += ", and valid until " + until
		}
	}
	r.document.notes = append(r.document.notes, note+" and "+ready)
}

// child returns the value of a mapping's first key of that name, or nil.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			if value := n.Content[i+1]; value.Kind == yaml.AliasNode {
				return value.Alias
			}
			return n.Content[i+1]
		}
	}
	return nil
}
