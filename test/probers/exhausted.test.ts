/** Without a free file descriptor, no target is called down: each kind of probe is a prober error, without a stack. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PROGRAM = fileURLToPath(new URL("exhausted-process.ts", import.meta.url));

const AT = "127.0.0.1:1";
const TARGETS = [
  ...[`http://${AT}/`, `https://${AT}/`, `flower+http://${AT}`, `tcp://${AT}`, `tls://${AT}`, "unix:///nowhere/at/all"],
  ...[`grpc://${AT}`, `grpcs://${AT}`, `redis://${AT}`, `rediss://${AT}`, `postgres://${AT}`, `mysql://${AT}`],
  ...[`amqp://${AT}`, `amqps://${AT}`, "tcp://localhost:1", "http://name.invalid/", "dns://127.0.0.1/name.invalid"],
  ...["dns://localhost/name.invalid", `ws://${AT}`, `wss://${AT}`, `udp://${AT}`],
];

test("every scheme and exec", { timeout: 60_000 }, async () => {
  const command = `ulimit -n 100; exec "$0" --import tsx "$@"`;
  const { stdout } = await promisify(execFile)("/bin/sh", ["-c", command, process.execPath, PROGRAM, ...TARGETS]);
  const verdicts = stdout.split("\n");
  const expected = [...TARGETS, "exec"].map((target) => `${target}: ProberError descriptors`);
  assert.deepEqual(
    [...TARGETS, "exec"].map((target, index) => `${target}: ${verdicts[index]}`),
    expected,
  );
});
