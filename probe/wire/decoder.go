package wire

import "golang.org/x/crypto/cryptobyte"

// A decoder reads the fields of one message and keeps the first error, with the
// field and the place. After an error every read returns nothing, so that loops
// over what was read end.
type decoder struct {
	message string
	body    []byte
	s       cryptobyte.String
	err     error
}

func newDecoder(message string, body []byte) *decoder {
	body = body[:len(body):len(body)] // offset relies on the capacity
	return &decoder{message: message, body: body, s: cryptobyte.String(body)}
}

// fail notes that decoding stopped in field, before rest. Every rest is a tail
// of a slice of the body, so its capacity tells where it starts.
func (d *decoder) fail(field string, rest cryptobyte.String) {
	if d.err == nil {
		d.err = &DecodeError{Message: d.message, Field: field, Offset: cap(d.body) - cap(rest)}
	}
}

func (d *decoder) vector8(field string, s *cryptobyte.String) cryptobyte.String {
	var v cryptobyte.String
	if d.err == nil && !s.ReadUint8LengthPrefixed(&v) {
		d.fail(field, *s)
		return nil
	}
	return v
}

func (d *decoder) vector16(field string, s *cryptobyte.String) cryptobyte.String {
	var v cryptobyte.String
	if d.err == nil && !s.ReadUint16LengthPrefixed(&v) {
		d.fail(field, *s)
		return nil
	}
	return v
}

func (d *decoder) vector24(field string, s *cryptobyte.String) cryptobyte.String {
	var v cryptobyte.String
	if d.err == nil && !s.ReadUint24LengthPrefixed(&v) {
		d.fail(field, *s)
		return nil
	}
	return v
}

func (d *decoder) bytes(field string, s *cryptobyte.String, n int) []byte {
	var v []byte
	if d.err == nil && !s.ReadBytes(&v, n) {
		d.fail(field, *s)
		return nil
	}
	return v
}

func (d *decoder) uint8(field string, s *cryptobyte.String) uint8 {
	var v uint8
	if d.err == nil && !s.ReadUint8(&v) {
		d.fail(field, *s)
	}
	return v
}

func (d *decoder) uint16(field string, s *cryptobyte.String) uint16 {
	var v uint16
	if d.err == nil && !s.ReadUint16(&v) {
		d.fail(field, *s)
	}
	return v
}

// extensions reads a list of extensions, each of which may appear once.
func (d *decoder) extensions(s *cryptobyte.String) []Extension {
	list := d.vector16("extensions", s)
	var extensions []Extension
	seen := make(map[uint16]bool)
	for len(list) > 0 && d.err == nil {
		before := list
		e := Extension{Type: d.uint16("extension_type", &list)}
		e.Data = d.vector16("extension_data", &list)
		if seen[e.Type] {
			d.fail("extension_type (twice)", before)
		}
		seen[e.Type] = true
		extensions = append(extensions, e)
	}
	return extensions
}

// end demands that nothing follows.
func (d *decoder) end(rest cryptobyte.String) {
	if d.err == nil && len(rest) > 0 {
		d.fail("trailing bytes", rest)
	}
}
