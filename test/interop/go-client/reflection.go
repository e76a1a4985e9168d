package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	grpcreflection "google.golang.org/grpc/reflection"
	v1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

func byName(name string) *v1.ServerReflectionRequest {
	return &v1.ServerReflectionRequest{MessageRequest: &v1.ServerReflectionRequest_FileByFilename{FileByFilename: name}}
}

func bySymbol(name string) *v1.ServerReflectionRequest {
	return &v1.ServerReflectionRequest{
		MessageRequest: &v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: name},
	}
}

func byExtension(name string, number int32) *v1.ServerReflectionRequest {
	extension := &v1.ExtensionRequest{ContainingType: name, ExtensionNumber: number}
	return &v1.ServerReflectionRequest{
		MessageRequest: &v1.ServerReflectionRequest_FileContainingExtension{FileContainingExtension: extension},
	}
}

func allExtensions(name string) *v1.ServerReflectionRequest {
	return &v1.ServerReflectionRequest{
		MessageRequest: &v1.ServerReflectionRequest_AllExtensionNumbersOfType{AllExtensionNumbersOfType: name},
	}
}

func listServices(text string) *v1.ServerReflectionRequest {
	return &v1.ServerReflectionRequest{
		Host: "a host", MessageRequest: &v1.ServerReflectionRequest_ListServices{ListServices: text},
	}
}

// The kinds of names that grpc-go's own tests ask for (reflection/test), as the files of health and reflection have them.
var requests = []*v1.ServerReflectionRequest{
	listServices(""), listServices("*"),
	byName("grpc/health/v1/health.proto"), byName("grpc/health/v1/health.proto"), // again: on the same stream
	byName("grpc/reflection/v1/reflection.proto"), byName("grpc/reflection/v1alpha/reflection.proto"),
	byName("grpc/health/v1/health.poto"), byName("health.proto"), byName(""),
	bySymbol("grpc.health.v1.Health"), bySymbol("grpc.health.v1.Health.Check"), bySymbol("grpc.health.v1.Health.Watch"),
	bySymbol("grpc.health.v1.HealthCheckResponse"), bySymbol("grpc.health.v1.HealthCheckResponse.status"),
	bySymbol("grpc.health.v1.HealthCheckResponse.ServingStatus"), bySymbol("grpc.health.v1.HealthCheckResponse.SERVING"),
	bySymbol("grpc.health.v1.HealthCheckResponse.ServingStatus.SERVING"),
	bySymbol("grpc.health.v1.HealthListResponse.StatusesEntry"),
	bySymbol("grpc.health.v1.HealthListResponse.StatusesEntry.value"),
	bySymbol("grpc.reflection.v1.ServerReflectionRequest.message_request"),
	bySymbol("grpc.reflection.v1alpha.ServerReflection.ServerReflectionInfo"),
	bySymbol("grpc.health.v1.Health_"), bySymbol("grpc.health.v1.Health.CheckE"), bySymbol("grpc.health_.v1.Health"),
	bySymbol("gpc.health.v1.Health"), bySymbol("grpc.health.v1"), bySymbol("grpc"), bySymbol(".grpc.health.v1.Health"),
	bySymbol("Health"), bySymbol(""),
	byExtension("grpc.health.v1.HealthCheckRequest", 17), byExtension("grpc.health.v1.HealthCheckRequest", 0),
	byExtension("grpc.health.v1.HealthCheckRequest", -1), byExtension("grpc.health.v1.Nothing", 17), byExtension("", 1),
	allExtensions("grpc.health.v1.HealthCheckRequest"), allExtensions("grpc.health.v1.Health"),
	allExtensions("grpc.health.v1.HealthCheckRequestE"), allExtensions(""),
}

// The answers to all requests on one stream. The messages of v1alpha have the same bytes.
func answersOf(address string, version string) ([]*v1.ServerReflectionResponse, error) {
	channel, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	defer channel.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	method := "/grpc.reflection." + version + ".ServerReflection/ServerReflectionInfo"
	stream, err := channel.NewStream(ctx, &v1.ServerReflection_ServiceDesc.Streams[0], method)
	if err != nil {
		return nil, err
	}
	var answers []*v1.ServerReflectionResponse
	for _, request := range requests {
		answer := new(v1.ServerReflectionResponse)
		if err := stream.SendMsg(request); err != nil {
			return nil, err
		}
		if err := stream.RecvMsg(answer); err != nil {
			return nil, err
		}
		answers = append(answers, answer)
	}
	return answers, stream.CloseSend()
}

// A grpc-go server with the same services: its address.
func reference() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, health.NewServer())
	grpcreflection.Register(server)
	go server.Serve(listener)
	return listener.Addr().String(), nil
}

// Serialized files are compared as messages, and errors without their texts.
func difference(ours, theirs *v1.ServerReflectionResponse) error {
	for _, answer := range []*v1.ServerReflectionResponse{ours, theirs} {
		if failure := answer.GetErrorResponse(); failure != nil {
			failure.ErrorMessage = ""
		}
	}
	ourFiles := ours.GetFileDescriptorResponse().GetFileDescriptorProto()
	theirFiles := theirs.GetFileDescriptorResponse().GetFileDescriptorProto()
	if len(ourFiles) != len(theirFiles) {
		return fmt.Errorf("%v: %d files, grpc-go has %d", ours.OriginalRequest, len(ourFiles), len(theirFiles))
	}
	for index := range ourFiles {
		one, other := new(descriptorpb.FileDescriptorProto), new(descriptorpb.FileDescriptorProto)
		if err := proto.Unmarshal(ourFiles[index], one); err != nil {
			return err
		}
		if err := proto.Unmarshal(theirFiles[index], other); err != nil {
			return err
		}
		if !proto.Equal(one, other) {
			return fmt.Errorf("%v: the file is\n%v\nand grpc-go's is\n%v", ours.OriginalRequest, one, other)
		}
		ourFiles[index] = theirFiles[index]
	}
	if !proto.Equal(ours, theirs) {
		return fmt.Errorf("the answer is\n%v\nand grpc-go's is\n%v", ours, theirs)
	}
	return nil
}

// Asks a server and grpc-go's own the same, and prints where they differ.
func compareReflection(address string, version string) error {
	other, err := reference()
	if err != nil {
		return err
	}
	ours, err := answersOf(address, version)
	if err != nil {
		return err
	}
	theirs, err := answersOf(other, version)
	if err != nil {
		return err
	}
	for index := range requests {
		if err := difference(ours[index], theirs[index]); err != nil {
			return err
		}
	}
	return nil
}
