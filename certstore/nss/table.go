package nss

import (
	"fmt"
	"strings"
)

// A table is where the rows of one table begin, and its columns' places.
type table struct {
	root    uint32
	columns map[string]int
}

// A row is the values of one object, by column.
type row struct {
	values  [][]byte
	columns map[string]int
}

// explicitNull is what softoken stores for an attribute that is there and empty
// (SQLITE_EXPLICIT_NULL of lib/softoken/sdb.c).
const explicitNull = "\xa5\x00\x5a"

// get returns a column, nil where the row or the table has none. It aliases the
// database.
func (r row) get(column string) []byte {
	i, ok := r.columns[column]
	if !ok || i >= len(r.values) || string(r.values[i]) == explicitNull {
		return nil
	}
	return r.values[i]
}

// maxSQL bounds the definition of a table; softoken's have about 1,000 bytes.
const maxSQL = 64 << 10

// tables reads NSS's tables from the schema, which begins at the first page
// (https://www.sqlite.org/fileformat2.html, Section 2.6).
func (d *database) tables() (map[string]table, error) {
	found := make(map[string]table)
	err := d.walk(1, 0, func(data []byte) error {
		values, err := record(data, 5) // type, name, tbl_name, rootpage, sql
		if err != nil || len(values) < 5 || string(values[0]) != "table" {
			return err
		}
		name, sql := string(values[1]), values[4]
		if name != publicTable && name != privateTable && name != metadataTable {
			return nil
		}
		var root uint64
		for _, b := range values[3] {
			root = root<<8 | uint64(b)
		}
		if root > uint64(len(d.visited)) || len(sql) > maxSQL {
			return fmt.Errorf("%w: the definition of the table %s", errDamaged, name)
		}
		found[name] = table{root: uint32(root), columns: columns(string(sql))}
		return nil
	})
	return found, err
}

// columns reads the names out of CREATE TABLE as softoken writes it:
// CREATE TABLE nssPublic (id PRIMARY KEY UNIQUE ON CONFLICT ABORT, a0, a1, …).
func columns(sql string) map[string]int {
	places := make(map[string]int)
	_, list, _ := strings.Cut(sql, "(")
	for i, definition := range strings.Split(strings.TrimRight(list, ") ;"), ",") {
		words := strings.Fields(definition)
		if len(words) == 0 {
			continue
		}
		if name := strings.Trim(words[0], `"`); name != "" {
			places[name] = i
		}
	}
	return places
}

// each calls visit with each row of a table.
func (d *database) each(t table, visit func(row) error) error {
	return d.walk(t.root, 0, func(data []byte) error {
		values, err := record(data, len(t.columns))
		if err != nil {
			return err
		}
		return visit(row{values, t.columns})
	})
}
