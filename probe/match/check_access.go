package match

import (
	"cmp"
	"fmt"
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
		return fail(fmt.Sprintf("the account %q cannot read it: %s", access.Account, access.Detail), cmp.Or(access.Remedy, "let the account read the file, through its group or an access control list"))
	case account.Unknown:
		return Finding{Result: Unknown, Detail: fmt.Sprintf("whether the account %q can read it is not known: %s", access.Account, access.Detail)}
	}
	return Finding{Result: Pass, Detail: access.Detail}
}

func keyExposed(j *judgement) Finding {
	exposure := j.identity.Key.Exposure
	if exposure == nil {
		return notApplicable
	}
	var said []string
	if len(exposure.Readers) > 0 {
		said = append(said, "it may be read by "+strings.Join(exposure.Readers, ", "))
	}
	if j.Protocol == "postgres" || strings.Contains(j.identity.Key.Source, "postgres") {
		said = append(said, exposure.Refusals...)
	}
	if len(said) == 0 {
		return pass
	}
	file := account.ShellQuote(j.identity.Key.Source)
	remedy := "chmod 600 " + file
	if a := j.identity.Access; a != nil && !strings.Contains(a.Account, " ") { // which may not be the owner
		remedy = "chown " + account.ShellQuote(a.Account) + " " + file + " && " + remedy
	}
	for _, reader := range exposure.Readers {
		if user, ok := strings.CutPrefix(reader, "user "); ok { // chmod would cut everybody in the list off
			remedy = "setfacl -x u:" + user + " " + file
		}
	}
	return warn(strings.Join(said, "; "), remedy)
}
