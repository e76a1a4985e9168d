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
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

const reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

// Messages as bytes: reflection needs no generated code here.
type asBytes struct{}

func (asBytes) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }
func (asBytes) Unmarshal(b []byte, message any) error {
	*message.(*[]byte) = bytes.Clone(b)
	return nil
}
func (asBytes) Name() string { return "proto" }

// A client of one channel that asks for health and for reflection.
type mixedClient struct {
	channel *grpc.ClientConn
	health  healthpb.HealthClient
}

// Over TLS when there is a file of authorities.
func newMixedClient(address string, authorities []string) (mixedClient, error) {
	security := insecure.NewCredentials()
	if len(authorities) > 0 {
		trusting, err := credentials.NewClientTLSFromFile(authorities[0], "")
		if err != nil {
			return mixedClient{}, err
		}
		security = trusting
	}
	channel, err := grpc.NewClient(address, grpc.WithTransportCredentials(security))
	if err != nil {
		return mixedClient{}, err
	}
	return mixedClient{channel, healthpb.NewHealthClient(channel)}, nil
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
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	stream, err := c.health.Watch(ctx, &healthpb.HealthCheckRequest{Service: "changing"})
	if err != nil {
		return err
	}
	for told := false; ; told = true {
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		if answer.Status == healthpb.HealthCheckResponse_SERVING {
			return nil
		}
		if told {
			continue
		}
		if err := c.reflect(); err != nil {
			return err
		}
		fmt.Println("watching")
	}
}

func (c mixedClient) do(part string) error {
	switch part {
	case "health-first":
		return errors.Join(c.check(), c.reflect(), c.check())
	case "reflection-first":
		return errors.Join(c.reflect(), c.check())
	case "mixed":
		return c.mixed()
	case "watch":
		return c.watch()
	}
	return fmt.Errorf("no part %q", part)
}

func mixedChannel(address string, part string, authorities []string) {
	client, err := newMixedClient(address, authorities)
	if err == nil {
		err = client.do(part)
	}
	if err != nil {
		fmt.Println(err)
	} else {
		fmt.Println("ok")
	}
}
