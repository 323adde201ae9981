package match

import (
	"mtlsprobe/certstore"
	"mtlsprobe/report/say"
)

// ContainerAltered is a file whose integrity check fails.
var ContainerAltered = &Check{
	ID: "container.altered", Title: "The file's integrity check fails",
	Good: "The file's integrity check fits", Since: v3,
	LocalOnly: true, HowTo: bundleHowTo,
	Doc: "A PKCS#12 file ends with a check of its integrity, which the password seals. Where the password opens the " +
		"file and the check fails, the file was changed or damaged after it was made, as by a transfer in text mode or a " +
		"bad disk, or the check has a password of its own. Programs refuse it, many of them with a " +
		"message about a wrong password.",
	Citation: "RFC 7292, Section 4", judge: containerAltered,
}

func containerAltered(j *judgement) Finding {
	c := j.identity.Container
	switch {
	case c == nil || c.Format != certstore.PKCS12Format || c.Integrity == "none" || j.identity.Leaf == nil:
		return notApplicable
	case c.Altered:
		return fail(say.Text(say.File(j.identity.Source), " opens with the password, and its integrity check (", c.Integrity,
			") fails: it was changed or damaged, or the check has a password of its own"),
			say.Text("export the bundle again, or copy it again from where it is whole; where it has two passwords, give both"))
	}
	return pass
}
