/** Ten thousand checks: every answer arrives whole, over HTTP/1 and HTTP/2, and a burst of requests costs one rendering. */
import assert from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { after, before, describe, test } from "node:test";
import { Health, type HealthServer } from "../../../src/index.js";
import type { CheckReport } from "../../../src/registry/ports.js";
import { samplesOf } from "../../support/exposition.js";
import { portOf } from "../../support/port-of.js";
import { settle, VirtualClock } from "../../support/virtual-clock.js";
import { bridgeOf, check } from "./bridge-fixture.js";
import { serving } from "./http1-fixture.js";

const COUNT = 10_000;
const JSON_TYPE = { accept: "application/json" };
const CALL = { method: "POST", body: "{}", contentType: "application/json" };

interface Asked {
  readonly path: string;
  readonly method?: string;
  readonly body?: string;
  readonly accept?: string;
  readonly contentType?: string;
}

async function askHttp1(port: number, asked: Asked): Promise<string> {
  const { path, method = "GET", body = null, accept = "*/*", contentType = "" } = asked;
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    body,
    headers: { accept, "content-type": contentType },
  });
  const text = await answer.text();
  assert.equal(Number(answer.headers.get("content-length")), Buffer.byteLength(text));
  return text;
}

async function askHttp2(port: number, asked: Asked): Promise<string> {
  const { path, method = "GET", body, accept = "*/*", contentType = "" } = asked;
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  const stream = session.request({ ":path": path, ":method": method, accept, "content-type": contentType });
  stream.end(body);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  session.close();
  return Buffer.concat(chunks).toString();
}

const CARRIERS = [
  ["HTTP/1", "native", askHttp1],
  ["HTTP/2", "native", askHttp2],
  ["HTTP/2", "grpc-js", askHttp2],
] as const;

for (const [protocol, engine, ask] of CARRIERS) {
  describe(`ten thousand checks over ${protocol}, with the engine ${engine}`, () => {
    const clock = new VirtualClock();
    const health = new Health({ metrics: true, clock, random: () => 0.5 });
    let server: HealthServer;
    before(async () => {
      for (let index = 0; index < COUNT; index += 1) health.check(`c${index}`, async () => {}, { interval: 20_000 });
      server = await health.listen(["127.0.0.1:0"], { engine });
      await clock.advance(20_000);
    });
    after(() => health.shutdown({ drainDelayMs: 0 }));

    test("?verbose has a line for each", async () => {
      const text = await ask(portOf(server), { path: "/readyz?verbose" });
      assert.equal(text.match(/^\[\+\]c\d+ ok$/gm)?.length, COUNT);
      assert.ok(text.endsWith("\nreadyz check passed\n"));
    });

    test("JSON of a view and of the server has an object for each", async () => {
      for (const path of ["/readyz", "/startupz", "/healthcheck"]) {
        const { checks } = JSON.parse(await ask(portOf(server), { path, ...JSON_TYPE }));
        assert.equal(Object.keys(checks).length, COUNT, path);
        assert.equal(checks["c9999:responseTime"][0].state, "passing");
      }
    });

    test("JSON of one service has its checks alone", async () => {
      const text = await ask(portOf(server), { path: "/healthcheck/c77", ...JSON_TYPE });
      assert.deepEqual(Object.keys(JSON.parse(text).checks), ["c77:responseTime"]);
    });

    test("the metrics have every series", async () => {
      const samples = samplesOf(await ask(portOf(server), { path: "/metrics" }));
      const countOf = (name: string) => samples.filter((sample) => sample.name === name).length;
      assert.equal(countOf("healthbridge_check_state"), COUNT * 4);
      assert.equal(countOf("healthbridge_check_duration_seconds_count"), COUNT);
      assert.equal(countOf("grpc_health_service_degraded"), COUNT + 1);
    });

    test("List as JSON has every service and the server as a whole", async () => {
      const { statuses } = JSON.parse(await ask(portOf(server), { path: "/grpc.health.v1.Health/List", ...CALL }));
      assert.equal(Object.keys(statuses).length, COUNT + 1);
      assert.deepEqual([statuses[""], statuses.c9999], [{ status: "SERVING" }, { status: "SERVING" }]);
    });
  });
}

describe("a burst of requests", () => {
  /** A check whose renderings as JSON are counted. */
  const counted = (counts: { renderings: number }): CheckReport =>
    Object.defineProperty(check("counted"), "latencyMs", {
      enumerable: true,
      get: () => {
        counts.renderings += 1;
        return 1;
      },
    });

  for (const checks of [50, 5_000])
    test(`of 64 KB of pipelined requests for JSON of ${checks} checks costs one rendering`, async (t) => {
      const { registry, open } = await serving(t, new VirtualClock(), {});
      const counts = { renderings: 0 };
      registry.report(counted(counts));
      for (let index = 1; index < checks; index += 1) registry.report(check(`check-${index}`));
      const request = "HEAD /readyz HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n";
      const number = Math.floor(65_536 / request.length);
      const last = request.replace("Host", "Connection: close\r\nHost");
      let text = "";
      for await (const bytes of open(request.repeat(number) + last)) text += bytes;
      assert.equal(text.match(/HTTP\/1\.1 200 /g)?.length, number + 1);
      assert.equal(counts.renderings, 1);
    });

  test("of many streams in one step costs one rendering, whatever they exclude", async () => {
    const { registry, answer } = bridgeOf();
    const counts = { renderings: 0 };
    registry.report(counted(counts));
    for (let index = 1; index < 5_000; index += 1) registry.report(check(`check-${index}`));
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => answer(`/readyz?exclude=check-${index}`, JSON_TYPE)),
    );
    assert.ok(answers.every(({ status }) => status === 200));
    assert.equal(counts.renderings, 1);
  });

  test("of metrics costs one page", async () => {
    let pages = 0;
    const lines = () => {
      pages += 1;
      return ["x 1\n"];
    };
    const { answer } = bridgeOf({ metrics: { lines } });
    await Promise.all(Array.from({ length: 1_000 }, () => answer("/metrics")));
    assert.equal(pages, 1);
  });

  test("does not slow the short answers down: they are given in the same step", async () => {
    const { registry, ask, answer } = bridgeOf();
    for (let index = 0; index < 5_000; index += 1) registry.report(check(`check-${index}`));
    const large = Array.from({ length: 100 }, (_, index) => answer(`/readyz?verbose&exclude=check-${index}`));
    await settle();
    for (const path of [
      "/healthcheck",
      "/readyz",
      "/livez",
      "/startupz",
      "/readyz/check-4999",
      "/readyz?exclude=check-1",
    ])
      assert.deepEqual([ask(path).status, ask(path).body], [200, "OK"], path);
    await Promise.all(large);
  });
});
