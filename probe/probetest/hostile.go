package probetest

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"time"
)

// patience bounds how long a hostile server waits for its victim.
const patience = 10 * time.Second

// ServeKeyless is a third party that has a server's public certificate and not its
// key: it plays the flight, waits for the client's, and pretends to have completed the
// handshake with records that nobody can decrypt. Seen gets all that the client sent,
// once for each connection.
func ServeKeyless(f *Flight, seen func([]byte)) (*Server, error) {
	return Serve(func(conn net.Conn) {
		_ = conn.SetDeadline(time.Now().Add(patience))
		hello := make([]byte, 16<<10)
		if _, err := conn.Read(hello); err != nil {
			return
		}
		if _, err := conn.Write(f.records()); err != nil {
			return
		}
		_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		said, _ := io.ReadAll(io.LimitReader(conn, 1<<16))
		seen(said)
		fake := []byte{20, 3, 3, 0, 1, 1}                                            // change_cipher_spec
		fake = append(fake, append([]byte{22, 3, 3, 0, 40}, make([]byte, 40)...)...) // no Finished
		_, _ = conn.Write(fake)
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		_, _ = io.Copy(io.Discard, conn)
	})
}

// A ForgingKey signs with the wrong key: whoever verifies its signatures refuses them.
type ForgingKey struct {
	crypto.Signer               // of the certificate
	Other         crypto.Signer // of the same kind
}

// Sign implements [crypto.Signer].
func (k ForgingKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.Other.Sign(rand.Reader, digest, opts)
}

// An Injector stands between clients and a server, passes everything on, and puts
// bytes of its own into what the server sends.
type Injector struct {
	Server string // its address
	Bytes  []byte
	// After says where: behind so many records of the server.
	After int
}

// Inject serves clients on a port of its own.
func (i *Injector) Inject() (*Server, error) {
	return Serve(func(client net.Conn) {
		server, err := net.DialTimeout("tcp", i.Server, patience)
		if err != nil {
			return
		}
		defer server.Close()
		_ = client.SetDeadline(time.Now().Add(patience))
		_ = server.SetDeadline(time.Now().Add(patience))
		var wait sync.WaitGroup
		wait.Go(func() {
			_, _ = io.Copy(server, client)
			_ = server.(*net.TCPConn).CloseWrite()
		})
		header := make([]byte, 5)
		for n := 0; ; n++ {
			if n == i.After {
				_, _ = client.Write(i.Bytes)
			}
			if _, err := io.ReadFull(server, header); err != nil {
				break
			}
			body := make([]byte, int(header[3])<<8|int(header[4]))
			if _, err := io.ReadFull(server, body); err != nil {
				break
			}
			if _, err := client.Write(append(header[:5:5], body...)); err != nil {
				break
			}
		}
		_ = client.Close()
		wait.Wait()
	})
}

// ServeInTurn gives each connection to the next of the configurations, as a balancer
// does, and answers HTTP with the status of the same index.
func ServeInTurn(configs []*tls.Config, statuses []string) (*Server, error) {
	var mu sync.Mutex
	turn := 0
	return Serve(func(conn net.Conn) {
		mu.Lock()
		n := turn % len(configs)
		turn++
		mu.Unlock()
		_ = conn.SetDeadline(time.Now().Add(patience))
		answer(tls.Server(conn, configs[n]), statuses[n])
	})
}

// answer reads the head of a request and answers it with the status.
func answer(conn net.Conn, status string) {
	buffer := make([]byte, 4096)
	if _, err := conn.Read(buffer); err != nil {
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	_ = conn.Close()
}

// A Tamperer stands between clients and a server, and flips one bit of what the server
// sends, or cuts the connection there.
type Tamperer struct {
	Server string // its address
	At     int    // the byte, counted from the server's first
	Cut    bool
}

// Tamper serves clients on a port of its own.
func (m *Tamperer) Tamper() (*Server, error) {
	return Serve(func(client net.Conn) {
		server, err := net.DialTimeout("tcp", m.Server, patience)
		if err != nil {
			return
		}
		defer server.Close()
		_ = client.SetDeadline(time.Now().Add(patience))
		_ = server.SetDeadline(time.Now().Add(patience))
		go func() {
			_, _ = io.Copy(server, client)
			_ = server.Close()
		}()
		buffer := make([]byte, 16<<10)
		for sent := 0; ; {
			n, err := server.Read(buffer)
			at := m.At - sent
			switch here := at >= 0 && at < n; {
			case here && m.Cut:
				_, _ = client.Write(buffer[:at])
				return
			case here:
				buffer[at] ^= 1
			}
			if _, writeErr := client.Write(buffer[:n]); writeErr != nil || err != nil {
				return
			}
			sent += n
		}
	})
}
