"""Calls the public API knowing nothing but its address: names and messages come by reflection, as with grpcurl."""

import sys

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

channel = grpc.insecure_channel(sys.argv[1])
database = ProtoReflectionDescriptorDatabase(channel)
pool = descriptor_pool.DescriptorPool(database)


def message(kind, /, **fields):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("robustmq.v1." + kind))(**fields)


def method(part, name):
    found = pool.FindServiceByName("robustmq.v1." + part).FindMethodByName(name)
    answer = message_factory.GetMessageClass(found.output_type)
    kinds = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, True): channel.stream_stream,
    }
    make = kinds[(found.client_streaming, found.server_streaming)]
    request = message_factory.GetMessageClass(found.input_type)
    return make("/robustmq.v1.%s/%s" % (part, name), request.SerializeToString, answer.FromString)


print("services", *sorted(database.get_services()))
print("leader", method("Cluster", "Status")(message("StatusRequest"), timeout=10).leader)

user = message("Resource", user=message("User", name="python"))
put = method("Catalogue", "Put")
print("put", put(message("PutRequest", resource=user, expected_revision=0), timeout=10).revision)

kind = pool.FindEnumTypeByName("robustmq.v1.Kind").values_by_name["KIND_USER"].number
page = method("Catalogue", "List")(message("ListRequest", kind=kind), timeout=10)
print("listed", *[record.resource.user.name for record in page.records])

try:
    put(message("PutRequest", resource=user, expected_revision=1), timeout=10)
except grpc.RpcError as error:
    print("conflict", error.code().name, dict(error.trailing_metadata())["rmq-code"])

batch = message("SessionRequest", sequence=1, commands=[message("Command", put=message("Put", resource=user))])
for response in method("Catalogue", "Session")(iter([batch]), timeout=10):
    print("session", response.outcomes[0].revision)

watch = method("Catalogue", "Watch")(message("WatchRequest", kinds=[kind]), timeout=10)
for response in watch:
    for change in response.changes:
        print("watched", change.put.resource.user.name)
    if response.is_complete:
        break
watch.cancel()

page = method("Mqtt", "ListClients")(message("ListClientsRequest", page_size=10), timeout=10)
print("client", *[client.client_id for client in page.clients])
