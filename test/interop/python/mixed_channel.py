"""A grpcio client that asks for health and for reflection on one channel, and prints how that went.

mixed_channel.py ADDRESS PART [CA]: over TLS when there is a file of authorities.
"""

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
SERVING = health_pb2.HealthCheckResponse.SERVING
address, part, *authorities = sys.argv[1:]


class MixedClient:
    def __init__(self):
        # a connection of its own, as other processes have one
        options = [("grpc.use_local_subchannel_pool", 1)]
        if authorities:
            trusting = grpc.ssl_channel_credentials(Path(authorities[0]).read_bytes())
            self.channel = grpc.secure_channel(address, trusting, options)
        else:
            self.channel = grpc.insecure_channel(address, options)
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
        with ThreadPoolExecutor(max_workers=len(calls)) as pool:
            for done in [pool.submit(call) for call in calls]:
                done.result()

    def watch(self):
        told = False
        for answer in self.health.Watch(health_pb2.HealthCheckRequest(service="changing"), timeout=60):
            if answer.status == SERVING:
                return
            if not told:
                self.reflect()
                print("watching", flush=True)
                told = True
        raise AssertionError("the Watch ended")


try:
    getattr(MixedClient(), part.replace("-", "_"))()
    print("ok", flush=True)
except (AssertionError, grpc.RpcError) as error:
    print(error, flush=True)
