//go:build !linux

package process

import (
	"io/fs"
	"time"
)

// Find returns [ErrUnsupported].
func Find(int) (*Process, error) { return nil, ErrUnsupported }

func changeTime(fs.FileInfo) time.Time { return time.Time{} }
