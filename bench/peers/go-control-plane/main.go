// go-control-plane: `server CACHE SERVICES INSTANCES`. It prints its port. SIGUSR2 toggles the state of one instance.
//
// CACHE is `snapshot` or `linear`. A change of a snapshot is another snapshot, and each subscriber is sent all of its resources.
// The linear cache knows one type of resources, and sends those that have changed.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	service "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// One hash for all nodes: they share the snapshot.
type oneHash struct{}

func (oneHash) ID(*core.Node) string { return "all" }

func assignment(number, instances int, first core.HealthStatus) *endpoint.ClusterLoadAssignment {
	endpoints := make([]*endpoint.LbEndpoint, 0, instances)
	for each := range instances {
		index := number*instances + each
		address := &core.SocketAddress{
			Address:       fmt.Sprintf("10.%d.%d.%d", index>>16, index>>8&255, index&255),
			PortSpecifier: &core.SocketAddress_PortValue{PortValue: 50051},
		}
		status := core.HealthStatus_HEALTHY
		if each == 0 {
			status = first
		}
		endpoints = append(endpoints, &endpoint.LbEndpoint{
			HostIdentifier: &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{
				Address: &core.Address{Address: &core.Address_SocketAddress{SocketAddress: address}},
			}},
			HealthStatus:        status,
			LoadBalancingWeight: wrapperspb.UInt32(1),
		})
	}
	return &endpoint.ClusterLoadAssignment{
		ClusterName: fmt.Sprintf("s%d", number),
		Endpoints: []*endpoint.LocalityLbEndpoints{{
			Locality: &core.Locality{}, LoadBalancingWeight: wrapperspb.UInt32(1), LbEndpoints: endpoints,
		}},
	}
}

// A cache, and what sets a new assignment of the first service in it.
func linear(all []types.Resource) (cache.Cache, func(types.Resource)) {
	named := map[string]types.Resource{}
	for _, each := range all {
		named[cache.GetResourceName(each)] = each
	}
	found := cache.NewLinearCache(resource.EndpointType, cache.WithInitialResources(named))
	return found, func(changed types.Resource) {
		check(found.UpdateResource(cache.GetResourceName(changed), changed))
	}
}

func snapshot(all []types.Resource) (cache.Cache, func(types.Resource)) {
	found := cache.NewSnapshotCache(false, oneHash{}, nil)
	version := 0
	set := func(changed types.Resource) {
		version++
		all[0] = changed
		next, err := cache.NewSnapshot(strconv.Itoa(version), map[resource.Type][]types.Resource{resource.EndpointType: all})
		check(err)
		check(found.SetSnapshot(context.Background(), "all", next))
	}
	set(all[0])
	return found, set
}

func main() {
	services, err := strconv.Atoi(os.Args[2])
	check(err)
	instances, err := strconv.Atoi(os.Args[3])
	check(err)
	all := make([]types.Resource, 0, services)
	for number := range services {
		all = append(all, assignment(number, instances, core.HealthStatus_HEALTHY))
	}
	create := linear
	if os.Args[1] == "snapshot" {
		create = snapshot
	}
	found, set := create(all)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	go func() {
		for status := core.HealthStatus_UNHEALTHY; ; status = 3 - status {
			<-signals
			set(assignment(0, instances, status))
		}
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	grpcServer := grpc.NewServer()
	xds := server.NewServer(context.Background(), found, server.CallbackFuncs{})
	service.RegisterEndpointDiscoveryServiceServer(grpcServer, xds)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	check(grpcServer.Serve(listener))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
