//go:build !cgo

package token

import (
	"context"
	"errors"
)

func open(context.Context, *URI, PINFunc) (*Contents, error) {
	return nil, errors.New("this build reads no tokens; one made with CGO_ENABLED=1 go build does")
}
