// grpc-go: `server PORT`. `a.B` is SERVING; SIGUSR2 toggles it. On its input it is a control program of the conformance
// tool: `set NAME STATUS`.
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strings"
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

func obey(server *health.Server) {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		words := strings.Split(lines.Text(), " ")
		if words[0] != "set" || len(words) != 3 {
			fmt.Println("no it cannot remove a service")
			continue
		}
		status := healthpb.HealthCheckResponse_ServingStatus_value[words[2]]
		server.SetServingStatus(words[1], healthpb.HealthCheckResponse_ServingStatus(status))
		fmt.Println("ok")
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
	go obey(statuses)
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, statuses)
	log.Fatal(server.Serve(listener))
}
