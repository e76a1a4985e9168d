// A grpc-go client with client-side health checking, for the interop suite.
//
//	go-client states SERVICE ADDRESS       prints every state of the channel, a line each
//	go-client traffic SERVICE ADDRESS...   asks again and again over round_robin, prints who answered
//	go-client mixed-channel ADDRESS PART [CA]  asks for health and for reflection on one channel, prints how that went
//	go-client reflection ADDRESS VERSION   asks for reflection, and compares the answers with those of a grpc-go server
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // the health checks of the client
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

func dial(service string, addresses []string) *grpc.ClientConn {
	found := manual.NewBuilderWithScheme("test")
	state := resolver.State{}
	for _, address := range addresses {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: address}}})
	}
	found.InitialState(state)
	config := fmt.Sprintf(`{"loadBalancingConfig":[{"round_robin":{}}],"healthCheckConfig":{"serviceName":%q}}`, service)
	channel, err := grpc.NewClient("test:///backends", grpc.WithResolvers(found),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultServiceConfig(config))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	channel.Connect()
	return channel
}

func states(channel *grpc.ClientConn) {
	for state := channel.GetState(); state != connectivity.Shutdown; state = channel.GetState() {
		fmt.Println(state)
		channel.WaitForStateChange(context.Background(), state)
	}
}

func traffic(channel *grpc.ClientConn) {
	client := healthpb.NewHealthClient(channel)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		var from peer.Peer
		if _, err := client.Check(ctx, &healthpb.HealthCheckRequest{}, grpc.Peer(&from)); err != nil {
			fmt.Println("error", err)
		} else {
			fmt.Println("from", from.Addr)
		}
		cancel()
		time.Sleep(10 * time.Millisecond)
	}
}

func main() {
	if os.Args[1] == "mixed-channel" {
		mixedChannel(os.Args[2], os.Args[3], os.Args[4:])
		return
	}
	if os.Args[1] == "reflection" {
		if err := compareReflection(os.Args[2], os.Args[3]); err != nil {
			fmt.Println(err)
		} else {
			fmt.Println("equal to grpc-go in", len(requests), "answers")
		}
		return
	}
	mode, service, addresses := os.Args[1], os.Args[2], os.Args[3:]
	channel := dial(service, addresses)
	if mode == "states" {
		states(channel)
	} else {
		traffic(channel)
	}
}
