/**
 * Server reflection, v1 and v1alpha, so that grpcurl needs no proto file.
 *
 * It is loaded by the first call that asks for it: it costs 25 ms and some megabytes, and a prober never does.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { Server } from "@grpc/grpc-js";

const PROTO_ROOT = new URL("../../../proto/", import.meta.url);
const HEALTH_PROTO = "grpc/health/v1/health.proto";

/** The paths of the two versions of the protocol. */
export const REFLECTION_PATHS: readonly string[] = [
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

const require = createRequire(import.meta.url);

/** Registers reflection over the project's own proto file. */
export function addReflection(server: Server): void {
  // both packages are CommonJS; their own types say what they export
  const { loadSync } = require("@grpc/proto-loader") as typeof import("@grpc/proto-loader");
  const { ReflectionService } = require("@grpc/reflection") as typeof import("@grpc/reflection");
  const definition = loadSync(HEALTH_PROTO, { includeDirs: [fileURLToPath(PROTO_ROOT)], keepCase: true });
  new ReflectionService(definition).addToServer(server);
}
