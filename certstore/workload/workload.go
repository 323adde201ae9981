// Package workload asks an agent for the identities of this process by the SPIFFE Workload
// API (spiffe.io, "SPIFFE Workload API", "X.509-SVID Profile").
//
// One call is made, and its first answer read: what the agent would send later, when it
// renews, is not waited for.
package workload

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// An SVID is an identity that the agent gives to this process.
type SVID struct {
	ID          string // as in "spiffe://example.org/web"
	Chain       []byte // the leaf and its intermediates, in DER, one after the other
	Key         []byte // PKCS#8
	Authorities []byte // of its trust domain, in DER, one after the other
}

// Bounds on an agent's answer, and on the time that it takes.
const (
	maxMessage = 4 << 20 // bytes, as gRPC's default
	maxSVIDs   = 1000
	timeout    = 10 * time.Second
)

// Variable is the environment variable that names the agent's address.
const Variable = "SPIFFE_ENDPOINT_SOCKET"

// Fetch asks the agent at an address, which is unix:///PATH or tcp://IP:PORT.
func Fetch(ctx context.Context, address string) ([]SVID, error) {
	network, place, err := parse(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("the agent did not answer within %v", timeout))
	defer cancel()
	svids, err := fetch(ctx, network, place)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return svids, err
}

// parse takes an address apart (SPIFFE Workload Endpoint, Section 4).
func parse(address string) (network, place string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", "", errors.New("is not an address: unix:///PATH or tcp://IP:PORT is expected")
	}
	switch {
	case u.Scheme == "unix" && u.Host == "" && u.Path+u.Opaque != "":
		return "unix", u.Path + u.Opaque, nil
	case u.Scheme == "tcp" && net.ParseIP(u.Hostname()) != nil && u.Port() != "":
		return "tcp", u.Host, nil
	}
	return "", "", errors.New("is not an address of an agent: unix:///PATH or tcp://IP:PORT is expected")
}

func fetch(ctx context.Context, network, place string) ([]SVID, error) {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, place)
		}}
	defer transport.CloseIdleConnections()
	// a message of gRPC without content: not compressed, of length zero
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/SpiffeWorkloadAPI/FetchX509SVID",
		bytes.NewReader(make([]byte, prefix)))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	request.Header.Set("workload.spiffe.io", "true")
	response, err := transport.RoundTrip(request)
	if err != nil {
		var operation *net.OpError
		if errors.As(err, &operation) {
			return nil, fmt.Errorf("the agent cannot be reached: %w", operation.Err)
		}
		return nil, fmt.Errorf("what answers does not speak gRPC: %w", err)
	}
	defer response.Body.Close()
	message, err := firstMessage(response)
	if err != nil {
		return nil, err
	}
	return decode(message)
}

// prefix is the length of what stands before a message of gRPC: compression, and length.
const prefix = 5

// firstMessage reads the first message of the answer.
func firstMessage(response *http.Response) ([]byte, error) {
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"),
		"application/grpc") {
		return nil, fmt.Errorf("what answers does not speak gRPC: HTTP status %d", response.StatusCode)
	}
	head := make([]byte, prefix)
	if _, err := io.ReadFull(response.Body, head); err != nil {
		return nil, refusal(response, err)
	}
	length := binary.BigEndian.Uint32(head[1:])
	switch {
	case head[0] != 0:
		return nil, errors.New("the agent's answer is compressed, which was not offered")
	case length > maxMessage:
		return nil, fmt.Errorf("the agent's answer has %d bytes, more than %d", length, maxMessage)
	}
	message := make([]byte, length)
	if _, err := io.ReadFull(response.Body, message); err != nil {
		return nil, errors.New("the agent's answer is cut off")
	}
	return message, nil
}

// refusal says why there is no answer: by the status that gRPC sends behind it.
func refusal(response *http.Response, err error) error {
	status, text := response.Trailer.Get("Grpc-Status"), response.Trailer.Get("Grpc-Message")
	if status == "" {
		status, text = response.Header.Get("Grpc-Status"), response.Header.Get("Grpc-Message")
	}
	const permissionDenied = "7" // grpc.io, "Status codes"
	switch {
	case status == "":
		return fmt.Errorf("the agent ended without an answer: %w", err)
	case status == permissionDenied:
		return errors.New("the agent has no identity for this process: no registration entry fits it (PermissionDenied)")
	}
	if decoded, err := url.PathUnescape(text); err == nil {
		text = decoded
	}
	const most = 200
	return fmt.Errorf("the agent refuses by gRPC status %s: %q", status,
		strings.ToValidUTF8(text[:min(len(text), most)], ""))
}

// decode reads an X509SVIDResponse (SPIFFE Workload API, Section 5.2.1).
func decode(message []byte) ([]SVID, error) {
	var list []SVID
	err := fields(message, func(number protowire.Number, value []byte) error {
		if number != 1 {
			return nil
		}
		if len(list) == maxSVIDs {
			return fmt.Errorf("the agent's answer has more than %d identities", maxSVIDs)
		}
		list = append(list, SVID{})
		return fields(value, func(number protowire.Number, value []byte) error {
			s := &list[len(list)-1]
			switch number {
			case 1:
				s.ID = string(value)
			case 2:
				s.Chain = value
			case 3:
				s.Key = value
			case 4:
				s.Authorities = value
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("the agent has no identity for this process")
	}
	return list, nil
}

// fields calls each with the fields of a message that are bytes.
func fields(message []byte, each func(protowire.Number, []byte) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return errDamaged
		}
		message = message[n:]
		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
				return errDamaged
			}
			message = message[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(message)
		if n < 0 {
			return errDamaged
		}
		message = message[n:]
		if err := each(number, value); err != nil {
			return err
		}
	}
	return nil
}

var errDamaged = errors.New("the agent's answer is not an X509SVIDResponse")
