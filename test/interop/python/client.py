"""A grpcio client for the interop suite: one call, one line of JSON."""

import json
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

method, address, service = sys.argv[1:4]
stub = health_pb2_grpc.HealthStub(grpc.insecure_channel(address))
request = health_pb2.HealthCheckRequest(service=service)
NAMES = health_pb2.HealthCheckResponse.ServingStatus.Name

try:
    if method == "check":
        print(json.dumps({"status": NAMES(stub.Check(request, timeout=5).status)}))
    elif method == "list":
        statuses = stub.List(health_pb2.HealthListRequest(), timeout=5).statuses
        print(json.dumps({name: NAMES(entry.status) for name, entry in statuses.items()}))
    else:  # watch: a line for each message, until the deadline
        for response in stub.Watch(request, timeout=3):
            print(json.dumps({"status": NAMES(response.status)}), flush=True)
except grpc.RpcError as error:
    print(json.dumps({"code": error.code().name, "text": error.details()}))
