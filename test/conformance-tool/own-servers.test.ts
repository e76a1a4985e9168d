/** healthbridge keeps every row, on its own engine, over TLS and on a unix socket; what grpc-js cannot keep is listed. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { ROWS } from "../../src/conformance/table.js";
import type { EngineName } from "../../src/core/engine-name.js";
import { Health } from "../../src/index.js";
import { rawServer } from "../client/raw-server.js";
import { portOf } from "../support/port-of.js";
import { breachesOf, explain, runTool, type ToolOptions } from "./tool.js";

const fixture = (file: string) => fileURLToPath(new URL(`../fixtures/tls/${file}`, import.meta.url));
const TLS = { cert: readFileSync(fixture("server.crt"), "utf8"), key: readFileSync(fixture("server.key"), "utf8") };
const TLS_FLAGS = new Map([
  ["tls", ["true"]],
  ["tls-ca-cert", [fixture("ca.crt")]],
  ["tls-server-name", ["localhost"]],
]);

const TIMES = { answerMs: 4_000, quietMs: 200 };

/** Frames and headers that grpc-js, and Node's HTTP/2 below it, take or refuse before healthbridge sees them. */
const BREACHES_OF_GRPC_JS = ["flag-invalid", "flag-without-encoding", "encoding-offer", "field-line-break"];

interface OwnServer {
  readonly engine?: EngineName;
  readonly listen?: string;
  readonly isTls?: boolean;
}

async function resultsOf({ engine = "native", listen = "127.0.0.1:0", isTls = false }: OwnServer) {
  const health = new Health();
  health.set("a.B", "SERVING");
  const server = await health.listen([listen], { engine, ...(isTls ? { tls: TLS } : {}) });
  try {
    const address = listen.startsWith("unix:") ? listen : `127.0.0.1:${portOf(server)}`;
    return await runOn(address, health, isTls ? { flags: TLS_FLAGS } : {});
  } finally {
    await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 });
  }
}

function runOn(address: string, health: Health, options: ToolOptions = {}) {
  return runTool(address, { changed: health, times: TIMES, ...options });
}

/** Rows that were not tried. */
const untriedOf = (results: Awaited<ReturnType<typeof runTool>>) =>
  results.filter(({ verdict }) => verdict.kind === "not-tried").map(({ row }) => row.id);

test("healthbridge keeps every row on its own engine", async () => {
  const results = await resultsOf({});
  assert.deepEqual(breachesOf(results), [], explain(results));
  assert.deepEqual(untriedOf(results), ["tls-alpn"]);
  assert.deepEqual(
    results.map(({ row }) => row.id),
    ROWS.map(({ id }) => id),
  );
});

test("healthbridge keeps every row over TLS", async () => {
  const results = await resultsOf({ isTls: true });
  assert.deepEqual(breachesOf(results), [], explain(results));
  assert.deepEqual(untriedOf(results), []);
});

test("healthbridge keeps every row on a unix socket", async () => {
  const folder = mkdtempSync(join(tmpdir(), "conformance-"));
  try {
    const results = await resultsOf({ listen: `unix:${join(folder, "socket")}` });
    assert.deepEqual(breachesOf(results), [], explain(results));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

for (const isTls of [false, true])
  test(`engine grpc-js breaks what grpc-js breaks, and no other row (${isTls ? "TLS" : "clear text"})`, async () => {
    const results = await resultsOf({ engine: "grpc-js", isTls });
    assert.deepEqual(breachesOf(results), BREACHES_OF_GRPC_JS, explain(results));
  });

test("a server of grpc-js with our health service breaks what grpc-js breaks", async () => {
  const health = new Health();
  health.set("a.B", "SERVING");
  const server = new Server();
  health.addToServer(server);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  try {
    const results = await runOn(`127.0.0.1:${port}`, health);
    // the engine refuses GET before grpc-js sees it; here grpc-js has the port
    assert.deepEqual(breachesOf(results), ["method-get", ...BREACHES_OF_GRPC_JS], explain(results));
  } finally {
    server.forceShutdown();
    await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 });
  }
});

test("health.handler() on a server of node:http2 breaks field-line-break, and no other row", async () => {
  const health = new Health();
  health.set("a.B", "SERVING");
  const server = createServer(health.handler());
  await once(server.listen(0, "127.0.0.1"), "listening");
  try {
    const { port } = server.address() as AddressInfo; // it listens on a port
    const results = await runOn(`127.0.0.1:${port}`, health);
    // nghttp2 of Node 20 takes a line break in a header value; the handler gets the value
    assert.deepEqual(breachesOf(results), ["field-line-break"], explain(results));
    assert.deepEqual(untriedOf(results), ["tls-alpn"]);
  } finally {
    server.close();
    await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 });
  }
});

test("a TLS server that chooses no protocol by ALPN breaks tls-alpn, and that row alone", async () => {
  const { target } = await rawServer({ alpn: [] });
  const rows = ROWS.filter(({ id }) => ["tls-alpn", "settings-first", "settings-ack"].includes(id));
  try {
    const results = await runTool(`127.0.0.1:${target.port}`, { rows, flags: TLS_FLAGS, times: TIMES });
    assert.deepEqual(breachesOf(results), ["tls-alpn"], explain(results));
  } finally {
    await target.stop();
  }
});
