package nss

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Bounds on a file. A certificate with its trust takes about 3 KiB, so they
// leave room for some 20,000.
const (
	maxSize  = 64 << 20 // bytes
	maxRows  = 200_000  // of all tables together
	maxDepth = 16       // of a tree of pages
)

// magic begins every SQLite database (https://www.sqlite.org/fileformat2.html,
// Section 1.3, of which the sections below are also meant).
const magic = "SQLite format 3\x00"

var errDamaged = errors.New("the SQLite database is damaged")

// A database is a SQLite file. It is read by tables, never by indices, and never
// changed.
//
// In a sound file a page belongs to one tree and is visited once, and the rows
// together are no larger than the file. Holding a hostile file to both bounds
// time and memory.
type database struct {
	data     []byte
	pageSize int
	usable   int    // bytes of a page that hold content; some may be reserved at its end
	visited  []bool // by page
	payload  int    // bytes that rows may still have
	rows     int    // that may still come
}

// openDatabase reads the header (Section 1.3).
func openDatabase(data []byte) (*database, error) {
	switch {
	case len(data) < 100 || string(data[:len(magic)]) != magic:
		return nil, errors.New("is not a SQLite database")
	case len(data) > maxSize:
		return nil, fmt.Errorf("has %d bytes; the limit is %d", len(data), maxSize)
	}
	d := &database{data: data, pageSize: int(binary.BigEndian.Uint16(data[16:])), payload: len(data), rows: maxRows}
	if d.pageSize == 1 {
		d.pageSize = 65536
	}
	d.usable = d.pageSize - int(data[20])
	if d.pageSize < 512 || bits.OnesCount(uint(d.pageSize)) != 1 || d.usable < 480 {
		return nil, fmt.Errorf("%w: its pages have %d bytes", errDamaged, d.pageSize)
	}
	if encoding := binary.BigEndian.Uint32(data[56:]); encoding > 1 {
		return nil, errors.New("is a SQLite database in UTF-16, which NSS does not write")
	}
	d.visited = make([]bool, len(data)/d.pageSize)
	return d, nil
}

// wal reports that the latest changes may lie in a write-ahead log beside the
// file (Section 1.3.3).
func (d *database) wal() bool { return d.data[18] == 2 || d.data[19] == 2 }

// complete returns an error if the file is shorter than it says (Section
// 1.3.7). Old versions of SQLite leave the size out.
func (d *database) complete() error {
	pages := binary.BigEndian.Uint32(d.data[28:])
	known := pages != 0 && string(d.data[24:28]) == string(d.data[92:96])
	if want := int64(pages) * int64(d.pageSize); known && want > int64(len(d.data)) {
		return fmt.Errorf("is cut off: %d of %d bytes are there", len(d.data), want)
	}
	return nil
}

// page returns a page by its number, which counts from 1, for the only time.
func (d *database) page(number uint32) ([]byte, error) {
	if number < 1 || int64(number) > int64(len(d.visited)) {
		return nil, fmt.Errorf("%w: page %d is missing", errDamaged, number)
	}
	i := int(number - 1)
	if d.visited[i] {
		return nil, fmt.Errorf("%w: page %d is used twice", errDamaged, number)
	}
	d.visited[i] = true
	return d.data[i*d.pageSize : i*d.pageSize+d.usable], nil
}

// The kinds of pages of a table's tree (Section 1.6).
const (
	interiorPage = 0x05
	leafPage     = 0x0d
)

// walk calls visit with each row of the table whose tree begins at a page, in
// stored order (Section 1.6).
func (d *database) walk(number uint32, depth int, visit func(row []byte) error) error {
	page, err := d.page(number)
	if err != nil {
		return err
	}
	header := page
	if number == 1 { // begins with the file's header
		header = page[100:]
	}
	headerSize := 8
	if header[0] == interiorPage {
		headerSize = 12
	}
	cells := int(binary.BigEndian.Uint16(header[3:]))
	pointers := header[headerSize:]
	if depth > maxDepth || (header[0] != interiorPage && header[0] != leafPage) || 2*cells > len(pointers) {
		return fmt.Errorf("%w: page %d is not one of a table", errDamaged, number)
	}
	for i := range cells {
		at := int(binary.BigEndian.Uint16(pointers[2*i:]))
		if at+4 > len(page) {
			return fmt.Errorf("%w: a row of page %d is outside of it", errDamaged, number)
		}
		if header[0] == interiorPage {
			err = d.walk(binary.BigEndian.Uint32(page[at:]), depth+1, visit)
		} else {
			err = d.visitCell(page[at:], visit)
		}
		if err != nil {
			return err
		}
	}
	if header[0] == interiorPage {
		return d.walk(binary.BigEndian.Uint32(header[8:]), depth+1, visit)
	}
	return nil
}

