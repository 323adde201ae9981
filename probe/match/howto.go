package match

// A HowTo is a command or a place to mend what a check found, for one tool.
type HowTo struct {
	Tool string // openssl, keytool, Windows, Kubernetes
	Text string
}

// howTo returns what there is to type for a check; nil where no tool helps. FILE
// and other words in capitals are the reader's own.
func howTo(id string) []HowTo {
	bundle := []HowTo{
		{"mtlsprobe", "mtlsprobe fix --cert OLD.p12 --named-ca ROOT.pem --authorities CAS -o NEW.p12"},
		{"openssl", "openssl pkcs12 -export -inkey KEY.pem -in LEAF.pem -certfile CHAIN.pem -name NAME -out NEW.p12"},
		{"keytool", "keytool -importkeystore -srckeystore NEW.p12 -srcstoretype PKCS12 -destkeystore client.jks (the chain comes with the key entry; certificates imported alone do not count)"},
		{"Windows", "certutil -f -p PASSWORD -importPFX NEW.p12 (intermediates go to \"Intermediate Certification Authorities\"; Schannel completes the chain from there only)"},
		{"Kubernetes", "kubectl create secret tls NAME --cert BUNDLE.pem --key KEY.pem --dry-run=client -o yaml | kubectl apply -f - (leaf first, then the intermediates, in one file)"},
	}
	request := []HowTo{
		{"openssl", "openssl req -new -key KEY.pem -subj /CN=NAME -addext keyUsage=digitalSignature -addext extendedKeyUsage=clientAuth -out REQUEST.csr"},
		{"keytool", "keytool -certreq -alias NAME -keystore client.p12 -ext KU=digitalSignature -ext EKU=clientAuth -file REQUEST.csr"},
		{"Windows", "certreq -new REQUEST.inf REQUEST.csr, with OID=1.3.6.1.5.5.7.3.2 under [EnhancedKeyUsageExtension]"},
		{"Kubernetes", "a CertificateSigningRequest with signerName kubernetes.io/kube-apiserver-client and usages [digital signature, client auth]"},
	}
	switch id {
	case "chain.incomplete", "chain.order", "chain.surplus", "chain.twins", "path.cross-signed", "issuer.not-named", "key.missing", "key.elsewhere", "path.not-reached":
		return bundle
	case "usage.extended-key-usage", "usage.key-usage", "usage.ca", "validity.expired", "validity.ending", "revocation.revoked", "strength.key", "strength.signature", "request.certificate-type", "request.signature-scheme":
		return request
	case "key.mismatched":
		return []HowTo{
			{"openssl", "openssl x509 -in LEAF.pem -noout -pubkey and openssl pkey -in KEY.pem -pubout must print the same"},
			{"keytool", "keytool -list -v -keystore client.p12 (one PrivateKeyEntry with the certificate under it)"},
			{"Windows", "certutil -repairstore my SERIAL"},
			{"Kubernetes", "kubectl get secret NAME -o jsonpath='{.data.tls\\.crt}' | base64 -d | openssl x509 -noout -pubkey"},
		}
	case "key.locked":
		return []HowTo{
			{"openssl", "openssl pkcs12 -in CLIENT.p12 -noout -passin env:PW (add -legacy for RC2 and RC4)"},
			{"keytool", "keytool -list -keystore client.p12 -storepass:env PW"},
		}
	case "key.unreadable":
		return []HowTo{
			{"Linux", "namei -l FILE shows owner and mode of every folder on the way; sudo -u ACCOUNT cat FILE >/dev/null tries it"},
			{"Windows", "certlm.msc, All Tasks, Manage Private Keys: read access for the account of the service"},
			{"Kubernetes", "securityContext.fsGroup of the pod and defaultMode of the secret's volume"},
		}
	case "validity.not-yet-valid", "clock.skew":
		return []HowTo{
			{"Linux", "timedatectl; chronyc tracking"},
			{"Windows", "w32tm /query /status"},
		}
	case "issuer.encoding":
		return []HowTo{
			{"openssl", "openssl asn1parse -in CA.pem shows UTF8STRING or PRINTABLESTRING; string_mask in openssl.cnf decides what is issued"},
		}
	}
	return nil
}
