package certstore

import (
	"slices"
	"time"

	"mtlsprobe/certstore/process"
)

// A Running says which of an identity's files a process can have read.
type Running struct {
	PID     int
	Name    string // of the program
	Started time.Time
	// State is the worst of the files', and empty where that is not known: see Err. File is
	// the one it is of, and Changed when it was written or replaced.
	State   process.State
	File    string
	Changed time.Time
	Err     error
}

// Running fills each identity's Running for a process. The error says that there is none, or
// that the system does not tell.
func (h *Holding) Running(pid int) error {
	p, err := process.Find(pid)
	if err != nil {
		return err
	}
	for _, i := range h.Identities {
		for _, path := range i.files() {
			r := &Running{PID: p.PID, Name: p.Name, Started: p.Started, File: path}
			var err error
			if r.State, r.Changed, err = p.Of(path); err != nil {
				r.Err = reason(err)
			}
			if i.Running == nil || i.Running.Err == nil && (r.Err != nil || r.State.Rank() < i.Running.State.Rank()) {
				i.Running = r
			}
		}
	}
	return nil
}

// files are the paths of all that is a file of an identity.
func (i *Identity) files() []string {
	var list []string
	for _, path := range []string{i.Source, i.NamedBy, i.Key.Source} {
		if path != "" && isFile(path) && !slices.Contains(list, path) {
			list = append(list, path)
		}
	}
	return list
}
