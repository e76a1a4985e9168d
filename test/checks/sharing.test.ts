/** Which checks mean another thing on each machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckSource } from "../../src/checks/declarations.js";
import { isOfOneMachine } from "../../src/checks/sharing.js";
import { ScriptedProber } from "./scripted-prober.js";

const OWN = [
  "http://127.0.0.1:8080/health",
  "http://127.8.9.10/",
  "http://127.1/",
  "http://0x7f000001/",
  "tcp://127.0.0.1:1",
  "tcp://0.0.0.0:1",
  "grpc://[::1]:50051",
  "grpc://[::]:50051",
  "tcp://[::ffff:127.0.0.1]:1",
  "tcp://[fe80::1%eth0]:1",
  "http://169.254.169.254/latest",
  "http://localhost:8080/",
  "http://LocalHost.:8080/",
  "postgres://app@db.localhost/orders",
  "redis://localhost.localdomain",
  "redis://ip6-localhost",
  "http://host.docker.internal:8080/",
  "unix:///run/app.sock",
  "http+unix://%2Frun%2Fapp.sock/health",
  "grpc+unix://%2Frun%2Fapp.sock/acme.Orders",
  "dns://127.0.0.53/example.com",
];
for (const url of OWN)
  test(`${url} is of one machine`, () => assert.equal(isOfOneMachine({ kind: "target", url }), true));

const SHARED = [
  "http://10.0.0.1:8080/health",
  "http://128.0.0.1/",
  "http://126.255.255.255/",
  "http://192.168.0.1/",
  "http://1.0.0.0/",
  "http://169.253.0.1/",
  "tcp://[::2]:1",
  "tcp://[fd00::1]:1",
  "tcp://[::ffff:10.0.0.1]:1",
  "http://localhost.example.com/",
  "http://mylocalhost/",
  "http://unix/",
  "postgres://app@db/orders",
  "flower+http://flower:5555",
  "dns:localhost",
  "dns://10.0.0.53/example.com",
  "not a target",
];
for (const url of SHARED)
  test(`${url} is the same for each machine`, () => assert.equal(isOfOneMachine({ kind: "target", url }), false));

const OTHERS: readonly (readonly [string, CheckSource, boolean])[] = [
  ["a program", { kind: "exec", command: ["/bin/true"] }, true],
  ["a function", { kind: "function", call: () => true }, true],
  ["a prober of the application", { kind: "prober", prober: new ScriptedProber(() => 0) }, true],
  ["a heartbeat, which reports to any member", { kind: "heartbeat", ttl: "1m", token: undefined }, false],
];
for (const [title, source, expected] of OTHERS)
  test(`${title} ${expected ? "is" : "is not"} of one machine`, () => assert.equal(isOfOneMachine(source), expected));
