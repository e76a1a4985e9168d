"""The health service of grpcio-health-checking: `server.py PORT`, `a.B` is SERVING, SIGUSR2 turns it over."""

import signal
import sys
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

status = health_pb2.HealthCheckResponse.SERVING
servicer = health.HealthServicer()
servicer.set("a.B", status)


def turn_over(_signal, _frame):
    global status
    status = 3 - status
    servicer.set("a.B", status)


signal.signal(signal.SIGUSR2, turn_over)
server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
server.add_insecure_port("127.0.0.1:" + sys.argv[1])
server.start()
server.wait_for_termination()
