package cmd

import (
	"context"
	"errors"
	"fmt"
	"html"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/exporter-toolkit/web"

	"mtlsprobe/probe"
	"mtlsprobe/report"
	"mtlsprobe/report/metrics"
)

// An exporting is the work of an exporter.
type exporting struct {
	streams *Streams
	options *exporterOptions
	room    chan struct{} // a token for each probe that runs
	scanner *report.Scanner

	ctx      context.Context //nolint:containedctx // of the whole run
	reloadMu sync.Mutex      // held by the one reload that runs

	mu      sync.Mutex
	modules map[string]*module

	// Of the exporter itself.
	registry            *prometheus.Registry
	reloaded, reloading prometheus.Gauge
	probes              *prometheus.CounterVec
}

func newExporting(ctx context.Context, s *Streams, o *exporterOptions) *exporting {
	quiet := *s
	quiet.ReadPassword = nil // nobody is there to be asked
	e := &exporting{ctx: ctx, streams: &quiet, options: o, room: make(chan struct{}, o.concurrency),
		scanner:  report.NewScanner(),
		registry: prometheus.NewRegistry(),
		reloading: prometheus.NewGauge(prometheus.GaugeOpts{Name: "mtlsprobe_exporter_config_last_reload_successful",
			Help: "Whether the configuration was valid when it was last read."}),
		reloaded: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "mtlsprobe_exporter_config_last_reload_success_timestamp_seconds",
			Help: "When the configuration in use was read."}),
		probes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mtlsprobe_exporter_probes_total",
			Help: "Probes by module, and by whether they succeeded."}, []string{"module", "success"})}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "mtlsprobe_exporter_build_info",
		Help: "The version of this program.", ConstLabels: prometheus.Labels{"version": version()}})
	build.Set(1)
	e.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		build, e.reloaded, e.reloading, e.probes, &loads{e})
	return e
}

// A loads collector says of each module whether its certificates could be read when that was last tried.
type loads struct{ *exporting }

func (l *loads) Describe(chan<- *prometheus.Desc) {}

func (l *loads) Collect(out chan<- prometheus.Metric) {
	desc := prometheus.NewDesc("mtlsprobe_exporter_identities_last_load_successful",
		"Whether the files of a module could be read when they last changed.", []string{"module"}, nil)
	for name, m := range l.all() {
		value := 0.0
		if m.identities.current() {
			value = 1
		}
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, name)
	}
}

func (e *exporting) all() map[string]*module {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.modules
}

// reload reads the file of modules, and all that they name. If that fails what was in use stays.
func (e *exporting) reload(ctx context.Context) error {
	e.reloadMu.Lock()
	defer e.reloadMu.Unlock()
	err := e.read(ctx)
	if err != nil {
		e.reloading.Set(0)
		return err
	}
	e.reloading.Set(1)
	e.reloaded.SetToCurrentTime()
	return nil
}

func (e *exporting) read(ctx context.Context) (err error) {
	data, err := os.ReadFile(e.options.config)
	if err != nil {
		return unreadable(e.options.config, err)
	}
	modules, err := parseModules(e.options.config, data)
	if err != nil {
		return err
	}
	for _, m := range modules {
		m.identities = &identities{streams: e.streams, module: m}
	}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		_, done, err := modules[name].identities.use(ctx)
		if err != nil {
			closeAll(modules)
			// %v: it is no mistake of the command line
			return &configError{e.options.config, modules[name].line, fmt.Errorf("module %q: %v", name, err)}
		}
		done()
	}
	e.mu.Lock()
	earlier := e.modules
	e.modules = modules
	e.mu.Unlock()
	closeAll(earlier)
	return nil
}

// closeAll closes modules, and returns what waits until nobody uses them.
func closeAll(modules map[string]*module) (wait func()) {
	var unused []<-chan struct{}
	for _, m := range modules {
		unused = append(unused, m.identities.close())
	}
	return func() {
		limit := time.After(5 * time.Second)
		for _, done := range unused {
			select {
			case <-done:
			case <-limit:
				return
			}
		}
	}
}

func (e *exporting) close() { closeAll(e.all())() }

