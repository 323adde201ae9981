package config

import (
	"slices"
	"strings"
)

// readPostgres reads a service file of libpq (PostgreSQL documentation, "The
// Connection Service File"; the parameters are those of "Parameter Key Words").
func readPostgres(s *source) *Config {
	var references []Reference
	for _, service := range (ini{"#", asWritten, asWritten}).parse(s.text) {
		if service.name == "" && len(service.pairs) > 0 {
			return nil
		}
		r := Reference{Name: service.name, Certificate: service.get("sslcert"), Key: service.get("sslkey"),
			Authorities: service.get("sslrootcert")}
		r.setPassword(service.get("sslpassword"))
		if r.Authorities == "system" { // a word, not a file
			r.Authorities = ""
		}
		if engine, _, ok := strings.Cut(r.Key, ":"); ok && len(engine) > 1 && !strings.ContainsAny(engine, `/\`) &&
			engine != "pkcs11" {
			r.Key = ""
			r.addNote("OpenSSL's engine %q keeps the key", engine)
		}
		references = append(references, r)
	}
	c := s.found(references, pathRule{fromStart: true})
	if c != nil {
		c.KeyElsewhere = true // ~/.postgresql/postgresql.key
	}
	return c
}

// mysqlClients are the groups that clients read (MySQL Reference Manual, "Using
// Option Files"; MariaDB, "Configuring MariaDB with Option Files"). Others, such as
// mysqld, are the server's.
func mysqlClients() []string {
	return []string{
		"mysql", "mysqladmin", "mysqlbinlog", "mysqlcheck", "mysqldump", "mysqlimport", "mysqlpump", "mysqlshow",
		"mysqlslap",
		"mariadb-client", "mariadb-admin", "mariadb-binlog", "mariadb-check", "mariadb-dump", "mariadb-import",
		"mariadb-show", "mariadb-slap",
	}
}

// readMySQL reads an option file of MySQL or MariaDB.
func readMySQL(s *source) *Config {
	var references []Reference
	clients := mysqlClients()
	d := ini{"#;!", mysqlKey, mysqlValue}
	for _, group := range d.parse(s.text) {
		if !strings.HasPrefix(group.name, "client") && !slices.Contains(clients, group.name) {
			continue
		}
		references = append(references, Reference{Name: group.name, Certificate: group.get("ssl-cert"),
			Key: group.get("ssl-key"), Authorities: group.get("ssl-ca")})
	}
	return s.including(s.found(references, pathRule{tilde: true, fromStart: true}),
		strings.Contains("\n"+s.text, "\n!include"))
}

// mysqlKey makes the ways to write an option one: dashes and underscores are the
// same, and "loose-" says that a program may not know it.
func mysqlKey(key string) string {
	return strings.TrimPrefix(strings.ReplaceAll(key, "_", "-"), "loose-")
}

// mysqlValue takes off a comment, then quotes around the whole.
func mysqlValue(value string) string {
	quote, escaped := byte(0), false
	for i := range len(value) {
		c := value[i]
		switch {
		case escaped:
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		}
		if c == '#' && quote == 0 {
			value = strings.TrimSpace(value[:i])
			break
		}
		escaped = quote != 0 && c == '\\' && !escaped
	}
	last := len(value) - 1
	if last > 0 && value[0] == value[last] && (value[0] == '"' || value[0] == '\'') {
		value = value[1:last]
	}
	return quoting{escapes: "btnrs", windows: true}.read(value)
}
