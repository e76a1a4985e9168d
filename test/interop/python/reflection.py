"""grpcio's reflection client: prints the services, the methods of health, and an answer to a Check of the service `a.B`.

reflection.py ADDRESS
"""

import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

with grpc.insecure_channel(sys.argv[1]) as channel:
    database = ProtoReflectionDescriptorDatabase(channel)
    print(*database.get_services())
    pool = DescriptorPool(database)
    service = pool.FindServiceByName("grpc.health.v1.Health")
    print(*(method.name for method in service.methods))
    check = service.FindMethodByName("Check")
    ask = channel.unary_unary(
        f"/{service.full_name}/{check.name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(check.output_type).FromString,
    )
    answer = ask(GetMessageClass(check.input_type)(service="a.B"), timeout=20)
    print(check.output_type.fields_by_name["status"].enum_type.values_by_number[answer.status].name)
    print(list(database.FindAllExtensionNumbers("grpc.health.v1.HealthCheckRequest")))
    try:
        database.FindFileContainingSymbol("no.Thing")
    except KeyError:
        print("no.Thing is not found")