// visitCell puts together the row that a cell of a leaf begins, and visits it. Of
// a long row only a beginning lies in the cell, the rest in a chain of overflow
// pages (Section 1.6, "Cell Payload Overflow Pages"; Section 1.7).
func (d *database) visitCell(cell []byte, visit func(row []byte) error) error {
	size, cell, ok := varint(cell)
	if ok {
		_, cell, ok = varint(cell) // the row's number
	}
	if !ok {
		return fmt.Errorf("%w: a row is cut off", errDamaged)
	}
	if d.rows--; d.rows < 0 {
		return fmt.Errorf("it has more than %d rows", maxRows)
	}
	if size > uint64(d.payload) {
		return fmt.Errorf("%w: its rows are larger than the file", errDamaged)
	}
	d.payload -= int(size)
	local := d.local(int(size))
	if local > len(cell) {
		return fmt.Errorf("%w: a row is cut off", errDamaged)
	}
	if local == int(size) {
		return visit(cell[:local])
	}
	if local+4 > len(cell) {
		return fmt.Errorf("%w: a row is cut off", errDamaged)
	}
	row, next := append([]byte(nil), cell[:local]...), binary.BigEndian.Uint32(cell[local:])
	for len(row) < int(size) {
		page, err := d.page(next)
		if err != nil {
			return err
		}
		next = binary.BigEndian.Uint32(page)
		row = append(row, page[4:min(len(page), 4+int(size)-len(row))]...)
	}
	return visit(row)
}

// local returns how many bytes of a row lie in its cell (Section 1.6).
func (d *database) local(size int) int {
	most := d.usable - 35
	if size <= most {
		return size
	}
	least := (d.usable-12)*32/255 - 23
	if k := least + (size-least)%(d.usable-4); k <= most {
		return k
	}
	return least
}

// record splits a row into its first columns. NULL is nil; a number is its bytes,
// the most significant one first (Section 2.1).
func record(row []byte, columns int) ([][]byte, error) {
	size, rest, ok := varint(row)
	used := len(row) - len(rest)
	if !ok || size < uint64(used) || size > uint64(len(row)) {
		return nil, fmt.Errorf("%w: the header of a row", errDamaged)
	}
	types, body := row[used:size], row[size:]
	var values [][]byte
	for len(types) > 0 && len(values) < columns {
		var kind uint64
		if kind, types, ok = varint(types); !ok {
			return nil, fmt.Errorf("%w: the header of a row", errDamaged)
		}
		length, ok := valueSize(kind)
		if !ok || length > uint64(len(body)) {
			return nil, fmt.Errorf("%w: a value is cut off", errDamaged)
		}
		var value []byte
		if kind != 0 {
			value = body[:length:length]
		}
		values, body = append(values, value), body[length:]
	}
	return values, nil
}

// valueSize returns the size of a value by its serial type (Section 2.1).
func valueSize(kind uint64) (size uint64, ok bool) {
	switch {
	case kind <= 4:
		return kind, true
	case kind == 5:
		return 6, true
	case kind == 6 || kind == 7:
		return 8, true
	case kind == 8 || kind == 9: // the constants 0 and 1
		return 0, true
	case kind < 12:
		return 0, false
	}
	return (kind - 12) / 2, true
}

// varint reads a number of one to nine bytes (Section 1.6, "A variable-length
// integer").
func varint(b []byte) (value uint64, rest []byte, ok bool) {
	for i, c := range b {
		if i == 8 {
			return value<<8 | uint64(c), b[9:], true
		}
		value = value<<7 | uint64(c&0x7f)
		if c < 0x80 {
			return value, b[i+1:], true
		}
	}
	return 0, nil, false
}
