package capture

import "regexp"

// patterns are what lines look like that name messages of TLS. They are made when a list is
// read: most commands have none to read.
type patterns struct {
	// What people write, and Wireshark prints.
	versionWord            *regexp.Regexp // "TLS 1.2", "TLSv1.2", "tls1_2", "SSLv3" or "SSL 3.0"
	columns                *regexp.Regexp // the length that Wireshark's packet list has before the messages
	tcpPacket              *regexp.Regexp // a line of that list about a packet of TCP alone
	addresses, arrow       *regexp.Regexp
	speaker, speaksOf      *regexp.Regexp // a peer, and the name of a message that begins like one
	alertWord, tellsAlert  *regexp.Regexp
	alertFiller            *regexp.Regexp // what stands beside an alert's name or number
	digits                 *regexp.Regexp
	endingWord, closesWord *regexp.Regexp
	emptyWord, emptyFiller *regexp.Regexp
	changeCipher, dataWord *regexp.Regexp
	curlLine               *regexp.Regexp // of curl -v: "* TLSv1.3 (OUT), TLS handshake, Client hello (1):"
	msgLine, hexLine       *regexp.Regexp // of openssl -msg: ">>> TLS 1.2, Handshake [length 0123], ClientHello"
	javaMessage, javaAlert *regexp.Regexp
	javaVersion, javaEmpty *regexp.Regexp
	errorMessages          []*regexp.Regexp // how programs tell of an alert that they received: its name or its number
	serverLog              *regexp.Regexp   // what servers write beside it: nginx, Apache
	clientLog              *regexp.Regexp   // what the client of a server behind it writes
	curlEnd                *regexp.Regexp   // another connection of curl begins, or this one is over
	speakerOf              *regexp.Regexp   // who speaks in a part of a line
}

func newPatterns() *patterns {
	re := regexp.MustCompile
	return &patterns{
		versionWord: re(`(?i)\b(ssl|tls)\s*v?\s*([123])(?:[._]([0-3]))?\b`),
		columns:     re(`^\s*\d+\s+`),
		tcpPacket:   re(`^\s*TCP\s`),
		addresses:   re(`(\S+)\s*(?:→|->|⇒|=>)\s*(\S+)`),
		arrow:       re(`^(?:-+>|→|>|(<-+|←|<))\s*(?:[^<>]|$)`),
		speaker: re(`(?i)^[\s\d.:)\-*]*(client|server|c|s)\b\s*` +
			`(?:(?:→|->|>)\s*(?:client|server|c|s)\b)?\s*[:>)\-]*`),
		speakerOf:  re(`(?i)^\s*(client|server)\s*:`),
		speaksOf:   re(`(?i)^(client|server)[\s_-]*(hello|key|cert|done)`),
		alertWord:  re(`(?i)\balert\b|close[\s_-]?notify`),
		tellsAlert: re(`(?i)^\s*(description|level|fatal|warning|content)`),
		alertFiller: re(`(?i)\b(encrypted|tls|ssl|alert|message|protocol|level|description|fatal|warning|` +
			`content[\s_-]*type|is|number|length\s*\d+|sends?|sent|by|the|a|an|with|code)\b` +
			`|\(21\)|\[?length\s*\d+\]?|[:()\[\]]`),
		digits: re(`\b\d{1,3}\b`),
		endingWord: re(`(?i)^(tcp\s*)?(fin|rst|reset|eof|closed?|` +
			`(the\s+)?connection\s+(is\s+)?(closed?|reset))\b`),
		closesWord: re(`(?i)^(closes?|resets?|ends?|hangs?\s+up|disconnects?)\b`),
		emptyWord: re(`(?i)\bempty\b|\bno\s+cert|(length|len|certificates?)\W*0\b` +
			`|\b0 (certificates?|bytes)\b|\bwithout\b`),
		emptyFiller: re(`(?i)\bempty\b|\bno\b|\b(length|len)?\W*\b0\b(\s+(certificates?|bytes))?` +
			`|\bwithout( a(ny)?)?( certificates?)?|:`),
		changeCipher: re(`(?i)^change[\s_-]*cipher([\s_-]*spec)?\W*(\(1\))?$|^ccs$`),
		dataWord:     re(`(?i)^(encrypted\s+)?application[\s_-]*data\b`),
		curlLine: re(`(?m)^\s*(?:[\d:.]+ )?(?:\[[^\]\n]*\] )?\*\s*((?:TLS|SSL)v?[\d.]+) \((IN|OUT)\), ` +
			`TLS (handshake|alert|change cipher|app data|header), .*\((\d+)\):?\s*$`),
		msgLine:     re(`(?m)^\s*(<<<|>>>)\s+([^,]+), (\w+)(?: \[length ([0-9a-f]+)\])?(?:, (.*))?$`),
		hexLine:     re(`^([0-9a-f]{2}(?: |$))+$`),
		javaMessage: re(`\|(Produced|Consuming|Received|Raised)\s+(.*?)\s*(?:handshake )?message\b`),
		javaVersion: re(`\|Negotiated protocol version: (\S+)`),
		javaAlert:   re(`^"?(level|description)"?\s*:\s*"?([a-z_]+)"?,?$`),
		javaEmpty:   re(`<empty list>|"certificate_list"\s*:\s*\[\s*\]`),
		errorMessages: []*regexp.Regexp{
			re(`SSL alert number (\d+)`), // OpenSSL
			re(`(?i)\b(?:sslv3|tlsv1|tlsv13|ssl/tls)[ _]alert[ _]([a-z]+(?:[ _][a-z]+)*)`), // its reasons
			re(`Received fatal alert: (\w+)`),                                              // Java
			re(`remote error: tls: ([a-z ]+)`),                                             // Go
			re(`(?:Fatal|Received) alert \[(\d+)\]`),                                       // GnuTLS
		},
		clientLog: re(`to upstream|SSL Proxy`),
		serverLog: re(`while SSL handshaking|, client: |AH0\d{4}|SSL Library Error:|TLS handshake error from`),
		curlEnd:   re(`\*\s+(Closing connection|Connection #\d+ to host .* left intact|Connected to )`),
	}
}
