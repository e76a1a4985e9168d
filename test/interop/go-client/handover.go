package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

const reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

// Messages as bytes: reflection needs no generated code here.
type asBytes struct{}

func (asBytes) Marshal(message any) ([]byte, error)   { return *message.(*[]byte), nil }
func (asBytes) Unmarshal(b []byte, message any) error { *message.(*[]byte) = bytes.Clone(b); return nil }
func (asBytes) Name() string                          { return "proto" }

// A client of one channel that asks for methods of both engines.
type mixedClient struct {
	channel *grpc.ClientConn
	health  healthpb.HealthClient
}

func newMixedClient(address string) mixedClient {
	channel, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	return mixedClient{channel, healthpb.NewHealthClient(channel)}
}

func (c mixedClient) check() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	answer, err := c.health.Check(ctx, &healthpb.HealthCheckRequest{Service: "up"})
	if err == nil && answer.Status != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("the answer is %v", answer.Status)
	}
	return err
}

func (c mixedClient) reflect() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	stream, err := c.channel.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, reflection, grpc.ForceCodec(asBytes{}))
	if err != nil {
		return err
	}
	request := []byte{0x3a, 0}
	var answer []byte
	if err := errors.Join(stream.SendMsg(&request), stream.CloseSend(), stream.RecvMsg(&answer)); err != nil {
		return err
	}
	if !bytes.Contains(answer, []byte("grpc.health.v1.Health")) {
		return fmt.Errorf("the services are not listed: %q", answer)
	}
	return nil
}

func (c mixedClient) mixed() error {
	var group sync.WaitGroup
	failures := make(chan error, 220)
	for _, index := range rand.Perm(220) {
		group.Add(1)
		go func() {
			defer group.Done()
			if index < 20 {
				failures <- c.reflect()
			} else {
				failures <- c.check()
			}
		}()
	}
	group.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

// Watches while another method is called, until the change that the test makes is seen.
func (c mixedClient) watch() error {
	told := false
	for {
		stream, err := c.health.Watch(context.Background(), &healthpb.HealthCheckRequest{Service: "changing"})
		for err == nil {
			var answer *healthpb.HealthCheckResponse
			if answer, err = stream.Recv(); err != nil {
				break
			}
			if answer.Status == healthpb.HealthCheckResponse_SERVING {
				return nil
			}
			if !told {
				if err := c.reflect(); err != nil {
					return err
				}
				fmt.Println("watching")
				told = true
			}
		}
		if status.Code(err) != codes.Unavailable {
			return err
		}
	}
}

func handOver(address string, part string) {
	client := newMixedClient(address)
	var err error
	switch part {
	case "health-first":
		err = errors.Join(client.check(), client.reflect(), client.check())
	case "reflection-first":
		err = errors.Join(client.reflect(), client.check())
	case "mixed":
		err = client.mixed()
	case "watch":
		err = client.watch()
	}
	if err != nil {
		fmt.Println(err)
	} else {
		fmt.Println("ok")
	}
}
