package match

import (
	"path/filepath"
	"strings"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/account"
	"mtlsprobe/certstore/process"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// Checks of the private key: whether it is there, and whether it can be used.
var (
	KeyMissing = &Check{
		ID: "key.missing", Title: "No private key", Good: "Private key present", Since: v1, HowTo: bundleHowTo,
		Doc: "The certificate is there and its private key is not. A client cannot prove that it owns the certificate, " +
			"so most send none at all. Export the identity again with its key, or name the key's file with --key.",
		Citation: "RFC 8446, Section 4.4.3",
		judge: keyState(certstore.Missing,
			say.Text("export the identity again with its private key, or name the key's file with --key")),
	}
	KeyUnreadable = &Check{
		ID: "key.unreadable", Title: "Private key cannot be read", Good: "Private key can be read", Since: v1,
		Doc: "The operating system or the format keeps the key from this account. The account that runs the client needs " +
			"the right to read it: look at owner, mode and every folder on the way.",
		Citation: "RFC 8446, Section 4.4.3",
		HowTo: []HowTo{
			{"Linux", "namei -l FILE shows owner and mode of every folder on the way; sudo -u ACCOUNT cat FILE >/dev/null " +
				"tries it"},
			{"Windows", "certlm.msc, All Tasks, Manage Private Keys: read access for the account of the service"},
			{"Kubernetes", "securityContext.fsGroup of the pod and defaultMode of the secret's volume"},
		},
		judge: keyState(certstore.Unreadable, say.Text("let the account that runs the client read the file")),
	}
	KeyLocked = &Check{
		ID: "key.locked", Title: "Private key is locked", Good: "Private key is not locked", Since: v1,
		Doc: "The key is protected by a password that was not given or is wrong. A client without the password sends no " +
			"certificate.",
		Citation: "RFC 7292; RFC 5958",
		HowTo: []HowTo{
			{"openssl", "openssl pkcs12 -in CLIENT.p12 -noout -passin env:PW (add -legacy for RC2 and RC4)"},
			{"keytool", "keytool -list -keystore client.p12 -storepass:env PW"},
		},
		judge: keyState(certstore.Locked,
			say.Text("give the password that opens it with --pass, and configure the client with the same password")),
	}
	KeyMismatched = &Check{
		ID: "key.mismatched", Title: "Private key belongs to another certificate",
		Good: "Private key matches the certificate", Since: v1,
		Doc: "The public key in the certificate and the private key beside it are not a pair, as happens when a " +
			"certificate was renewed and an old key kept. Signatures made with it do not verify.",
		Citation:   "RFC 8446, Section 4.4.3",
		Objections: objections(signingAlerts, []uint8{wire.AlertDecryptError}),
		HowTo: []HowTo{
			{"openssl", "openssl x509 -in LEAF.pem -noout -pubkey and openssl pkey -in KEY.pem -pubout must print the same"},
			{"keytool", "keytool -list -v -keystore client.p12 (one PrivateKeyEntry with the certificate under it)"},
			{"Windows", "certutil -repairstore my SERIAL"},
			{"Kubernetes", "kubectl get secret NAME -o jsonpath='{.data.tls\\.crt}' | base64 -d | openssl x509 -noout -pubkey"},
		},
		judge: keyState(certstore.Mismatched,
			say.Text("find the key that the certificate was requested with, or have a new certificate issued for this one")),
	}
	KeyElsewhere = &Check{
		ID: "key.elsewhere", Title: "Key is in another file", Good: "Key is in the same file", Since: v1, HowTo: bundleHowTo,
		Doc: "The file is of a kind that contains certificates and keys together, and the key of this certificate was " +
			"found " +
			"in another file. A client that is given this file alone has no key.",
		Citation: "RFC 7292, Section 4", judge: keyElsewhere,
	}
	KeyAccount = &Check{
		ID: "key.account", Title: "The client's account cannot read it", Good: "The client's account can read it", Since: v2,
		LocalOnly: true,
		Doc: "Whoever looks for the fault can often read everything, and the account that runs the client cannot: owner, " +
			"mode, access control lists and every folder on the way count. Checked only with --as-user.",
		Citation: "POSIX.1-2017, Section 4.5; acl(5)", judge: keyAccount,
	}
	FileRunning = &Check{
		ID: "file.running", Title: "The running client may still use an earlier file",
		Good: "The running client started after the file was written", Since: v2, LocalOnly: true,
		Doc: "Most clients read certificate and key when they start. What was renewed since is not used before they are " +
			"started again, or told to read their files again. Checked only with --pid; a client that reads its files " +
			"again by itself cannot be told from others.",
		Citation: "proc_pid_stat(5), proc_pid_fd(5)", judge: fileRunning,
	}
	KeyExposed = &Check{
		ID: "key.exposed", Title: "Key can be read by others", Good: "Key is readable by its owner only", Since: v2,
		Doc: "A private key that others can read is not a secret, and some clients refuse it because of that: " +
			"PostgreSQL's libpq accepts at most 0600, or 0640 if root owns it.",
		Citation: "PostgreSQL documentation, libpq, SSL Support", judge: keyExposed,
	}
	KeyCannotSign = &Check{
		ID: "key.cannot-sign", Title: "Key cannot sign as the server allows", Good: "Key can sign as the server allows",
		Since: v1,
		Doc: "Each allowed signature scheme that fits the key was tried, and none made a signature that verifies. An RSA " +
			"key may be too short for RSA-PSS, or a token unable to do it.",
		Citation:   "RFC 8446, Section 4.2.3",
		Objections: objections(signingAlerts, []uint8{wire.AlertDecryptError}),
		judge:      keyCannotSign,
	}
)

// keyState makes the check for one state of the key.
func keyState(state certstore.KeyState, remedy say.Phrase) func(*judgement) Finding {
	return func(j *judgement) Finding {
		detail := foreignText(j.identity.Key.Detail)
		switch j.identity.Key.State {
		case state:
			return fail(detail, remedy)
		case certstore.Unknown:
			return unknown(detail)
		}
		return pass
	}
}

// foreignText is a text whose parts are not known here: it may name files.
func foreignText(text string) say.Phrase {
	if text == "" {
		return nil
	}
	return say.Phrase{{Kind: say.UnknownKind, Value: text}}
}

func keyElsewhere(j *judgement) Finding {
	i := j.identity
	own, other := say.File(i.Source), say.File(i.Key.Source)
	switch {
	case i.Container == nil || i.Key.Source == "" || !i.Container.Keys:
		return notApplicable
	case i.Key.Source == i.Source, i.Container.Folder && filepath.Dir(i.Key.Source) == filepath.Dir(i.Source):
		return pass
	case i.Key.OwnLocked != "":
		return warn(say.Text("the key in ", own, " is locked; the one in ", other, " was used here"),
			say.Text("give the password that opens it with --pass, and configure the client with the same password"))
	}
	return warn(say.Text(own, " has no key for it; the one in ", other, " was used here"),
		say.Text("export the bundle again with its private key, or give the client both files"))
}

func keyAccount(j *judgement) Finding {
	access := j.identity.Access
	if access == nil {
		return notApplicable
	}
	who, detail := say.Text("the account ", say.Account(access.Account)), foreignText(access.Detail)
	switch access.Result {
	case say.No:
		remedy := foreignText(access.Remedy)
		if remedy == nil {
			remedy = say.Text("let the account read the file, through its group or an access control list")
		}
		return fail(say.Text(who, " cannot read it: ", detail), remedy)
	case say.Unknown:
		return unknown(say.Text("it is not known whether ", who, " can read it: ", detail))
	}
	return Finding{Result: Pass, Detail: detail}
}

func fileRunning(j *judgement) Finding {
	r := j.identity.Running
	if r == nil {
		return notApplicable
	}
	const layout = time.DateTime
	who := say.Text("the process ", r.PID, " (", r.Name, "), which started at ", r.Started.Local().Format(layout))
	changed := r.Changed.Local().Format(layout)
	again := say.Text("restart the client, or have it read its files again")
	switch {
	case r.Err != nil:
		return unknown(say.Text("what ", who, ", sees of ", say.File(r.File), " is not known: ", r.Err.Error()))
	case r.State == process.Deleted:
		return warn(say.Text(who, ", has an earlier ", say.File(r.File), " open, which was deleted"), again)
	case r.State == process.Later:
		return warn(say.Text(say.File(r.File), " was written at ", changed, ", after ", who), again)
	case r.State == process.Elsewhere:
		return unknown(say.Text(who, ", has another root: at the path of ", say.File(r.File),
			" it sees another file, or none"))
	case r.State == process.Touched:
		return unknown(say.Text(say.File(r.File), " was replaced, or its permissions were changed, after ", who))
	}
	return Finding{Result: Pass, Detail: say.Text(say.File(r.File), " was written at ", changed, ", before ", who)}
}

func keyExposed(j *judgement) Finding {
	exposure := j.identity.Key.Exposure
	if exposure == nil {
		return notApplicable
	}
	var said []say.Phrase
	if len(exposure.Readers) > 0 {
		var readers []say.Phrase
		for _, r := range exposure.Readers {
			readers = append(readers, foreignText(r.Text))
		}
		said = append(said, say.Text("readable by ", say.Join(", ", readers...)))
	}
	if j.Protocol == "postgres" || strings.Contains(j.identity.Key.Source, "postgres") {
		for _, refusal := range exposure.Refusals {
			said = append(said, foreignText(refusal.Why))
		}
	}
	if len(said) == 0 {
		return pass
	}
	return warn(say.Join("; ", said...), foreignText(exposeRemedy(j.identity, exposure)))
}

// exposeRemedy is the shell command that keeps others from reading the key.
func exposeRemedy(i *certstore.Identity, exposure *account.Exposure) string {
	file := account.ShellQuote(i.Key.Source)
	for _, r := range exposure.Readers {
		if r.User != "" { // chmod would cut off everybody on the access control list
			return "setfacl -x u:" + r.User + " " + file
		}
	}
	if a := i.Access; a != nil && a.Named {
		return "chown " + account.ShellQuote(a.Account) + " " + file + " && chmod 600 " + file
	}
	return "chmod 600 " + file
}

func keyCannotSign(j *judgement) Finding {
	proofs := j.Proofs[j.identity]
	if len(proofs) == 0 {
		return notApplicable
	}
	var failed []say.Phrase
	pkcs1 := false // one that TLS 1.3 does not allow was made
	for _, p := range proofs {
		scheme, _ := wire.LookupScheme(p.Scheme)
		if p.Err != nil {
			failed = append(failed, say.Text(scheme.Name, ": ", say.Quote(p.Err.Error())))
		} else if scheme.Only12 {
			pkcs1 = true
		}
	}
	remedy := say.Text("use a longer key, or a token that can make these signatures")
	if pkcs1 {
		remedy = say.Text("let client and server use TLS 1.2 at most, where PKCS #1 signatures are allowed (--tls-max " +
			"1.2 tries that), or use a token that can make RSA-PSS signatures")
	}
	switch len(failed) {
	case 0:
		return Finding{Result: Pass, Detail: say.Text("signed and verified with ", len(proofs), " schemes")}
	case len(proofs):
		return fail(say.Join("; ", failed...), remedy)
	}
	return warn(say.Text("with some of the allowed schemes: ", say.Join("; ", failed...)), remedy)
}
