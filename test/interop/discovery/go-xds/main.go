// A grpc-go client that finds its backends by xDS, for the interop suite.
//
//	GRPC_XDS_BOOTSTRAP=FILE go-xds TARGET    such as xds:///orders
//
// It makes 100 calls a second, each within a second, and prints a line for the end of each call and for each state of the
// channel.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	_ "google.golang.org/grpc/xds" // the resolver of xds:/// and its policies
)

func call(client healthpb.HealthClient) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var from peer.Peer
	_, err := client.Check(ctx, &healthpb.HealthCheckRequest{}, grpc.Peer(&from))
	if err != nil {
		fmt.Printf("failed %s %q\n", status.Code(err), status.Convert(err).Message())
		return
	}
	fmt.Println("from", from.Addr)
}

func printStates(channel *grpc.ClientConn) {
	for state := channel.GetState(); state != connectivity.Shutdown; state = channel.GetState() {
		fmt.Println("state", state)
		channel.WaitForStateChange(context.Background(), state)
	}
}

func main() {
	channel, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go printStates(channel)
	client := healthpb.NewHealthClient(channel)
	for range time.Tick(10 * time.Millisecond) {
		go call(client)
	}
}
