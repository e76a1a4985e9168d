/**
 * Server reflection, v1 and v1alpha, so that grpcurl needs no proto file.
 *
 * It is loaded by the first call that asks for it: it costs 25 ms and some megabytes, and a prober never does.
 *
 * protobufjs, from which proto-loader has its descriptors, calls the entry of the map `statuses` `Statuses`; the language
 * asks for `StatusesEntry`, and grpcurl refuses anything else. So map entries get their right names here.
 */
import { createRequire } from "node:module";
import type { Server } from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import type { IDescriptorProto, IFileDescriptorProto } from "protobufjs/ext/descriptor/index.js";

const HEALTH_PROTO = "grpc/health/v1/health.proto";

const require = createRequire(import.meta.url);

/** Registers reflection over the project's own proto file. */
export function addReflection(server: Server): void {
  // the packages are CommonJS; their own types say what they export
  const { loadSync } = require("@grpc/proto-loader") as typeof import("@grpc/proto-loader");
  const { ReflectionService } = require("@grpc/reflection") as typeof import("@grpc/reflection");
  // by our own name, wherever this code was built to
  const root = require.resolve("healthbridge/health.proto").slice(0, -HEALTH_PROTO.length);
  const definition = loadSync(HEALTH_PROTO, { includeDirs: [root], keepCase: true });
  new ReflectionService(withMapEntries(definition)).addToServer(server);
}

/** The same definition with the map entries of its descriptors named as the language asks. */
function withMapEntries(definition: PackageDefinition): PackageDefinition {
  const descriptor =
    require("protobufjs/ext/descriptor/index.js") as typeof import("protobufjs/ext/descriptor/index.js");
  const { FileDescriptorProto } = descriptor;
  const rename = (bytes: Buffer): Buffer => {
    const file: IFileDescriptorProto = FileDescriptorProto.toObject(FileDescriptorProto.decode(bytes));
    for (const message of file.messageType ?? []) nameMapEntries(message);
    return Buffer.from(FileDescriptorProto.encode(file).finish());
  };
  const entries = Object.entries(definition).map(([name, value]) =>
    "fileDescriptorProtos" in value && Array.isArray(value.fileDescriptorProtos)
      ? [name, { ...value, fileDescriptorProtos: value.fileDescriptorProtos.map(rename) }]
      : [name, value],
  );
  return Object.fromEntries(entries);
}

function nameMapEntries(message: IDescriptorProto): void {
  for (const nested of message.nestedType ?? []) {
    nameMapEntries(nested);
    const { name } = nested;
    if (nested.options?.mapEntry !== true || name === undefined || name.endsWith("Entry")) continue;
    nested.name = `${name}Entry`;
    for (const field of message.field ?? []) if (field.typeName === name) field.typeName = nested.name;
  }
}
