package config

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readXML reads XML, and property lists (Apple's profiles are some), as nodes of YAML.
// Entities are not expanded. The node has what stands before an error.
func readXML(text string) (*yaml.Node, error) {
	if strings.Count(text, "<") > maxSettings {
		return &yaml.Node{}, errSize
	}
	r := &xmlReader{decoder: xml.NewDecoder(strings.NewReader(text)), count: &lines{text: text}}
	root, err := r.element(xml.StartElement{}, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return root, fmt.Errorf("the XML cannot be parsed (line %d)", r.count.to(int(r.decoder.InputOffset())))
	}
	return root, nil
}

type xmlReader struct {
	decoder *xml.Decoder
	count   *lines
}

// element reads up to the end of an element. Its attributes and elements become a
// mapping, in which its text has an empty key; an element of text alone is that.
func (r *xmlReader) element(start xml.StartElement, depth int) (*yaml.Node, error) {
	line := r.count.to(int(r.decoder.InputOffset()))
	n := &yaml.Node{Kind: yaml.MappingNode, Line: line}
	if depth > maxDepth {
		return n, fmt.Errorf("it is nested deeper than %d", maxDepth)
	}
	for _, a := range start.Attr {
		n.Content = append(n.Content, scalar(a.Name.Local, line), scalar(a.Value, line))
	}
	var text strings.Builder
	key := "" // of a property list: that of the element that follows
	for {
		token, err := r.decoder.Token()
		if err != nil {
			return n, err
		}
		switch token := token.(type) {
		case xml.CharData:
			text.Write(token)
		case xml.StartElement:
			child, err := r.element(token, depth+1)
			name := token.Name.Local
			if name == "dict" || name == "plist" {
				name = ""
			}
			if name == "key" && len(token.Attr) == 0 {
				key = child.Value
			} else {
				if key != "" {
					name, key = key, ""
				}
				n.Content = append(n.Content, scalar(name, child.Line), child)
			}
			if err != nil {
				return n, err
			}
		case xml.EndElement:
			return finished(n, start.Name.Local, strings.TrimSpace(text.String())), nil
		}
	}
}

func finished(n *yaml.Node, name, text string) *yaml.Node {
	switch {
	case name == "array":
		list := &yaml.Node{Kind: yaml.SequenceNode, Line: n.Line}
		for i := 1; i < len(n.Content); i += 2 {
			list.Content = append(list.Content, n.Content[i])
		}
		return list
	case len(n.Content) == 0:
		return scalar(text, n.Line)
	case text != "":
		n.Content = append(n.Content, scalar("", n.Line), scalar(text, n.Line))
	}
	return n
}

func scalar(value string, line int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Line: line}
}
