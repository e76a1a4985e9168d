"""The health service of grpcio-health-checking: `server.py PORT`, `a.B` is SERVING, SIGUSR2 toggles it.

On its input it is a control program of the conformance tool: `set NAME STATUS`.
"""

import signal
import sys
import threading
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


def obey():
    for line in sys.stdin:
        verb, name, *rest = line.split()
        if verb == "set":
            servicer.set(name, health_pb2.HealthCheckResponse.ServingStatus.Value(rest[0]))
        print("ok" if verb == "set" else "no it cannot remove a service", flush=True)


signal.signal(signal.SIGUSR2, turn_over)
server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
server.add_insecure_port("127.0.0.1:" + sys.argv[1])
server.start()
threading.Thread(target=obey, daemon=True).start()
server.wait_for_termination()
