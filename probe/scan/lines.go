package scan

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"net"
	"net/netip"
	"strings"
)

// A Line is a target of a list, or an error in it.
type Line struct {
	Number int    // from 1
	Target string // as it was written, or one address of a network
	Err    error  // why there is no target in it; nil for most
}

const (
	longestLine  = 4096
	mostOfPrefix = 16 // bits of a network's addresses: 65,536
)

// Lines reads the targets of a list as they come, one a line. "#" begins a comment. A network
// such as 10.0.0.0/24 stands for its addresses, each at these ports; without ports, at the usual
// one. An error of the reader is the last line.
func Lines(r io.Reader, ports []string) iter.Seq[Line] {
	return func(yield func(Line) bool) {
		lines := bufio.NewReaderSize(r, longestLine)
		for n := 1; ; n++ {
			text, tooLong, err := line(lines)
			if n == 1 {
				text = strings.TrimPrefix(text, "\ufeff") // of a file from Windows
			}
			text, _, _ = strings.Cut(text, "#")
			text = strings.TrimSpace(text)
			switch {
			case tooLong:
				if !yield(Line{Number: n, Err: fmt.Errorf("is longer than %d bytes", longestLine)}) {
					return
				}
			case text == "":
			case !expand(n, text, ports, yield):
				return
			}
			if err != nil {
				if err != io.EOF {
					yield(Line{Number: n, Err: err})
				}
				return
			}
		}
	}
}

// line reads a line, of which it keeps nothing if it is too long.
func line(r *bufio.Reader) (text string, tooLong bool, err error) {
	data, more, err := r.ReadLine()
	text = string(data)
	for more && err == nil {
		tooLong = true
		_, more, err = r.ReadLine()
	}
	return text, tooLong, err
}

// expand yields the targets of one line, and reports whether to go on.
func expand(n int, text string, ports []string, yield func(Line) bool) bool {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return yield(Line{Number: n, Target: text})
	}
	network = network.Masked()
	if network.Addr().BitLen()-network.Bits() > mostOfPrefix {
		return yield(Line{Number: n, Target: text, Err: fmt.Errorf("%s has more than %d addresses: divide it", text,
			1<<mostOfPrefix)})
	}
	for at := network.Addr(); network.Contains(at); at = at.Next() {
		if len(ports) == 0 && !yield(Line{Number: n, Target: at.String()}) {
			return false
		}
		for _, port := range ports {
			if !yield(Line{Number: n, Target: net.JoinHostPort(at.String(), port)}) {
				return false
			}
		}
	}
	return true
}
