package match

import "mtlsprobe/report/say"

// UserName compares the certificate's name with the user who logs in.
var UserName = &Check{
	ID: "user.name", Title: "The certificate is another user's", Good: "The certificate is this user's", Since: v3,
	Doc: "Databases can demand that the name in the certificate is the name of the user who logs in. PostgreSQL " +
		"compares the commonName, or the whole subject, with the user, by the rules of pg_ident.conf where a map is set. " +
		"Nothing is wrong with the certificate then.",
	Citation: "PostgreSQL, Certificate Authentication; Client Certificates, clientcert=verify-full", judge: userName,
}

func userName(j *judgement) Finding {
	leaf := j.identity.Leaf
	switch taken := j.Users[j.identity]; {
	case j.User == "" || leaf == nil || taken == say.Unknown:
		return notApplicable // what the server compares is known only when it says so
	case taken == say.Yes:
		return pass
	}
	name := leaf.Subject.CommonName
	user := say.Account(j.User)
	if name == "" || name == j.User {
		return fail(say.Text("the server does not accept ", Name(leaf.RawSubject), " for the user ", user),
			say.Text("map the name to the user in pg_ident.conf on the server"))
	}
	return fail(say.Text("the certificate names ", say.Account(name), ", and the user is ", user),
		say.Text("log in as ", say.Account(name), ", as in postgres://USER@HOST, or use a certificate that names ", user,
			", or map the name to the user in pg_ident.conf on the server"))
}
