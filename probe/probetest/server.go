// Package probetest runs TLS servers in this process for tests and for the
// built-in demonstration, on loopback, on a free port.
package probetest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// A Server is a running server. Close ends it.
type Server struct {
	// Address is host and port.
	Address  string
	listener net.Listener
	wait     sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]bool
}

// Serve calls handle for each connection, in a goroutine of its own, and closes
// the connection afterwards.
func Serve(handle func(net.Conn)) (*Server, error) { return ServeAt("127.0.0.1:0", handle) }

// ServeAt is [Serve] on a given address.
func ServeAt(address string, handle func(net.Conn)) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	s := &Server{Address: listener.Addr().String(), listener: listener, open: make(map[net.Conn]bool)}
	s.wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.track(conn, true)
			s.wait.Go(func() {
				defer s.track(conn, false)
				defer conn.Close()
				handle(conn)
			})
		}
	})
	return s, nil
}

func (s *Server) track(conn net.Conn, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open {
		s.open[conn] = true
	} else {
		delete(s.open, conn)
	}
}

// Close ends the server and every connection, and waits for the handlers.
func (s *Server) Close() {
	_ = s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.wait.Wait()
}

// ServeHTTPS answers every request over TLS with status 200. The Date header is
// the clock's time; nil means time.Now.
func ServeHTTPS(config *tls.Config, clock func() time.Time) (*Server, error) {
	return ServeHTTPSAt("127.0.0.1:0", config, clock)
}

// ServeHTTPSAt is [ServeHTTPS] on a given address.
func ServeHTTPSAt(address string, config *tls.Config, clock func() time.Time) (*Server, error) {
	if clock == nil {
		clock = time.Now
	}
	return ServeAt(address, func(conn net.Conn) {
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		server := tls.Server(conn, config)
		reader := bufio.NewReader(server)
		for {
			line, err := reader.ReadString('\n')
			if err != nil {
				return
			}
			if strings.TrimSpace(line) == "" {
				break
			}
		}
		const body = "welcome\n"
		fmt.Fprintf(server, "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
			clock().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), len(body), body)
		_ = server.Close()
	})
}
