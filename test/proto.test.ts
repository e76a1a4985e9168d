import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadSync } from "@grpc/proto-loader";

/** What a definition says, without comments and without the functions that were made of it. */
function outlineOf(directory: string, file: string): unknown {
  const definition = loadSync(file, { includeDirs: [directory], keepCase: true });
  const entries = Object.entries(definition).map(([name, value]) => {
    if ("type" in value) return [name, value.type];
    const methods = Object.entries(value).map(
      ([method, { path, requestStream, responseStream, requestType, responseType }]) => {
        return [
          method,
          { path, requestStream, responseStream, request: requestType.type, response: responseType.type },
        ];
      },
    );
    return [name, Object.fromEntries(methods)];
  });
  return JSON.parse(JSON.stringify(Object.fromEntries(entries)));
}

test("our proto file equals the one in grpc-health-check", () => {
  const { protoPath } = createRequire(import.meta.url)("grpc-health-check");
  const ours = outlineOf(fileURLToPath(new URL("../proto/", import.meta.url)), "grpc/health/v1/health.proto");
  const theirs = outlineOf(fileURLToPath(new URL(".", `file://${protoPath}`)), protoPath);
  assert.deepEqual(ours, theirs);
  assert.ok(JSON.stringify(ours).includes("SERVICE_UNKNOWN"));
});
