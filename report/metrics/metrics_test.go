package metrics

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mtlsprobe/report"
)

// What a hostile server or a file calls itself makes no scrape fail, and no label endless.
func TestLabels(t *testing.T) {
	s := Of(&report.Scanned{Error: &report.ScanError{Kind: "silent"}}, nil, 10, time.Second)
	s.info("mtlsprobe_acceptable_ca_info", "x", "ca", "CN=\xff")
	s.info("mtlsprobe_acceptable_ca_info", "x", "ca", "CN=\xfe")
	s.info("mtlsprobe_acceptable_ca_info", "x", "ca", strings.Repeat("ä", 100_000))
	s.info("mtlsprobe_acceptable_ca_info", "x", "ca", strings.Repeat("ä", 100_001))
	s.info("mtlsprobe_acceptable_ca_info", "x", "ca", "line\nend\x00\"")
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var labels []string
	for _, family := range families {
		for _, metric := range family.Metric {
			for _, label := range metric.Label {
				labels = append(labels, label.GetValue())
				if len([]rune(label.GetValue())) > 257 {
					t.Errorf("a label of %d characters", len([]rune(label.GetValue())))
				}
			}
		}
	}
	if len(families) != 4 || len(labels) != 4 {
		t.Errorf("%d metrics, labels %q", len(families), labels)
	}
}
