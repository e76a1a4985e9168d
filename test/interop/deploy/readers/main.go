// The readers of formats that have a library in Go: they print what they have understood as JSON, or say what is wrong.
//
//	readers compose FILE             as `docker compose config` reads a project
//	readers monitoring < JSON        an object of the Prometheus operator; unknown fields are refused
//	readers consul < JSON            a service definition of Consul's HTTP API; unknown fields are refused
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/hashicorp/consul/api"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func main() {
	object, err := read(os.Args[1], os.Args[2:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(object)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(kind string, args []string) (any, error) {
	switch kind {
	case "compose":
		options, err := cli.NewProjectOptions(args, cli.WithOsEnv, cli.WithDotEnv, cli.WithInterpolation(true))
		if err != nil {
			return nil, err
		}
		return options.LoadProject(context.Background())
	case "monitoring":
		return readMonitoring()
	case "consul":
		return strict(&api.AgentServiceRegistration{})
	}
	return nil, fmt.Errorf("unknown format %q", kind)
}

func readMonitoring() (any, error) {
	var raw json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&raw); err != nil {
		return nil, err
	}
	var named meta.TypeMeta
	if err := json.Unmarshal(raw, &named); err != nil {
		return nil, err
	}
	kinds := map[string]any{
		"ServiceMonitor": &monitoring.ServiceMonitor{},
		"PrometheusRule": &monitoring.PrometheusRule{},
	}
	object, known := kinds[named.Kind]
	if !known {
		return nil, fmt.Errorf("unknown kind %q", named.Kind)
	}
	return object, decodeStrictly(raw, object)
}

func strict(object any) (any, error) {
	var raw json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&raw); err != nil {
		return nil, err
	}
	return object, decodeStrictly(raw, object)
}

func decodeStrictly(raw json.RawMessage, object any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return decoder.Decode(object)
}
