/** Server reflection: there for who asks, and not loaded before. grpcurl asks in the interop suite. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Health } from "../../../src/index.js";
import { frame, GrpcPeer } from "../../support/grpc-peer.js";
import { portOf } from "../../support/port-of.js";

const PATHS = ["v1", "v1alpha"].map((version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`);
const LIST_SERVICES = frame(Buffer.from("3a00", "hex"));
const PROGRAM = fileURLToPath(new URL("loaded-modules.ts", import.meta.url));

/** Whether grpc-js is loaded: when the library is imported, when a Check was answered, and after a reflection call. */
const GRPC_JS_LOADED = { native: [false, false, true], "grpc-js": [false, true, true] };

for (const [engine, loaded] of Object.entries(GRPC_JS_LOADED))
  test(`a process that serves with ${engine} loads grpc-js and reflection when it needs them`, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", PROGRAM, engine]);
    const { imported, serving, reflecting, answers } = JSON.parse(stdout);
    const has = (packages: string[], name: string) => packages.includes(name);
    assert.deepEqual(
      ["@grpc/grpc-js", "@grpc/reflection"].map((name) => [imported, serving, reflecting].map((at) => has(at, name))),
      [loaded, [false, false, true]],
    );
    for (const { code, text } of answers) {
      assert.equal(code, 0);
      assert.match(text, /grpc\.health\.v1\.Health/);
    }
  });

test("reflection that is switched off is an unknown method", async () => {
  const health = new Health();
  const server = await health.listen(["127.0.0.1:0"], { reflection: false });
  const peer = new GrpcPeer(portOf(server));
  for (const path of PATHS) assert.equal((await peer.call(path, LIST_SERVICES)).code, 12);
  peer.close();
  await health.shutdown({ drainDelayMs: 0 });
});
