"""A grpcio client that asks for methods of both engines on one channel, and prints how that went."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
SERVING = health_pb2.HealthCheckResponse.SERVING
address, part = sys.argv[1:3]


class MixedClient:
    def __init__(self):
        # a connection of its own, as other processes have one
        self.channel = grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
        self.health = health_pb2_grpc.HealthStub(self.channel)

    def check(self):
        answer = self.health.Check(health_pb2.HealthCheckRequest(service="up"), timeout=20)
        assert answer.status == SERVING, answer

    def reflect(self):
        call = self.channel.stream_stream(REFLECTION)
        answer = next(call(iter([b"\x3a\x00"]), timeout=20))
        assert b"grpc.health.v1.Health" in answer, answer

    def health_first(self):
        self.check()
        self.reflect()
        self.check()

    def reflection_first(self):
        self.reflect()
        self.check()

    def mixed(self):
        calls = [self.check] * 200 + [self.reflect] * 20
        random.shuffle(calls)
        with ThreadPoolExecutor(max_workers=50) as pool:
            for done in [pool.submit(call) for call in calls]:
                done.result()

    def watch(self):
        told = False
        while True:
            try:
                for answer in self.health.Watch(health_pb2.HealthCheckRequest(service="changing")):
                    if answer.status == SERVING:
                        return
                    if not told:
                        self.reflect()
                        print("watching", flush=True)
                        told = True
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise


try:
    getattr(MixedClient(), part.replace("-", "_"))()
    print("ok", flush=True)
except (AssertionError, grpc.RpcError) as error:
    print(error, flush=True)
