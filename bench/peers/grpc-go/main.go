// grpc-go: `server PORT`. `a.B` is SERVING; SIGUSR2 toggles it.
package main

import (
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

func turnOver(server *health.Server, signals <-chan os.Signal) {
	for status := healthpb.HealthCheckResponse_NOT_SERVING; ; status = 3 - status {
		<-signals
		server.SetServingStatus("a.B", status)
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	statuses := health.NewServer()
	statuses.SetServingStatus("a.B", healthpb.HealthCheckResponse_SERVING)
	go turnOver(statuses, signals)
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, statuses)
	log.Fatal(server.Serve(listener))
}