func (e *exporting) handler() (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /probe", e.probe)
	mux.Handle("GET /metrics", promhttp.HandlerFor(e.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "healthy") })
	mux.HandleFunc("POST /-/reload", e.askedToReload)
	mux.HandleFunc("PUT /-/reload", e.askedToReload)
	page, err := web.NewLandingPage(web.LandingConfig{Name: "mtlsprobe exporter", Version: html.EscapeString(version()),
		Description: "What servers ask of client certificates, and which of them fit", Profiling: "false",
		Form: web.LandingForm{Action: "probe", Inputs: []web.LandingFormInput{
			{Label: "Target", Type: "text", Name: "target", Placeholder: "server.example.com:443"},
			{Label: "Module", Type: "text", Name: "module", Placeholder: "module"}}},
		Links: []web.LandingLinks{{Address: "metrics", Text: "Metrics", Description: "of this exporter itself"},
			{Address: "-/healthy", Text: "Health"}}})
	mux.Handle("GET /{$}", page)
	return mux, err
}

func (e *exporting) askedToReload(w http.ResponseWriter, _ *http.Request) {
	if err := e.reload(e.ctx); err != nil {
		warn(e.streams.Err, "the earlier configuration stays in use: "+err.Error())
		http.Error(w, "the earlier configuration stays in use: "+err.Error(), http.StatusInternalServerError)
	}
}

// probe answers with the metrics of one target.
func (e *exporting) probe(w http.ResponseWriter, r *http.Request) {
	text := r.FormValue("target")
	m, err := e.module(r.FormValue("module"))
	if err == nil && text == "" {
		err = errors.New("give ?target=TARGET")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	parsed, err := probe.ParseTarget(text)
	if _, rest, _ := strings.Cut(text, "://"); err == nil && parsed.User == "" && strings.Contains(rest, "@") {
		err = errors.New("a password in a target is not used")
	}
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	case !m.allows(parsed):
		http.Error(w, fmt.Sprintf("module %q may not probe this target: no entry of its targets allows it", m.name),
			http.StatusForbidden)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience(r, m))
	defer cancel()
	begun := time.Now()
	select {
	case e.room <- struct{}{}:
	case <-ctx.Done():
		http.Error(w, tooMany, http.StatusServiceUnavailable)
		return
	}
	waited := time.Since(begun)
	set, err := e.ask(ctx, m, text)
	<-e.room // writing the answer may take a slow reader's time
	switch {
	case r.Context().Err() != nil: // nobody waits for it, or the exporter ends: that says nothing of the target
		http.Error(w, "the probe was interrupted", http.StatusServiceUnavailable)
		return
	case ctx.Err() != nil && waited > time.Since(begun)/2:
		http.Error(w, tooMany, http.StatusServiceUnavailable)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(set)
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

// module finds one by name; the only one needs none.
func (e *exporting) module(name string) (*module, error) {
	modules := e.all()
	if m := modules[name]; m != nil {
		return m, nil
	}
	names := slices.Sorted(maps.Keys(modules))
	if name == "" && len(names) == 1 {
		return modules[names[0]], nil
	}
	return nil, fmt.Errorf("there is no module %q: give ?module= one of %s", name, strings.Join(names, ", "))
}

const tooMany = "too many probes are running: raise --concurrency"

// longestProbe bounds a probe where Prometheus tells no limit.
const longestProbe = 2 * time.Minute

// patience is how long a probe may take: less than the scrape, which Prometheus tells.
func patience(r *http.Request, m *module) time.Duration {
	const offset = 500 * time.Millisecond
	limit := longestProbe
	if m.connect.maxTime > 0 {
		limit = min(limit, m.connect.maxTime)
	}
	seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err == nil && seconds > 0 && seconds < longestProbe.Seconds() {
		scrape := time.Duration(seconds * float64(time.Second))
		limit = min(limit, max(scrape-offset, scrape/2))
	}
	return limit
}

// ask probes a target. An error is not the target's.
func (e *exporting) ask(ctx context.Context, m *module, text string) (*metrics.Set, error) {
	begun := time.Now()
	l, done, err := m.identities.use(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	target, options, err := m.connect.destination(e.streams, text, l.common)
	if err != nil {
		return nil, err
	}
	var line *report.Scanned
	d, err := l.ask(ctx, target, options, func() {
		warn(e.streams.Err, "this process may not open more files: raise the limit (ulimit -n), or give a lower "+
			"--concurrency")
	})
	if err == nil {
		line = e.scanner.Line(text, 0, d)
	} else {
		line = e.scanner.Failed(text, 0, err)
	}
	if err == nil || !errors.Is(ctx.Err(), context.Canceled) {
		e.probes.WithLabelValues(m.name, strconv.FormatBool(err == nil)).Inc()
	}
	return metrics.Of(line, d, m.names, time.Since(begun)), nil
}
