// The prober code of kubelet, as a program: it prints the verdict and the text that kubelet would show in an event.
//
//	kubelet grpc PORT SERVICE TIMEOUT
//	kubelet grpcs PORT SERVICE TIMEOUT    with TLS, whose certificate is not verified
//	kubelet http URL TIMEOUT
//	kubelet exec PROGRAM ARG...           in this process's place of a container
package main

import (
	"fmt"
	"net/url"
	"os"
	"strconv"
	"time"

	"k8s.io/kubernetes/pkg/probe"
	execprobe "k8s.io/kubernetes/pkg/probe/exec"
	grpcprobe "k8s.io/kubernetes/pkg/probe/grpc"
	httpprobe "k8s.io/kubernetes/pkg/probe/http"
	"k8s.io/utils/exec"
)

func main() {
	result, output, err := ask(os.Args[1], os.Args[2:])
	exitOn(err)
	fmt.Printf("%s: %s\n", result, output)
}

func ask(kind string, args []string) (probe.Result, string, error) {
	if kind == "exec" {
		return execprobe.New().Probe(exec.New().Command(args[0], args[1:]...))
	}
	timeout, err := time.ParseDuration(args[len(args)-1])
	exitOn(err)
	if kind == "http" {
		return askHTTP(args[0], timeout)
	}
	port, err := strconv.Atoi(args[0])
	exitOn(err)
	options := grpcprobe.ProbeOptions{UseTLS: kind == "grpcs"}
	return grpcprobe.New().Probe("127.0.0.1", args[1], port, timeout, options)
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
