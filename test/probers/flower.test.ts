import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer } from "node:https";
import { test } from "node:test";
import { Health } from "../../src/daemon/health.js";
import type { ProbeResult } from "../../src/probers/prober.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { probe, verdict } from "./probing.js";
import { httpTarget, Target } from "./targets.js";

const fixture = (file: string) => readFileSync(new URL(`../fixtures/tls/${file}`, import.meta.url), "utf8");

const CLOSED = "FLOWER_UNAUTHENTICATED_API environment variable is required to enable API without authentication";

/** What a probe finds of a Flower that answers so. */
async function lookAt(onRequest: RequestListener, { path = "", credentials = "" } = {}): Promise<ProbeResult> {
  const target = await httpTarget(onRequest);
  const prober = openTarget(`flower+http://${credentials}127.0.0.1:${target.port}${path}`);
  try {
    return await probe(prober);
  } finally {
    prober.close();
    await target.disconnected();
    await target.stop();
  }
}

const answering =
  (status: number, body: string, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    void response.writeHead(status, headers).end(body);

const knowing = (workers: Readonly<Record<string, unknown>>) => answering(200, JSON.stringify(workers));

const services = ({ discovered }: ProbeResult) =>
  [...(discovered ?? [])].map(([name, { outcome, reason }]) => [name, outcome, reason]);

test("each worker is a service that passes while online and fails as offline; the check passes with one online worker", async () => {
  const result = await lookAt(knowing({ "celery@b": false, "celery@a": true }));
  assert.deepEqual([result.outcome, result.detail], ["pass", "1 of 2 workers are online"]);
  assert.deepEqual(services(result), [
    ["celery.worker/celery@a", "pass", undefined],
    ["celery.worker/celery@b", "fail", "offline"],
  ]);
});

test("without an online worker the check fails, and still reports its workers", async () => {
  const offline = await lookAt(knowing({ "celery@a": false }));
  assert.deepEqual([offline.outcome, offline.reason], ["fail", "no-workers"]);
  assert.deepEqual(services(offline), [["celery.worker/celery@a", "fail", "offline"]]);
  const none = await lookAt(knowing({}));
  assert.deepEqual(
    [none.outcome, none.reason, none.detail],
    ["fail", "no-workers", "0 of 0 workers are online; minWorkers is 1"],
  );
  assert.deepEqual(services(none), []);
});

for (const [online, minWorkers, expected] of [
  [0, undefined, "fail no-workers"],
  [1, undefined, "pass"],
  [1, 2, "fail few-workers"],
  [2, 2, "pass"],
  [0, 2, "fail no-workers"],
] as const)
  test(`with ${online} of 3 workers online and minWorkers ${minWorkers}: ${expected}`, async () => {
    const workers = Object.fromEntries([1, 2, 3].map((number) => [`celery@${number}`, number <= online]));
    const target = await httpTarget(knowing(workers));
    const prober = openTarget(`flower+http://127.0.0.1:${target.port}`, systemDeps(), { minWorkers });
    const result = await probe(prober);
    assert.equal([result.outcome, result.reason].filter((word) => word !== undefined).join(" "), expected);
    assert.equal(result.discovered?.size, 3, "the workers are reported in any case");
    prober.close();
    await target.disconnected();
    await target.stop();
  });

test("minWorkers that is no count is refused, and so are both options on other targets", () => {
  for (const minWorkers of [0, -1, 1.5, Number.NaN])
    assert.throws(() => openTarget("flower+http://h:5555", systemDeps(), { minWorkers }), /minWorkers must be a whole/);
  const health = new Health();
  assert.throws(() => health.check("a", "tcp://h:1", { minWorkers: 2 }), /minWorkers: is not an option of this scheme/);
  assert.throws(() => health.check("a", "tcp://h:1", { forgetAfter: "1m" }), /forgetAfter.*only a target of flower/);
  assert.throws(() => health.check("a", () => true, { forgetAfter: "1m" }), /no such option/);
  assert.throws(() => health.check("a", () => true, { minWorkers: 2 }), /no such option/);
  assert.throws(() => health.check("a", "flower+http://h:1", { forgetAfter: 0 }), /forgetAfter/);
});

test("a refusal of Flower's API is advice that says what to set", async () => {
  const closed = await lookAt(answering(401, CLOSED));
  assert.match(closed.advice ?? "", /--basic-auth=.*FLOWER_UNAUTHENTICATED_API=true/);
  assert.equal((await lookAt(answering(500, "secret"))).advice, undefined);
  assert.match((await lookAt(answering(404, "secret"))).advice ?? "", /--url-prefix/);
});

for (const [path, expected] of [
  ["", "/api/workers?status=true"],
  ["/", "/api/workers?status=true"],
  ["/flower", "/flower/api/workers?status=true"],
  ["/a/b/", "/a/b/api/workers?status=true"],
] as const)
  test(`the path ${JSON.stringify(path)} is Flower's prefix, and name and password are sent as basic auth`, async () => {
    let seen: IncomingMessage | undefined;
    await lookAt(
      (request, response) => {
        seen = request;
        response.end("{}");
      },
      { path, credentials: "user:p%40ss@" },
    );
    assert.equal(seen?.url, expected);
    assert.equal(seen?.headers.authorization, `Basic ${Buffer.from("user:p@ss").toString("base64")}`);
  });

for (const [label, answer, reason, detail] of [
  ["keeps its API from strangers", answering(401, CLOSED), "auth", /--basic-auth=.*FLOWER_UNAUTHENTICATED_API=true/],
  ["wants another password", answering(401, ""), "auth", /refuses the name and password/],
  ["is behind a proxy that refuses", answering(403, "no"), "auth", /refuses the name and password/],
  ["wants people to log in", answering(302, "", { location: "/login?next=%2Fapi" }), "auth", /interactive login/],
  ["is elsewhere", answering(301, "", { location: "https://flower.example/" }), "redirect", /301/],
  ["has another prefix", answering(404, "<html>"), "status", /--url-prefix/],
  ["is broken", answering(500, "<html>"), "status", /500/],
  ["is something else", answering(200, "<html>hello"), "answer", /not that of Flower's API/],
  ["is another API", answering(200, '{"status":"up"}'), "answer", /not that of Flower's API/],
  ["answers a list", answering(200, "[]"), "answer", /not that of Flower's API/],
  ["answers null", answering(200, "null"), "answer", /not that of Flower's API/],
  ["talks without end", answering(200, `{"${"a".repeat(1_100_000)}":true}`), "answer", /longer than 1048576 bytes/],
] as const)
  test(`a Flower that ${label} fails as ${reason}, and the detail says what to do`, async () => {
    const result = await lookAt(answer);
    assert.deepEqual([result.outcome, result.reason, result.discovered], ["fail", reason, undefined]);
    assert.match(result.detail ?? "", detail);
  });

test("a worker whose name cannot be a service name is not published, but counted", async () => {
  const names = ["celery@a", "celery@\n", `celery@${"x".repeat(200)}`];
  const result = await lookAt(knowing(Object.fromEntries(names.map((name) => [name, true]))));
  assert.deepEqual(services(result), [["celery.worker/celery@a", "pass", undefined]]);
  assert.equal(result.detail, "3 of 3 workers are online, 2 are not published");
});

test("at most 1,000 workers are published, online ones first", async () => {
  const workers = Object.fromEntries(
    Array.from({ length: 3_000 }, (_, index) => [`celery@pod-${index}`, index >= 2_500]),
  );
  const result = await lookAt(knowing(workers));
  const outcomes = services(result).map(([, outcome]) => outcome);
  assert.deepEqual(outcomes, [...Array(500).fill("pass"), ...Array(500).fill("fail")]);
  assert.equal(result.detail, "500 of 3000 workers are online, 2000 are not published");
});

test("probes share one connection, also over TLS, and its certificate is checked", async () => {
  const identity = { cert: fixture("server.crt"), key: fixture("server.key") };
  const target = await Target.start(createServer(identity, knowing({ "celery@a": true })));
  const prober = openTarget(`flower+https://127.0.0.1:${target.port}`, systemDeps(), {
    tls: { ca: fixture("ca.crt") },
  });
  for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "pass");
  assert.ok(((await probe(prober)).certificateEndsAt ?? 0) > Date.now());
  assert.equal(target.accepted, 1);
  prober.close();
  await target.disconnected();
  await target.stop();
});
