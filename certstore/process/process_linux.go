package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// Find looks a process up. What the system keeps from this account is not known: the files
// that are open, and another root.
func Find(pid int) (*Process, error) {
	proc, err := procfs.NewProc(pid)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no process has the number %d", pid)
	}
	if err != nil {
		return nil, err
	}
	stat, err := proc.Stat()
	if err != nil {
		return nil, err
	}
	seconds, err := stat.StartTime()
	if err != nil {
		return nil, err
	}
	p := &Process{PID: pid, Name: stat.Comm, Started: time.UnixMilli(int64(seconds * 1000))}
	targets, _ := proc.FileDescriptorTargets()
	for _, target := range targets {
		if path, ok := strings.CutSuffix(target, " (deleted)"); ok { // proc_pid_fd(5)
			p.deleted = append(p.deleted, path)
		}
	}
	folder := filepath.Join("/proc", strconv.Itoa(pid))
	theirs, err := os.Stat(filepath.Join(folder, "root"))
	own, ownErr := os.Stat("/")
	mounts, mountsErr := os.Readlink(filepath.Join(folder, "ns", "mnt"))
	ownMounts, _ := os.Readlink("/proc/self/ns/mnt")
	if err == nil && ownErr == nil && !os.SameFile(own, theirs) || mountsErr == nil && mounts != ownMounts {
		p.root = filepath.Join(folder, "root")
	}
	return p, nil
}

// changeTime is when the file's owner, mode or name last changed, or its content.
func changeTime(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(stat.Ctim.Unix())
	}
	return time.Time{}
}
