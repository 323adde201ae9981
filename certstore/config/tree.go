package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxAliases bounds the aliases of a YAML document, which programs never write.
const maxAliases = 100

// errSize is the error of a text whose parts are more than a configuration has: each takes
// memory.
var errSize = fmt.Errorf("it has more than %d entries", maxSettings)

var errAliases = fmt.Errorf("it has more than %d YAML aliases", maxAliases)

// yamlError says where a YAML document is broken. The parser's own words may quote it,
// passwords included.
func yamlError(err error) error {
	var line int
	if _, scanned := fmt.Sscanf(err.Error(), "yaml: line %d:", &line); scanned == nil {
		return fmt.Errorf("the YAML cannot be parsed (line %d)", line)
	}
	return errors.New("the YAML cannot be parsed")
}

// isTree reports whether a text looks like YAML with blocks, or JSON.
func isTree(text string) bool {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[{") || strings.HasPrefix(text, "---\n") {
		return true
	}
	return regexp.MustCompile(`(?m)^[ \t]*(- )?["']?[\w.\-/*]+["']?:[ \t]*` +
		`([|>&!*][^\n]*|\{.*|\[.*)?(#.*)?$`).MatchString(text)
}

// readTrees parses YAML, or JSON, of one or more documents. It returns the error of the
// first that is broken, with those before.
func readTrees(text string) (roots []*yaml.Node, err error) {
	if strings.Count(text, ",")+strings.Count(text, "\n") > maxSettings {
		return nil, errSize
	}
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
		if root, err := readJSON(text); err == nil {
			return []*yaml.Node{root}, nil
		}
		text = strings.ReplaceAll(text, "\t", " ") // YAML forbids them, and strings of JSON have none
	}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var document yaml.Node
		switch err := decoder.Decode(&document); {
		case errors.Is(err, io.EOF):
			return roots, nil
		case err != nil:
			return roots, yamlError(err)
		}
		if countAliases(&document, maxAliases) > maxAliases {
			return roots, errAliases
		}
		if len(document.Content) > 0 {
			roots = append(roots, document.Content[0])
		}
	}
}

// countAliases counts up to one more than most.
func countAliases(n *yaml.Node, most int) int {
	count := 0
	if n.Kind == yaml.AliasNode {
		count++
	}
	for _, child := range n.Content {
		if count > most {
			break
		}
		count += countAliases(child, most-count)
	}
	return count
}

// readJSON parses JSON into the nodes of YAML, which it is much faster at than YAML's
// parser.
func readJSON(text string) (*yaml.Node, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	count := &lines{text: text}
	root, err := readJSONValue(decoder, count, 0)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one JSON value")
	}
	return root, nil
}

func readJSONValue(decoder *json.Decoder, count *lines, depth int) (*yaml.Node, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Line: count.to(int(decoder.InputOffset()))}
	switch value := token.(type) {
	case json.Delim:
		if depth > maxDepth {
			return nil, fmt.Errorf("it is nested deeper than %d", maxDepth)
		}
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		if value == '{' {
			n.Kind, n.Tag = yaml.MappingNode, "!!map"
		}
		for decoder.More() {
			child, err := readJSONValue(decoder, count, depth+1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, child)
		}
		_, err = decoder.Token() // the end
		return n, err
	case string:
		n.Value = value
	case json.Number:
		n.Tag, n.Value = "!!int", value.String()
	case bool:
		n.Tag, n.Value = "!!bool", strconv.FormatBool(value)
	default:
		n.Tag = "!!null"
	}
	return n, nil
}

// readNodes turns the roots of documents into settings; err is what could not be read.
func (v *vocabulary) readNodes(roots []*yaml.Node, err error) *document {
	d := newDocument()
	if err != nil {
		d.problems = append(d.problems, err)
	}
	r := &treeReader{statementReader: statementReader{document: d, vocabulary: v, assignment: assignment()}}
	for _, root := range roots {
		block := 0
		if len(roots) > 1 {
			block = d.open(0, "")
		}
		if !r.object(root, 0) {
			r.read(root, nil, block, 0)
		}
	}
	return d
}

// maxKeys is how many of the keys that lead to a value are kept: those further out say nothing
// of it.
const maxKeys = 12

// A treeReader turns nodes into settings.
type treeReader struct {
	statementReader
	visited int
}

func (r *treeReader) read(n *yaml.Node, keys []string, block, depth int) {
	if r.visited++; depth > maxDepth || r.visited > maxSettings {
		return
	}
	switch n.Kind {
	case yaml.AliasNode:
		r.read(n.Alias, keys, block, depth+1)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			outer := keys[max(0, len(keys)-maxKeys+1):]
			r.read(n.Content[i+1], append(outer[:len(outer):len(outer)], n.Content[i].Value), block, depth+1)
		}
	case yaml.SequenceNode:
		if r.arguments(n, block) {
			return
		}
		for _, child := range n.Content {
			own := block
			if child.Kind != yaml.ScalarNode {
				own = r.document.open(block, "")
			}
			r.read(child, keys, own, depth+1)
		}
	case yaml.ScalarNode:
		r.scalar(n, keys, block)
	}
}

// arguments reads a list of the arguments of a command.
func (r *treeReader) arguments(n *yaml.Node, block int) bool {
	var list []string
	for _, child := range n.Content {
		if child.Kind != yaml.ScalarNode {
			return false
		}
		list = append(list, child.Value)
	}
	if !slices.ContainsFunc(list, func(word string) bool { return strings.HasPrefix(word, "--") }) {
		return false
	}
	r.options(list, setting{line: n.Line, block: r.document.open(block, ""), statement: list[0]})
	return true
}

func (r *treeReader) scalar(n *yaml.Node, keys []string, block int) {
	if n.Tag == "!!null" {
		return
	}
	if len(keys) == 0 {
		keys = []string{"item"}
	}
	r.document.add(setting{keys: keys, value: n.Value, line: n.Line, block: block, literal: true})
	if len(n.Value) < maxOption && strings.ContainsAny(n.Value, "=") || strings.Contains(n.Value, " -") {
		for line := range strings.Lines(n.Value) { // an assignment or a command
			r.block = block
			r.statement(strings.TrimSpace(line), n.Line)
		}
	}
}
