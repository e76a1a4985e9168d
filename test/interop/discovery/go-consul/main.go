// The official Consul client against the discovery listener. Every answer is a line of JSON.
//
//	go-consul ask ADDRESS TOKEN SERVICE     what every call of the client returns, once
//	go-consul watch ADDRESS TOKEN SERVICE [passing]
//	                                        blocking queries about a service, one after the other, until it is ended
//	go-consul index ADDRESS TOKEN SERVICE INDEX WAIT
//	                                        one blocking query at an index, such as one of another process
//	go-consul watch-checks ADDRESS TOKEN    a watch plan for all checks and one for all services, as Traefik has them
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/api/watch"
)

type instance struct {
	ID      string
	Address string
	Port    int
	Status  string
	Tags    []string
	Weight  int
	Meta    map[string]string
}

var output sync.Mutex

func show(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	output.Lock()
	defer output.Unlock()
	fmt.Println(string(text))
}

func instancesOf(entries []*api.ServiceEntry) []instance {
	all := []instance{}
	for _, each := range entries {
		address := each.Service.Address
		if address == "" {
			address = each.Node.Address
		}
		all = append(all, instance{each.Service.ID, address, each.Service.Port, each.Checks.AggregatedStatus(),
			each.Service.Tags, each.Service.Weights.Passing, each.Service.Meta})
	}
	return all
}

// query asks once, and shows the answer with the time it took.
func query(client *api.Client, service string, passing bool, options *api.QueryOptions) uint64 {
	started := time.Now()
	entries, meta, err := client.Health().Service(service, "", passing, options)
	took := time.Since(started).Milliseconds()
	if err != nil {
		show(map[string]any{"error": err.Error(), "took": took})
		return 0
	}
	show(map[string]any{"index": meta.LastIndex, "took": took, "instances": instancesOf(entries)})
	return meta.LastIndex
}

func watchService(client *api.Client, service string, passing bool) {
	index := uint64(0)
	for {
		last := index
		index = query(client, service, passing, &api.QueryOptions{WaitIndex: last, WaitTime: time.Minute})
		if index == 0 {
			time.Sleep(50 * time.Millisecond) // an error
		} else if index < last {
			index = 0 // as Consul's guide says: the index has gone back
		}
	}
}

func watchChecks(client *api.Client) {
	for _, kind := range []string{"checks", "services"} {
		plan, err := watch.Parse(map[string]any{"type": kind})
		if err != nil {
			panic(err)
		}
		plan.HybridHandler = func(_ watch.BlockingParamVal, result any) {
			show(map[string]any{kind: result})
		}
		go func() {
			if err := plan.RunWithClientAndHclog(client, nil); err != nil {
				show(map[string]any{"error": err.Error()})
			}
		}()
	}
	select {}
}

func ask(client *api.Client, service string) {
	answers := map[string]any{}
	put := func(name string, value any, err error) {
		if err != nil {
			value = map[string]string{"error": err.Error()}
		}
		answers[name] = value
	}
	services, _, err := client.Catalog().Services(nil)
	put("services", services, err)
	catalog, _, err := client.Catalog().Service(service, "", nil)
	put("catalog", catalog, err)
	entries, _, err := client.Health().Service(service, "", false, nil)
	put("health", instancesOf(entries), err)
	passing, _, err := client.Health().Service(service, "", true, nil)
	put("passing", instancesOf(passing), err)
	tagged, _, err := client.Health().Service(service, "blue", false, nil)
	put("blue", instancesOf(tagged), err)
	checks, _, err := client.Health().State(api.HealthAny, nil)
	put("state", checks, err)
	self, err := client.Agent().Self()
	put("self", self, err)
	leader, err := client.Status().Leader()
	put("leader", leader, err)
	_, _, err = client.Health().Service(service, "", false, &api.QueryOptions{Filter: "Checks.Status == passing"})
	put("filter", nil, err)
	show(answers)
}

func main() {
	command, service := os.Args[1], ""
	if len(os.Args) > 4 {
		service = os.Args[4]
	}
	client, err := api.NewClient(&api.Config{Address: os.Args[2], Token: os.Args[3]})
	if err != nil {
		panic(err)
	}
	switch command {
	case "ask":
		ask(client, service)
	case "watch":
		watchService(client, service, len(os.Args) > 5)
	case "watch-checks":
		watchChecks(client)
	case "index":
		index, _ := strconv.ParseUint(os.Args[5], 10, 64)
		wait, _ := time.ParseDuration(os.Args[6])
		query(client, service, false, &api.QueryOptions{WaitIndex: index, WaitTime: wait})
	default:
		panic("unknown command " + command)
	}
}
