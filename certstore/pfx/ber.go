package pfx

import (
	"errors"
	"fmt"
)

// DER returns the first element of the data as DER; converted says that it was
// BER. Other formats than PKCS #12 come in BER, too.
func DER(data []byte) (der []byte, converted bool, err error) {
	der, converted, _, err = toDER(data)
	return der, converted, err
}

// toDER turns BER into DER as far as the structures here need it: lengths become
// definite and minimal, and OCTET STRINGs that are made of parts become one. It
// returns the input as it is when there is nothing to do. What follows the first
// element, which has size bytes of the input, is dropped.
func toDER(data []byte) (der []byte, converted bool, size int, err error) {
	look := berReader{left: maxBERElements}
	element, _, err := look.read(data, 0)
	if err != nil {
		return nil, false, 0, err
	}
	if !element.ber {
		return data[:element.size], false, element.size, nil
	}
	keep := berReader{left: maxBERElements, keep: true}
	if element, _, err = keep.read(data, 0); err != nil {
		return nil, false, 0, err
	}
	return element.append(nil), true, element.size, nil
}

const (
	maxBERDepth    = 64
	maxBERElements = 200_000 // a bundle of a thousand certificates has some ten thousand
)

// A berReader reads elements to any depth. Nearly all files are DER already and
// need no parts: only one that keeps them allocates.
type berReader struct {
	left int  // elements until it is too many
	keep bool // the parts
}

// A berElement is one element.
type berElement struct {
	tag     []byte       // identifier octets
	content []byte       // of a primitive element
	parts   []berElement // of a constructed one, if they were kept
	size    int          // octets in the input
	ber     bool         // it, or a part of it, is not DER
}

func (e *berElement) constructed() bool { return e.tag[0]&0x20 != 0 }

func (r *berReader) read(data []byte, depth int) (e berElement, rest []byte, err error) {
	if r.left--; r.left < 0 {
		return e, nil, fmt.Errorf("more than %d elements", maxBERElements)
	}
	if depth > maxBERDepth {
		return e, nil, fmt.Errorf("nested more than %d deep", maxBERDepth)
	}
	header := 1
	if len(data) < 2 {
		return e, nil, errors.New("it is cut off")
	}
	if data[0]&0x1f == 0x1f {
		return e, nil, errors.New("a tag above 30, which nothing here uses")
	}
	e.tag = data[:1]
	length, indefinite := 0, false
	switch first := data[1]; {
	case first < 0x80:
		length, header = int(first), 2
	case first == 0x80:
		indefinite, header = true, 2
	default:
		n := int(first & 0x7f)
		if n > 4 || len(data) < 2+n {
			return e, nil, errors.New("a length that is cut off or above 4 GiB")
		}
		for _, b := range data[2 : 2+n] {
			length = length<<8 | int(b)
		}
		header = 2 + n
		e.ber = length < 0x80 || n > 1 && data[2] == 0
	}
	body := data[header:]
	if indefinite {
		if !e.constructed() {
			return e, nil, errors.New("a primitive element of indefinite length")
		}
		e.ber = true
		for {
			if len(body) < 2 {
				return e, nil, errors.New("it is cut off")
			}
			if body[0] == 0 && body[1] == 0 {
				body = body[2:]
				e.size = len(data) - len(body)
				return e, body, nil
			}
			var part berElement
			if part, body, err = r.read(body, depth+1); err != nil {
				return e, nil, err
			}
			if r.keep {
				e.parts = append(e.parts, part)
			}
		}
	}
	if length > len(body) {
		return e, nil, fmt.Errorf("it is cut off: %d bytes are missing", length-len(body))
	}
	e.content, rest = body[:length], body[length:]
	e.size = header + length
	if !e.constructed() {
		return e, rest, nil
	}
	if e.tag[0] == 0x24 {
		e.ber = true
	}
	for inner := e.content; len(inner) > 0; {
		var part berElement
		if part, inner, err = r.read(inner, depth+1); err != nil {
			return e, nil, err
		}
		e.ber = e.ber || part.ber
		if r.keep {
			e.parts = append(e.parts, part)
		}
	}
	return e, rest, nil
}

// append writes the element as DER.
func (e *berElement) append(out []byte) []byte {
	tag, content := e.tag[0], e.content
	switch {
	case tag == 0x24: // OCTET STRING in parts
		tag, content = 0x04, e.joined(nil)
	case e.constructed() && e.ber:
		content = nil
		for i := range e.parts {
			content = e.parts[i].append(content)
		}
	}
	out = append(out, tag)
	switch n := len(content); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 1<<8:
		out = append(out, 0x81, byte(n))
	case n < 1<<16:
		out = append(out, 0x82, byte(n>>8), byte(n))
	case n < 1<<24:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	default:
		out = append(out, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, content...)
}

func (e *berElement) joined(out []byte) []byte {
	if !e.constructed() {
		return append(out, e.content...)
	}
	for i := range e.parts {
		out = e.parts[i].joined(out)
	}
	return out
}
