package match

import (
	"cmp"
	"strings"

	"mtlsprobe/certstore/account"
)

func keyAccount(j *judgement) Finding {
	access := j.identity.Access
	if access == nil {
		return notApplicable
	}
	switch access.Result {
	case account.No:
		return fail(access.Account+" cannot read it: "+access.Detail, cmp.Or(access.Remedy, "let the account read the file, through its group or an access control list"))
	case account.Unknown:
		return Finding{Result: Unknown, Detail: "whether " + access.Account + " can read it is not known: " + access.Detail}
	}
	return Finding{Result: Pass, Detail: access.Detail}
}

func keyExposed(j *judgement) Finding {
	exposure := j.identity.Key.Exposure
	if exposure == nil {
		return notApplicable
	}
	said := append([]string(nil), exposure.Refusals...)
	if len(exposure.Readers) > 0 {
		said = append([]string{"it may be read by " + strings.Join(exposure.Readers, ", ")}, said...)
	}
	if len(said) == 0 {
		return pass
	}
	return warn(strings.Join(said, "; "), "chmod 600 "+quoteShell(j.identity.Key.Source)+", or let one group have it that the client's account is in (and mind what libpq takes)")
}

// quoteShell writes a file name so that a shell takes it as one word.
func quoteShell(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }
