// The readers of formats that have a library in Go: they print what they have understood as JSON, or say what is wrong.
//
//	readers compose FILE             as `docker compose config` reads a project
//	readers monitoring < JSON        an object of the Prometheus operator; unknown fields are refused
//	readers restricted < JSON        a pod, by the profile `restricted` of Kubernetes' Pod Security Standards
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
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	security "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
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
	case "restricted":
		return nil, admit()
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

// admit says what the profile forbids of a pod, or of the template of a Deployment, as the admission controller does.
func admit() error {
	var pod core.PodTemplateSpec
	if err := json.NewDecoder(os.Stdin).Decode(&pod); err != nil {
		return err
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	profile := security.LevelVersion{Level: security.LevelRestricted, Version: security.LatestVersion()}
	result := policy.AggregateCheckResults(evaluator.EvaluatePod(profile, &pod.ObjectMeta, &pod.Spec))
	if !result.Allowed {
		return fmt.Errorf("%s", result.ForbiddenDetail())
	}
	return nil
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
