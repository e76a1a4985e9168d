/** `open://`: an address that shows the status of the server as a whole and of the views, and nothing else. */
import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { describe, type TestContext, test } from "node:test";
import type { HealthServer, ListenOptions } from "../../src/index.js";
import { SCRIPT_LINK } from "../../src/transports/http/page/page-files.js";
import { Health } from "../support/built-library.js";
import { frame, GrpcPeer, HEALTH, quiet, request } from "../support/grpc-peer.js";
import { pem } from "./fixtures.js";

const TOKEN = { authorization: "Bearer sesame" };
const ALB = "/AWS.ALB/healthcheck";

/** Everything that a server can show is on, and `hidden.Orders` has a status. */
async function serving(t: TestContext, options: ListenOptions = {}) {
  const health = new Health({ token: "sesame", metrics: true, page: true });
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
  health.set("hidden.Orders", "SERVING");
  health.check("hidden-check", () => false, { initialState: "failing", critical: false });
  const server = await health.listen(["127.0.0.1:0", "open://127.0.0.1:0"], {
    ...{ paths: ["/api/health"], statusCodePaths: [ALB] },
    ...options,
  });
  const [all, open] = [portAt(server, 0), portAt(server, 1)];
  const peer = new GrpcPeer(open);
  t.after(() => peer.close());
  return { health, all, open, peer };
}

function portAt({ addresses }: HealthServer, index: number): number {
  const address = addresses[index];
  if (address === undefined || !("port" in address)) throw new Error("the address has no port");
  return address.port;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Asks over HTTP/1, with the token: it opens nothing here. */
function overHttp1(
  port: number,
  path: string,
  { method = "GET", headers = {}, body = "" }: Asked = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest({ port, path, method, headers: { ...TOKEN, ...headers } }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve(`${response.statusCode} ${Buffer.concat(chunks)}`);
    });
    asked.once("error", reject).end(body);
  });
}

function overHttp2(
  port: number,
  path: string,
  { method = "GET", headers = {}, body = "" }: Asked = {},
): Promise<string> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  const stream = session.request({ ...TOKEN, ...headers, ":path": path, ":method": method });
  return new Promise((resolve, reject) => {
    let [status, text] = [0, ""];
    stream.on("response", (answered) => {
      status = Number(answered[":status"]);
    });
    stream.on("data", (bytes) => {
      text += bytes;
    });
    stream.once("error", reject);
    stream.once("end", () => {
      session.close();
      resolve(`${status} ${text}`);
    });
    if (method === "POST") stream.end(body);
  });
}

const JSON_TYPE = { "content-type": "application/json" };
const ask = (service: string): Asked => ({ method: "POST", headers: JSON_TYPE, body: JSON.stringify({ service }) });

/** What is asked, and the one answer to it. */
const ANSWERS: readonly (readonly [path: string, answer: string, asked?: Asked])[] = [
  ["/healthcheck", "200 OK"],
  ["/api/health", "200 OK"],
  ["/livez", "200 OK"],
  ["/readyz", "200 OK"],
  ["/healthz", "200 OK"],
  ["/startupz", "200 OK"],
  ["/healthcheck/readiness", "200 OK"],
  ["/healthcheck", '200 {"status":"warn"}', { headers: { accept: "application/json" } }],
  ["/readyz", '200 {"status":"pass"}', { headers: { accept: "application/health+json" } }],
  [`${HEALTH}/Check`, '200 {"status":"SERVING"}', ask("")],
  [`${HEALTH}/Check`, '200 {"status":"SERVING"}', ask("liveness")],
  [`${HEALTH}/List`, '200 {"statuses":{"":{"status":"SERVING"}}}', ask("")],
  ["*", "200 OK", { method: "OPTIONS" }],
];

/** Names that exist and names that do not. Each pair has one answer. */
const NAMES: readonly (readonly [path: (name: string) => string, answer: string, asked?: (name: string) => Asked])[] = [
  [(name) => `/healthcheck/${name}`, "404 SERVICE_UNKNOWN"],
  [(name) => `/healthcheck?service=${name}`, "404 SERVICE_UNKNOWN"],
  [(name) => `/api/health?service=${name}`, "404 SERVICE_UNKNOWN"],
  [(name) => `/readyz/${name}`, "404 NOT_FOUND"],
  [(name) => `/readyz?exclude=${name}`, "404 NOT_FOUND"],
  [(name) => `/badge/${name}.svg`, "404 NOT_FOUND"],
  [(name) => `/history/${name}`, "404 NOT_FOUND"],
  [(name) => `/events?service=${name}`, "404 NOT_FOUND"],
  [(name) => `/heartbeat/${name}`, "404 NOT_FOUND", () => ({ method: "POST" })],
  [() => `${HEALTH}/Check`, '404 {"code":"not_found","message":"unknown service"}', ask],
];

