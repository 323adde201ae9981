package probe

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/textproto"
	"net/url"
	"strings"

	"golang.org/x/net/proxy"
)

// dial opens the connection on which TLS or its preamble begins: by the
// options' Dial, and through a proxy if there is one.
func dial(ctx context.Context, t Target, o *Options) (net.Conn, error) {
	switch {
	case o.Proxy == nil:
		return o.Dial(ctx, cmp.Or(t.protocol().Network, "tcp"), t.Address())
	case t.Datagrams():
		return nil, &proxyError{fmt.Errorf("%s goes over UDP, which this program does not send through a proxy",
			t.protocol().Name)}
	}
	switch o.Proxy.Scheme {
	case "http", "https":
		return dialConnect(ctx, t, o)
	case "socks5", "socks5h":
		return dialSOCKS(ctx, t, o)
	}
	return nil, &proxyError{fmt.Errorf("proxies of scheme %q are not known; http, https, socks5 and socks5h are",
		o.Proxy.Scheme)}
}

// A proxyError says why the proxy made no connection.
type proxyError struct{ err error }

func (e *proxyError) Error() string { return e.err.Error() }
func (e *proxyError) Unwrap() error { return e.err }

// proxyAddress is host and port of a proxy, whose scheme has a usual port.
func proxyAddress(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "3128", "https": "443"}[u.Scheme]
	}
	if port == "" {
		port = "1080" // SOCKS, RFC 1928
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// dialSOCKS goes through a SOCKS5 proxy, which resolves the name (RFC 1928).
func dialSOCKS(ctx context.Context, t Target, o *Options) (net.Conn, error) {
	var auth *proxy.Auth
	if u := o.Proxy.User; u != nil {
		password, _ := u.Password()
		auth = &proxy.Auth{User: u.Username(), Password: password}
	}
	dialer, err := proxy.SOCKS5("tcp", proxyAddress(o.Proxy), auth, contextDialer(o.Dial))
	if err == nil {
		var conn net.Conn
		if conn, err = dialer.(proxy.ContextDialer).DialContext(ctx, "tcp", t.Address()); err == nil {
			return conn, nil
		}
	}
	return nil, &proxyError{err}
}

// A contextDialer lets the SOCKS client dial as the options say.
type contextDialer func(ctx context.Context, network, address string) (net.Conn, error)

func (d contextDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d(ctx, network, address)
}

func (d contextDialer) Dial(network, address string) (net.Conn, error) {
	return d(context.Background(), network, address)
}

// dialConnect goes through an HTTP proxy (RFC 9110, Section 9.3.6).
func dialConnect(ctx context.Context, t Target, o *Options) (net.Conn, error) {
	conn, err := o.Dial(ctx, "tcp", proxyAddress(o.Proxy))
	if err != nil {
		return nil, &proxyError{fmt.Errorf("the proxy itself cannot be reached: %w", err)}
	}
	if o.Proxy.Scheme == "https" {
		conn, err = secure(ctx, conn, o.Proxy.Hostname())
	}
	if err == nil {
		err = connectThrough(ctx, conn, t, o.Proxy.User)
	}
	if err != nil {
		conn.Close()
		return nil, &proxyError{err}
	}
	return conn, nil
}

func connectThrough(ctx context.Context, conn net.Conn, t Target, user *url.Userinfo) error {
	defer bound(ctx, conn)()
	request := fmt.Sprintf("CONNECT %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: mtlsprobe\r\n", t.Address(), t.Address())
	if user != nil {
		password, _ := user.Password()
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) +
			"\r\n"
	}
	if _, err := conn.Write([]byte(request + "\r\n")); err != nil {
		return err
	}
	// One byte at a time: what follows the response's head is the server's. A 2xx
	// response has no body, whatever its fields say (RFC 9110, Section 9.3.6).
	head := textproto.NewReader(bufio.NewReaderSize(&oneByte{conn, 0}, 16))
	line, err := head.ReadLine()
	if err == nil {
		_, err = head.ReadMIMEHeader()
	}
	if err != nil {
		return fmt.Errorf("reading the proxy's response: %w", err)
	}
	version, status, _ := strings.Cut(line, " ")
	if !strings.HasPrefix(version, "HTTP/1.") || !strings.HasPrefix(status, "2") {
		const enough = 80 // of its words
		return fmt.Errorf("the proxy answered %q", line[:min(len(line), enough)])
	}
	return nil
}

// secure speaks TLS with the proxy itself.
func secure(ctx context.Context, conn net.Conn, name string) (net.Conn, error) {
	client := tls.Client(conn, &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12})
	if err := client.HandshakeContext(ctx); err != nil {
		return conn, fmt.Errorf("TLS with the proxy: %w", err)
	}
	return client, nil
}

// oneByte reads a byte at a time, and no more than a head has.
type oneByte struct {
	conn net.Conn
	n    int
}

func (o *oneByte) Read(b []byte) (int, error) {
	const most = 64 << 10
	if o.n++; o.n > most || len(b) == 0 {
		return 0, fmt.Errorf("an answer of more than %d bytes", most)
	}
	return o.conn.Read(b[:1])
}
