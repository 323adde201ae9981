package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/account"
	"mtlsprobe/probe"
	"mtlsprobe/probe/capture"
	"mtlsprobe/probe/carrier"
	"mtlsprobe/probe/wire"
)

// All that is said on stderr is worded here: one line "mtlsprobe: error: …",
// then lines "mtlsprobe: hint: …", each a command to paste or a place to look.
// No password and no key ever comes here.

func complain(w io.Writer, err error) {
	var plugin *statusError
	switch {
	case err == nil, errors.Is(err, errNoneFits), errors.Is(err, errDiffers), errors.As(err, &plugin) && plugin.err == nil:
		return
	case errors.Is(err, context.Canceled):
		tell(w, "error", "interrupted")
		return
	}
	tell(w, "error", err.Error())
	for _, hint := range hints(err) {
		tell(w, "hint", hint)
	}
}

func warn(w io.Writer, text string) { tell(w, "warning", text) }

// messages are where warnings and hints go, unless nobody wants them.
type messages struct {
	io.Writer
	errorsOnly bool
}

func tell(w io.Writer, kind, text string) {
	if m, ok := w.(*messages); ok && m.errorsOnly && kind != "error" {
		return
	}
	text = strings.Map(plain, text)
	fmt.Fprintf(w, "mtlsprobe: %s: %s\n", kind, text)
}

func hints(err error) []string {
	var source *certstore.SourceError
	var connect *probe.ConnectError
	var usage *usageError
	switch {
	case errors.As(err, &connect):
		return connectHints(connect)
	case errors.As(err, &source):
		return sourceHints(source)
	case errors.Is(err, capture.ErrFormat):
		return []string{"a list of messages or a program's log is read with trace --messages FILE"}
	case errors.As(err, &usage):
		list := []string{usage.command + " --help"}
		if usage.better != "" {
			list = append([]string{usage.better}, list...)
		}
		return list
	}
	return nil
}

// What helps where a server does not even answer the ClientHello.
const (
	preamble   = "if the server begins with a protocol of its own, name it: --starttls smtp, postgres, mysql, ldap"
	serverName = "the server may expect a different SNI name: try --servername NAME"
)

func connectHints(e *probe.ConnectError) []string {
	switch e.Kind {
	case probe.UnknownHost:
		return []string{"check the spelling, or give the address and --servername NAME"}
	case probe.Refused:
		return []string{"check the port; a TARGET without one means 443, or the usual one of its scheme"}
	case probe.NoConnect, probe.Unreachable:
		return []string{"a firewall or a missing route: try from the client's host, or a longer --timeout"}
	case probe.Silent:
		if e.Carried {
			return []string{"the way to the server may drop large packets; or try a longer --timeout"}
		}
		return []string{"the server may wait for a protocol of its own before TLS: name it with --starttls; or try a " +
			"longer --timeout"}
	case probe.NotTLS:
		return []string{"use the port on which the server speaks TLS, or let it begin after a preamble: --starttls NAME, " +
			"or a target such as smtp://HOST"}
	case probe.NoStartTLS:
		return []string{"the server may speak another protocol, or TLS from the first byte: give another --starttls " +
			"NAME, or " +
			"a URL such as https://HOST:PORT or imaps://HOST"}
	case probe.NoCarrier:
		var silent *carrier.SilentError
		if !errors.As(e, &silent) {
			return nil
		}
		return []string{"try with " + silent.Program + ", from this host and with this secret; the " +
			"server's log says which requests it drops, and why"}
	case probe.Hangup, probe.Alerted:
		switch {
		case e.Kind == probe.Alerted && e.Alert == wire.AlertProtocolVersion:
			return []string{"the server offers other versions of TLS: try without --tls-min and --tls-max"}
		case e.Kind == probe.Alerted && e.Alert == wire.AlertNoApplicationProtocol:
			return []string{"the server speaks none of the protocols of --alpn: http/1.1, h2, or others by their registered " +
				"names"}
		case e.Version == 0 && e.Kind == probe.Hangup:
			return []string{preamble, serverName}
		case e.Version == 0:
			return []string{serverName, preamble}
		case e.Kind == probe.Alerted && e.Alert == wire.AlertInternalError:
			return []string{"at the server: name fewer CAs, or trust them without naming them (nginx " +
				"ssl_trusted_certificate, Apache SSLCADNRequestFile, HAProxy ca-verify-file)"}
		}
	}
	return nil
}

// likeNamed hints at the files with a name that is near to one that does not exist.
func likeNamed(path string) []string {
	folder := filepath.Dir(path)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return []string{"there is no folder " + account.ShellQuote(folder)}
	}
	var names, hints []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	for _, name := range nearest(names, filepath.Base(path)) {
		hints = append(hints, "did you mean "+account.ShellQuote(filepath.Join(folder, name))+"?")
	}
	return hints[:min(len(hints), 3)]
}

func sourceHints(e *certstore.SourceError) []string {
	switch e.Kind {
	case certstore.WrongPassword:
		return []string{"give the password that opens it: --pass env:VAR or --pass file:PATH; without --pass it is asked " +
			"for at a terminal"}
	case certstore.CAOnly:
		return []string{"give CA certificates with --authorities, and the client's certificate with --cert"}
	case certstore.KeyOnly:
		return []string{"give the key with --key, and its certificate with --cert"}
	case certstore.NotReadable:
		if errors.Is(e.Err, fs.ErrNotExist) && strings.Contains(e.Source, ",") {
			return []string{"repeat the flag for each file: --cert ONE --cert OTHER"}
		}
		if errors.Is(e.Err, fs.ErrNotExist) {
			return likeNamed(e.Source)
		}
		return []string{"ls -l " + account.ShellQuote(e.Source)}
	case certstore.NotUnderstood:
		if strings.HasPrefix(e.Source, "pkcs11:") || strings.HasPrefix(e.Source, "store:") {
			return []string{"mtlsprobe inspect --help"}
		}
		if errors.Is(e.Err, certstore.ErrUnknownFormat) {
			return []string{"file " + account.ShellQuote(e.Source)}
		}
		return []string{"what is read: mtlsprobe inspect --help"}
	}
	return nil
}
