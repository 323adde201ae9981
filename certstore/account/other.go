//go:build !unix

package account

import (
	"errors"
	"fmt"

	"mtlsprobe/report/say"
)

var errSystem = fmt.Errorf("what other accounts may read is not answered on this system: %w", errors.ErrUnsupported)

// Lookup is not supported on this system.
func Lookup(string) (*Account, error) { return nil, errSystem }

// Read is not supported on this system, and answers Unknown.
func (a *Account) Read(string) Access { return Access{Result: say.Unknown, Detail: errSystem.Error()} }

// Exposed is not supported on this system.
func Exposed(string) (*Exposure, error) { return nil, errSystem }
