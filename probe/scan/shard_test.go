package scan

import (
	"fmt"
	"testing"
)

// Every target is in one part, and the parts are of about the same size.
func TestShard(t *testing.T) {
	const targets, parts = 10_000, 8
	sizes := make([]int, parts)
	for n := range targets {
		target := fmt.Sprintf("server-%d.example.com:8443", n)
		in := 0
		for k := range parts {
			if (Shard{Part: k + 1, Of: parts}).Has(target) {
				in++
				sizes[k]++
			}
		}
		if in != 1 || !(Shard{}).Has(target) {
			t.Fatalf("%s is in %d parts", target, in)
		}
	}
	for _, size := range sizes {
		if size < targets/parts*8/10 || size > targets/parts*12/10 {
			t.Errorf("sizes %v", sizes)
		}
	}
}

func TestParseShard(t *testing.T) {
	for _, tt := range []struct {
		text  string
		env   map[string]string
		want  Shard
		wrong bool
	}{
		{"2/8", nil, Shard{2, 8}, false},
		{"1/1", nil, Shard{1, 1}, false},
		{"job/8", map[string]string{"JOB_COMPLETION_INDEX": "0"}, Shard{1, 8}, false},
		{"job/8", map[string]string{"SLURM_ARRAY_TASK_ID": "3"}, Shard{4, 8}, false},
		{"job/8", map[string]string{"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MIN": "1"}, Shard{3, 8}, false},
		{"job/8", map[string]string{"NOMAD_ALLOC_INDEX": "7"}, Shard{8, 8}, false},
		{"job/8", map[string]string{"NOMAD_ALLOC_INDEX": "8"}, Shard{}, true},
		{"job/8", map[string]string{"JOB_COMPLETION_INDEX": "x"}, Shard{}, true},
		{"job/8", nil, Shard{}, true},
		{"0/8", nil, Shard{}, true},
		{"9/8", nil, Shard{}, true},
		{"2", nil, Shard{}, true},
		{"a/b", nil, Shard{}, true},
		{"2/8/3", nil, Shard{}, true},
	} {
		got, err := ParseShard(tt.text, func(name string) string { return tt.env[name] })
		if got != tt.want || (err != nil) != tt.wrong {
			t.Errorf("%s, %v: %v, %v", tt.text, tt.env, got, err)
		}
	}
}