/** What is for clients that the operator knows. */
const CLOSED: readonly (readonly [path: string, asked?: Asked])[] = [
  ["/", { headers: { accept: "text/html" } }],
  ["/?service=hidden.Orders", { headers: { accept: "text/html" } }],
  [`/${SCRIPT_LINK}`],
  ["/metrics"],
  ["/events"],
  ["/history"],
  ["/badge.svg"],
  ["/livez?verbose"],
  ["/readyz?verbose"],
  ["/readyz?verbose", { headers: { accept: "application/json" } }],
];

const WAYS: readonly (readonly [string, ListenOptions])[] = [
  ["the native engine", {}],
  ["the engine grpc-js", { engine: "grpc-js" }],
  ["a listener thread", { thread: true }],
];

for (const [way, options] of WAYS) {
  describe(`an open address of ${way}`, () => {
    for (const [version, asking] of [
      ["HTTP/1", overHttp1],
      ["HTTP/2", overHttp2],
    ] as const) {
      test(`answers with the overall status over ${version}, in one word`, async (t) => {
        const { open } = await serving(t, options);
        for (const [path, answer, asked] of ANSWERS) {
          if (path === "*" && version === "HTTP/2") continue; // Node's client cannot send it
          assert.equal(await asking(open, path, asked), answer, path);
        }
      });

      test(`does not tell over ${version} whether a name exists, with the token either`, async (t) => {
        const { open } = await serving(t, options);
        for (const [path, answer, asked] of NAMES)
          for (const name of ["hidden.Orders", "hidden-check", "never.Seen"])
            assert.equal(await asking(open, path(name), asked?.(name)), answer, path(name));
      });

      test(`has no page, metrics, events, history, badge and list of checks over ${version}`, async (t) => {
        const { all, open } = await serving(t, options);
        for (const [path, asked] of CLOSED) {
          assert.equal(await asking(open, path, asked), "404 NOT_FOUND", path);
          if (path !== "/events") assert.match(await asking(all, path, asked), /^200 /, `${path} elsewhere`);
        }
      });
    }

    test("answers Check, Watch and List of the overall status and the views over gRPC", async (t) => {
      const { health, peer } = await serving(t, options);
      for (const service of ["", "liveness", "readiness", "startup"]) {
        const { code, status } = await peer.check(service);
        assert.deepEqual([code, status], [0, 1], service);
      }
      const watch = peer.watch("readiness");
      await watch.saw(1);
      health.started();
      const { statuses } = await peer.list();
      assert.deepEqual([...statuses], [["", 1]]);
      assert.equal((await peer.call(ALB, frame(request("hidden.Orders")))).code, 0);
    });

    test("does not tell over gRPC whether a name exists", async (t) => {
      const { health, peer } = await serving(t, options);
      const watches = [];
      for (const name of ["hidden.Orders", "hidden-check", "never.Seen"]) {
        const { code, text } = await peer.check(name);
        assert.deepEqual([code, text], [5, "unknown service"], name);
        const watch = peer.watch(name);
        await watch.saw(3);
        watches.push(watch);
      }
      health.set("hidden.Orders", "NOT_SERVING");
      health.set("never.Seen", "SERVING");
      await quiet(peer);
      for (const watch of watches) await watch.saw(3);
    });

    test("has no reflection", async (t) => {
      const { peer } = await serving(t, options);
      const { code } = await peer.call(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        frame(Buffer.from([0x3a, 0])),
      );
      assert.equal(code, 12);
    });

    test("drains with the others: watchers are told NOT_SERVING, and the connection closes", async (t) => {
      const { health, peer, open } = await serving(t, options);
      const watch = peer.watch("");
      await watch.saw(1);
      const ended = health.shutdown({ drainDelayMs: 200, closeTimeoutMs: 2_000 });
      await watch.saw(1, 2);
      assert.equal(await overHttp1(open, "/readyz"), "503 NOT_SERVING");
      assert.equal(await overHttp1(open, "/livez"), "200 OK");
      assert.equal((await watch.ended()).code, 14);
      await ended;
    });
  });
}

test("an open address speaks clear text beside one that demands client certificates", async (t) => {
  const health = new Health();
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
  const tls = { cert: pem("server.crt"), key: pem("server.key"), clientCa: pem("ca.crt") };
  const server = await health.listen(["127.0.0.1:0", "open://127.0.0.1:0"], { tls });
  assert.equal(await overHttp1(portAt(server, 1), "/readyz"), "200 OK");
  await assert.rejects(overHttp1(portAt(server, 0), "/readyz"));
});

test("an answer that another address has rendered is never that of an open address", async (t) => {
  const health = new Health(); // no check: nothing changes, and a rendering stays valid
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
  for (let index = 0; index < 200; index += 1) health.set(`hidden.${index}`, "SERVING");
  const server = await health.listen(["127.0.0.1:0", "open://127.0.0.1:0"]);
  const list = (index: number) => overHttp1(portAt(server, index), `${HEALTH}/List`, ask(""));
  const answers = await Promise.all([0, 1, 0, 1].map(list));
  assert.deepEqual(
    answers.map((answer) => answer.includes("hidden")),
    [true, false, true, false],
  );
});
