// Prometheus' own discovery of Consul's services: Debian's Prometheus is built without it.
//
//	go-prometheus CONFIG     CONFIG has one entry of `consul_sd_configs`; each change of the targets is a line of JSON
//
// The discovery manager is the one of the server: it sends the targets on to the scrape manager at most every 5 s.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/consul"
	"gopkg.in/yaml.v3"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	must(err)
	config := consul.DefaultSDConfig
	must(yaml.Unmarshal(text, &config))

	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	registry := prometheus.NewRegistry()
	refresh, err := discovery.CreateAndRegisterSDMetrics(registry)
	must(err)
	manager := discovery.NewManager(context.Background(), logger, registry, refresh, discovery.Updatert(200*time.Millisecond))
	must(manager.ApplyConfig(map[string]discovery.Configs{"orders": {&config}}))
	go func() { must(manager.Run()) }()
	for groups := range manager.SyncCh() {
		targets := []map[string]string{}
		for _, group := range groups["orders"] {
			for _, each := range group.Targets {
				labels := map[string]string{}
				for name, value := range each {
					labels[string(name)] = string(value)
				}
				targets = append(targets, labels)
			}
		}
		line, err := json.Marshal(targets)
		must(err)
		fmt.Println(string(line))
	}
}
