package scan

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// A Shard is one of several parts into which a list is divided. The zero Shard is the whole list.
type Shard struct{ Part, Of int } // Part counts from 1

// ParseShard reads "2/8", or "job/8" for the part whose number the environment tells.
func ParseShard(s string, getenv func(string) string) (Shard, error) {
	part, of, _ := strings.Cut(s, "/")
	var shard Shard
	var err error
	if shard.Of, err = strconv.Atoi(of); err != nil {
		return Shard{}, fmt.Errorf("%q is not a part such as 2/8 or job/8", s)
	}
	if part != "job" {
		shard.Part, err = strconv.Atoi(part)
	} else {
		shard.Part, err = ownPart(getenv)
	}
	switch {
	case err != nil && part == "job":
		return Shard{}, err
	case err != nil:
		return Shard{}, fmt.Errorf("%q is not a part such as 2/8 or job/8", s)
	case shard.Part < 1 || shard.Part > shard.Of:
		return Shard{}, fmt.Errorf("part %d of %d is not there", shard.Part, shard.Of)
	}
	return shard, nil
}

// ownPart is the part of the job in which this process runs.
func ownPart(getenv func(string) string) (int, error) {
	for _, job := range []struct{ index, first string }{ // the variable, and that of the first job's number
		{"JOB_COMPLETION_INDEX", ""},                    // Kubernetes, indexed jobs
		{"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN"}, // Slurm, job arrays
		{"NOMAD_ALLOC_INDEX", ""},                       // Nomad
	} {
		index := getenv(job.index)
		if index == "" {
			continue
		}
		first := "0"
		if job.first != "" && getenv(job.first) != "" {
			first = getenv(job.first)
		}
		n, err := strconv.Atoi(index)
		if err != nil {
			return 0, fmt.Errorf("%s=%q is not a number", job.index, index)
		}
		from, err := strconv.Atoi(first)
		if err != nil {
			return 0, fmt.Errorf("%s=%q is not a number", job.first, first)
		}
		return n - from + 1, nil
	}
	return 0, fmt.Errorf("none of JOB_COMPLETION_INDEX, SLURM_ARRAY_TASK_ID and NOMAD_ALLOC_INDEX is set")
}

// Has reports whether a target belongs to the part. Equal targets belong to the same part in
// every run.
func (s Shard) Has(target string) bool {
	if s.Of < 2 {
		return true
	}
	sum := sha256.Sum256([]byte(target))
	return binary.BigEndian.Uint64(sum[:])%uint64(s.Of) == uint64(s.Part-1) //nolint:gosec // both are positive
}
