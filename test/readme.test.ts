/** The README is true: its tables equal the code, its snippets run. Envoy's, HAProxy's and Flower's are in the interop suite. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { SERVE_FLAGS } from "../src/cli/serve-flags.js";
import { Health } from "../src/index.js";
import { parseConfig } from "./config/reading.js";
import { DaemonProcess } from "./support/daemon-process.js";
import { eventually } from "./support/eventually.js";
import { frame, GrpcPeer } from "./support/grpc-peer.js";
import { portOf } from "./support/port-of.js";
import { snippet, snippetNames, table } from "./support/readme.js";

const IN_INTEROP = ["flower", "envoy-grpc", "envoy-http", "haproxy"];
const HERE = ["config", "kubernetes-grpc", "kubernetes-http", "alb", "library"];

/** What a healthy server answers to each row of the table of routes. */
const ANSWERS: Readonly<Record<string, readonly [number, string | RegExp]>> = {
  "GET /healthcheck": [200, "OK"],
  "GET /healthcheck/SERVICE": [200, "OK"],
  "GET /livez": [200, "OK"],
  "GET /readyz": [200, "OK"],
  "GET /healthz": [200, "OK"],
  "GET /startupz": [200, "OK"],
  "POST /grpc.health.v1.Health/Check": [200, '{"status":"SERVING"}'],
  "POST /heartbeat/CHECK": [200, "OK"],
  "GET /metrics": [200, /^# HELP grpc_health_service_status /],
  "POST /grpc.health.v1.Health/List": [
    200,
    '{"statuses":{"SERVICE":{"status":"SERVING"},"CHECK":{"status":"SERVING"},"":{"status":"SERVING"}}}',
  ],
  "GET /events": [200, /^retry: 2000\n\nid: \S+\nevent: snapshot\n/],
  "GET /history/SERVICE": [200, /^\{"service":"SERVICE",.*"uptime":1,/],
  "GET /badge/SERVICE.svg": [200, /^<svg .*SERVICE: serving/],
};

/** The text of an answer; of a stream, its first event. */
async function textOf(answer: Response): Promise<string> {
  if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) return answer.text();
  let text = "";
  for await (const bytes of answer.body ?? []) {
    text += new TextDecoder().decode(bytes);
    if (text.includes("data: ")) break; // leaving the loop cancels the stream
  }
  return text;
}

describe("the README", () => {
  const health = new Health({ metrics: true, history: true });
  let base = "";
  before(async () => {
    health.set("SERVICE", "SERVING");
    health.heartbeat("CHECK", { ttl: "1h", token: "TOKEN" })();
    await eventually(() => health.status("") === "SERVING", "the heartbeat counts");
    const server = await health.listen(["127.0.0.1:0"]);
    base = `http://127.0.0.1:${portOf(server)}`;
  });
  after(() => health.shutdown({ drainDelayMs: 0 }));

  test("every snippet is run by a test", () => {
    assert.deepEqual([...snippetNames()].sort(), [...IN_INTEROP, ...HERE].sort());
  });

  test("it has at most 300 lines", () => {
    const text = readFileSync(new URL("../README.md", import.meta.url), "utf8");
    assert.ok(text.trimEnd().split("\n").length <= 300);
  });

  test("the table of flags is that of the code", () => {
    const expected = SERVE_FLAGS.map(({ name, value, short, fallback, help }) => {
      const dashes = `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
      return [`\`${dashes}\``, fallback ?? "", help].join(" | ").replaceAll("  ", " ");
    });
    assert.deepEqual(
      table("flags").map((row) => row.join(" | ").replaceAll("  ", " ")),
      expected,
    );
  });

  test("every route in its table is answered, and there are no others", async () => {
    const rows = table("routes").map(([request = ""]) => request.replaceAll("`", ""));
    assert.deepEqual(rows, Object.keys(ANSWERS));
    for (const request of rows) {
      const [method = "", path = ""] = request.split(" ");
      const headers = { "content-type": "application/json", authorization: "Bearer TOKEN" };
      const answer = await fetch(`${base}${path}`, { method, ...(method === "POST" ? { body: "{}", headers } : {}) });
      const [code, body = ""] = ANSWERS[request] ?? [];
      assert.equal(answer.status, code, request);
      const text = await textOf(answer);
      if (typeof body === "string") assert.equal(text, body, request);
      else assert.match(text, body, request);
    }
  });

  test("the configuration is valid", () => {
    const { checks, services } = parseConfig("README.md", snippet("config"), {});
    assert.deepEqual([checks.length, services.length], [5, 3]);
  });

  test("Kubernetes' gRPC probes are answered", async () => {
    const peer = new GrpcPeer(base);
    const services = [...snippet("kubernetes-grpc").matchAll(/grpc: \{ port: 50051, service: (\w+) \}/g)].map(
      ([, service]) => service ?? "",
    );
    assert.deepEqual(services, ["readiness", "liveness", "startup"]);
    for (const service of services) assert.equal((await peer.check(service)).status, 1, service);
    peer.close();
  });

  test("Kubernetes' HTTP probes are answered", async () => {
    const paths = [...snippet("kubernetes-http").matchAll(/httpGet: \{ port: 8080, path: (\S+) \}/g)].map(
      ([, path]) => path ?? "",
    );
    assert.equal(paths.length, 3);
    for (const path of paths) assert.equal((await fetch(`${base}${path}`)).status, 200, path);
  });

  test("the ALB's method answers by its code", async () => {
    const [, ...words] = snippet("alb").trim().replace("127.0.0.1:5555", base.slice("http://".length)).split(" ");
    assert.equal(words.shift(), "serve");
    const daemon = await DaemonProcess.serve(...words, "--listen", "127.0.0.1:0", "--drain-delay", "0s");
    const peer = new GrpcPeer(daemon.port);
    const path = words.at(-1) ?? "";
    await eventually(async () => (await peer.call(path, frame(Buffer.alloc(0)))).code === 0, "OK");
    peer.close();
    await daemon.kill();
  });

  test("the library's example runs", async () => {
    const code = `const pool = { query: async () => {} };\n${snippet("library")}`.replace(
      '[":50051", ":8080"]',
      '["127.0.0.1:0"]',
    );
    const quick = code.replace("health.shutdown()", "health.shutdown({ drainDelayMs: 0 })");
    assert.notEqual(quick, code);
    const child = spawn(process.execPath, ["--input-type=module", "--eval", quick], {
      stdio: ["ignore", "inherit", "pipe"],
    });
    let errors = "";
    child.stderr.on("data", (text) => {
      errors += text;
    });
    const exit = await new Promise((resolve) => child.once("close", resolve));
    assert.deepEqual([exit, errors], [0, ""]);
  });
});
