package match

import (
	"slices"

	"mtlsprobe/certstore"
	"mtlsprobe/report/say"
)

// ServerPublicCAs is a server that names everybody's CAs.
var ServerPublicCAs = &Check{
	ID: "server.public-cas", Title: "The server names public CAs", Good: "The list is not a default trust store",
	Since: v3,
	Doc: "A list of a hundred public CAs is the default trust store of Java, of the operating system or of a browser: " +
		"nobody has told the server which CAs issue its clients' certificates. It refuses a client of a private CA, and a " +
		"public CA issues certificates to anybody. Public CAs no longer issue certificates for client authentication.",
	Citation: "OpenJDK, JSSE Reference Guide, The Default Truststore; Mozilla Root Store Policy", server: serverPublicCAs,
}

// publicCAs are organizations whose roots are in the trust stores of Java, Mozilla,
// Microsoft and Apple, as the O of their names writes them.
var publicCAs = []string{
	"AffirmTrust", "Amazon", "Baltimore", "Buypass AS-983163327", "COMODO CA Limited", "Certainly",
	"Chunghwa Telecom Co., Ltd.", "D-Trust GmbH", "DigiCert Inc", "DigiCert, Inc.", "Entrust, Inc.", "GeoTrust Inc.",
	"GlobalSign", "GlobalSign nv-sa", "GoDaddy.com, Inc.", "Google Trust Services LLC", "IdenTrust",
	"Internet Security Research Group", "Microsoft Corporation", "QuoVadis Limited", "SECOM Trust Systems CO.,LTD.",
	"SSL Corporation", "Sectigo Limited", "Starfield Technologies, Inc.", "SwissSign AG",
	"T-Systems Enterprise Services GmbH", "The USERTRUST Network", "Unizeto Technologies S.A.", "VeriSign, Inc.",
	"thawte, Inc.",
}

func serverPublicCAs(s *Server) Finding {
	// Somebody may name a few public CAs on purpose, and nobody so many.
	const many, enough = 50, 10
	const organization = "2.5.4.10"
	switch {
	case s.Request == nil || len(s.Request.NamedCAs) == 0:
		return notApplicable
	case len(s.Request.NamedCAs) < many:
		return pass
	}
	var public []string
	for _, der := range s.Request.NamedCAs {
		name, err := certstore.ParseName(der)
		if err != nil {
			continue
		}
		for _, rdn := range name.RDNs {
			for _, a := range rdn {
				if a.OID == organization && slices.Contains(publicCAs, a.Value) && !slices.Contains(public, a.Value) {
					public = append(public, a.Value)
				}
			}
		}
	}
	if len(public) < enough {
		return pass
	}
	return warn(say.Text(len(s.Request.NamedCAs), " CA names, among them those of ", say.Quote(public[0]), ", ",
		say.Quote(public[1]), " and ", len(public)-2,
		" more public CAs: a default trust store, which nobody chose for clients"),
		say.Text("let the server trust the CAs of its clients only (Java: javax.net.ssl.trustStore; Tomcat: ",
			"truststoreFile, as caCertificateFile is not read with JSSE; nginx: ssl_client_certificate)"))
}
