/** The exit codes of `probe`, each with the line that belongs to it: docs/conformance.md A.8. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer as createHttp2 } from "node:http2";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { Health } from "../../../src/index.js";
import { refuse, silentTarget, Target } from "../../probers/targets.js";
import { portOf } from "../../support/port-of.js";
import { probeOnce } from "./probe-once.js";

const PATIENT = ["-connect-timeout", "10s", "-rpc-timeout", "10s"];

/** Contradictions of flags, with the line that names them. */
const CONTRADICTIONS: readonly (readonly [text: string, ...args: string[]])[] = [
  ["-alts and -spiffe are mutually incompatible", "-alts", "-spiffe"],
  ["cannot specify -tls with -alts", "-tls", "-alts"],
  ["specified -tls-no-verify without specifying -tls", "-tls-no-verify"],
  ["specified -tls-ca-cert without specifying -tls", "-tls-ca-cert", "f"],
  ["specified -tls-client-cert without specifying -tls", "-tls-client-cert", "f"],
  ["specified -tls-server-name without specifying -tls", "-tls-server-name", "f"],
  ["specified -tls-client-cert without specifying -tls-client-key", "-tls", "-tls-client-cert", "f"],
  ["specified -tls-client-key without specifying -tls-client-cert", "-tls", "-tls-client-key", "f"],
  ["specified -tls-client-key without specifying -tls-client-cert", "-tls-client-key", "f"],
  [
    "cannot specify -tls-ca-cert with -tls-no-verify (CA cert would not be used)",
    ...["-tls", "-tls-no-verify", "-tls-ca-cert", "f"],
  ],
  [
    "cannot specify -tls-server-name with -tls-no-verify (server name would not be used)",
    ...["-tls", "-tls-no-verify", "-tls-server-name", "f"],
  ],
  ["-connect-timeout must be greater than zero (specified: 0s)", "-connect-timeout", "0"],
  ["-rpc-timeout must be greater than zero (specified: -1s)", "-rpc-timeout", "-1s"],
];

describe("probe", () => {
  const health = new Health();
  const targets: { stop(): Promise<unknown> }[] = [];
  let addr = "";
  before(async () => {
    health.set("up", "SERVING");
    health.set("down", "NOT_SERVING");
    health.set("new", "UNKNOWN");
    addr = `127.0.0.1:${portOf(await health.listen(["127.0.0.1:0"]))}`;
  });
  after(async () => {
    await health.shutdown({ drainDelayMs: 0 });
    for (const target of targets) await target.stop();
  });
  const probe = (service: string) => probeOnce(...PATIENT, "-addr", addr, "-service", service);

  test("SERVING is exit code 0 [A137]", async () => {
    assert.deepEqual(await probe("up"), { code: 0, stdout: "", stderr: "status: SERVING\n" });
  });

  test("NOT_SERVING and UNKNOWN are exit code 4 [A141]", async () => {
    for (const [service, status] of [
      ["down", "NOT_SERVING"],
      ["new", "UNKNOWN"],
    ] as const)
      assert.deepEqual(await probe(service), {
        ...{ code: 4, stdout: "" },
        stderr: `service unhealthy (responded with "${status}")\n`,
      });
  });

  test("a wrong flag, or flags that contradict each other, are exit code 1 and a line with the flag [A138]", async () => {
    assert.deepEqual(await probeOnce(), { code: 1, stdout: "", stderr: "error: -addr not specified\n" });
    const unknown = await probeOnce("-addr", addr, "-servce", "up");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /^flag provided but not defined: -servce\n/);
    for (const [text, ...args] of CONTRADICTIONS)
      assert.deepEqual(await probeOnce("-addr", addr, ...args), { code: 1, stdout: "", stderr: `error: ${text}\n` });
  });

  test("no listener, and a port that sends nothing, are exit code 2 [A139]", async () => {
    const refused = await probeOnce("-addr", "127.0.0.1:1");
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /^timeout: failed to connect service "127\.0\.0\.1:1" within 1s: .*ECONNREFUSED.*\n$/);
    const silent = await silentTarget();
    targets.push(silent);
    assert.deepEqual(await probeOnce("-addr", `127.0.0.1:${silent.port}`), {
      ...{ code: 2, stdout: "" },
      stderr: `timeout: failed to connect service "127.0.0.1:${silent.port}" within 1s\n`,
    });
  });

  test("a call that fails is exit code 3, with a text for each kind of failure [A140]", async () => {
    let answer: "unimplemented" | "unavailable" | "nothing" = "unimplemented";
    const target = await Target.start(
      createHttp2().on("stream", (stream) => {
        stream.on("error", () => {});
        if (answer !== "nothing") refuse(stream, answer === "unimplemented" ? 12 : 14);
      }),
    );
    targets.push(target);
    const failed = (...more: string[]) => probeOnce(...PATIENT, "-addr", `127.0.0.1:${target.port}`, ...more);
    const unimplemented = await failed();
    assert.equal(unimplemented.code, 3);
    assert.match(unimplemented.stderr, /^error: this server does not implement the grpc health protocol/);
    answer = "unavailable";
    const unavailable = await failed();
    assert.equal(unavailable.code, 3);
    assert.match(unavailable.stderr, /^error: health rpc failed: rpc error: code = Unavailable desc = /);
    answer = "nothing";
    assert.deepEqual(await failed("-rpc-timeout", "300ms"), {
      ...{ code: 3, stdout: "" },
      stderr: "timeout: health rpc did not complete within 300ms\n",
    });
  });

  test("a connection that the server closes before its SETTINGS has a hint about -tls", async () => {
    const closing = await Target.start(createServer((socket) => socket.once("data", () => socket.end())));
    targets.push(closing);
    const closed = (...more: string[]) => probeOnce(...PATIENT, "-addr", `127.0.0.1:${closing.port}`, ...more);
    assert.match((await closed()).stderr, /; the server may require TLS: try -tls\n$/);
    assert.match((await closed("-tls")).stderr, /; the server may have no TLS: try without -tls\n$/);
    assert.doesNotMatch((await probeOnce("-tls", "-addr", "127.0.0.1:1")).stderr, /try/);
  });

  test("a connection that the server closes after its TLS handshake has a hint about the client certificate", async () => {
    const [key, cert] = ["server.key", "server.crt"].map((name) =>
      readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url)),
    );
    const closing = await Target.start(createTlsServer({ key, cert, ALPNProtocols: ["h2"] }, (socket) => socket.end()));
    targets.push(closing);
    const { stderr } = await probeOnce(...PATIENT, "-tls", "-tls-no-verify", "-addr", `127.0.0.1:${closing.port}`);
    assert.match(stderr, /; TLS itself works: the server may not allow this client's certificate\n$/);
  });
});
