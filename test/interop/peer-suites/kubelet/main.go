// The prober code of kubelet, as a program: it prints the verdict and the text that kubelet would show in an event.
//
//	kubelet grpc PORT SERVICE TIMEOUT
//	kubelet grpcs PORT SERVICE TIMEOUT    with TLS, whose certificate is not verified
//	kubelet http URL TIMEOUT
package main

import (
	"fmt"
	"net/url"
	"os"
	"strconv"
	"time"

	"k8s.io/kubernetes/pkg/probe"
	grpcprobe "k8s.io/kubernetes/pkg/probe/grpc"
	httpprobe "k8s.io/kubernetes/pkg/probe/http"
)

func main() {
	kind, args := os.Args[1], os.Args[2:]
	timeout, err := time.ParseDuration(args[len(args)-1])
	exitOn(err)
	var result probe.Result
	var output string
	if kind == "http" {
		result, output, err = askHTTP(args[0], timeout)
	} else {
		var port int
		port, err = strconv.Atoi(args[0])
		exitOn(err)
		options := grpcprobe.ProbeOptions{UseTLS: kind == "grpcs"}
		result, output, err = grpcprobe.New().Probe("127.0.0.1", args[1], port, timeout, options)
	}
	exitOn(err)
	fmt.Printf("%s: %s\n", result, output)
}

func askHTTP(address string, timeout time.Duration) (probe.Result, string, error) {
	parsed, err := url.Parse(address)
	exitOn(err)
	request, err := httpprobe.NewProbeRequest(parsed, nil)
	exitOn(err)
	return httpprobe.New(false).Probe(request, timeout)
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
