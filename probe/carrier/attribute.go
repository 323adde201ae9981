package carrier

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ParseAttribute reads NAME=VALUE, where NAME is one by which servers choose their policy, or the
// number of any attribute, whose value is then a text.
func ParseAttribute(text string) (Attribute, error) {
	name, value, found := strings.Cut(text, "=")
	if !found || value == "" || len(value) > maxAttribute {
		return Attribute{}, errors.New("an attribute is NAME=VALUE, with a value of 1 to 253 bytes")
	}
	number, kind := uint64(0), 's'
	switch strings.ToLower(name) { // RFC 2865, Section 5
	case "nas-ip-address":
		number, kind = 4, 'a'
	case "nas-port":
		number, kind = 5, 'n'
	case "service-type":
		number, kind = 6, 'n'
	case "called-station-id":
		number = 30
	case "calling-station-id":
		number = 31
	case "nas-identifier":
		number = 32
	case "nas-port-type":
		number, kind = 61, 'n'
	case "nas-port-id": // RFC 2869, Section 5.17
		number = 87
	default:
		var err error
		number, err = strconv.ParseUint(name, 10, 8)
		if slices.Contains([]uint64{4, 5, 6, 26, 61, 95}, number) { // which are no texts
			return Attribute{}, fmt.Errorf("attribute %d is not a text: give it by its name", number)
		}
		if err != nil || number == 0 {
			return Attribute{}, fmt.Errorf("%q is not the number of an attribute, nor one of NAS-IP-Address, NAS-Port, "+
				"Service-Type, Called-Station-Id, Calling-Station-Id, NAS-Identifier, NAS-Port-Type and NAS-Port-Id", name)
		}
	}
	a := Attribute{byte(number), []byte(value)}
	switch kind {
	case 'a':
		address, err := netip.ParseAddr(value)
		if err != nil || !address.Is4() {
			return Attribute{}, fmt.Errorf("%s is an IPv4 address", name)
		}
		a.Value = address.AsSlice()
	case 'n':
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return Attribute{}, fmt.Errorf("%s is a number", name)
		}
		a.Value = binary.BigEndian.AppendUint32(nil, uint32(n))
	}
	if a.Type == messageAuthenticator || a.Type == eapMessage || a.Type == state {
		return Attribute{}, fmt.Errorf("attribute %d is the protocol's own", a.Type)
	}
	return a, nil
}
