/** With a token set, a request without it learns one word: no name, no reason, no measurement. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isAuthorized } from "../../../src/core/bearer-token.js";
import { type BridgeFixture, bridgeOf, check, type ReadAnswer } from "./bridge-fixture.js";

const TOKEN = "s3cret:token";
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

const RIGHT = [`Bearer ${TOKEN}`, `bearer  ${TOKEN} `, basic("", TOKEN), basic("admin", TOKEN)];
const WRONG = [
  ...[undefined, "", "Bearer", "Bearer s3cret", `Bearer ${TOKEN}x`, TOKEN, `Digest ${TOKEN}`, "Basic", "Basic %%%"],
  ...[basic(TOKEN, ""), basic("admin", "s3cret"), basic("admin", `${TOKEN} `), `Basic ${TOKEN}`, "Basic Og=="],
];

const VIEWS = ["readyz", "healthz", "startupz", "livez"];
const ASKED_NAMES = ["shop-db", "shop-cart", "no-such-name"];
const QUERIES = ["", "?verbose", "?verbose=1&exclude=shop-db", "?exclude=no-such-name", "?exclude=shop-cart&verbose"];
const ACCEPTED = [
  "*/*",
  "application/json",
  "application/health+json",
  "text/html",
  "application/json, text/plain;q=0.1",
];

const PATHS = [
  ...VIEWS.flatMap((view) => QUERIES.map((query) => `/${view}${query}`)),
  ...VIEWS.flatMap((view) => ASKED_NAMES.flatMap((name) => QUERIES.map((query) => `/${view}/${name}${query}`))),
  ...["", ...ASKED_NAMES].flatMap((name) => [`/healthcheck/${name}`, `/healthcheck?service=${name}`]),
  ...["/healthcheck", "/metrics", "/", "/events", "/x", "/heartbeat/shop-db", "/grpc.health.v1.Health/List"],
];

/** What no answer without the token may hold. The names are in no request header. */
const HIDDEN = /shop-db|shop-cart|no-such-name|slow-answer|refused-here|123|responseTime|critical|since|time"/;

function guarded(): BridgeFixture {
  const fixture = bridgeOf({ token: TOKEN, metrics: { lines: () => ["shop-db 123\n"] } });
  const { registry } = fixture;
  registry.report(check("shop-db", { state: "failing", reason: "refused-here", latencyMs: 123 }));
  registry.report(check("shop-cart", { state: "warning", reason: "slow-answer", latencyMs: 123, critical: false }));
  registry.set("shop-db", "NOT_SERVING", { reason: "refused-here" });
  registry.set("shop-cart", "SERVING", { reason: "slow-answer", degraded: true });
  registry.set("", "NOT_SERVING", { reason: "refused-here" });
  return fixture;
}

const WORDS = [
  ...["OK", "NOT_SERVING", "UNKNOWN", "SERVICE_UNKNOWN", "NOT_FOUND", "UNAUTHENTICATED", "METHOD_NOT_ALLOWED", ""],
  ...["BAD_REQUEST", "UNSUPPORTED_MEDIA_TYPE"],
];
const NOTE = "names to exclude that match no check are ignored";

function assertOneWord({ body, headers }: ReadAnswer, asked: string): void {
  assert.doesNotMatch(`${body}${JSON.stringify(headers)}`, HIDDEN, asked);
  if (!body.startsWith("{")) {
    assert.ok(WORDS.includes(body.replace(`\nwarn: ${NOTE}\n`, "")), `${asked}: ${body}`);
    return;
  }
  const { status, notes, output, code, message, ...rest } = JSON.parse(body);
  assert.deepEqual(rest, {}, asked);
  assert.ok(["pass", "warn", "fail", undefined].includes(status), asked);
  assert.ok([undefined, "service-unknown"].includes(output), asked);
  assert.ok(notes === undefined || notes[0] === NOTE, asked);
  assert.ok(status !== undefined || (code === "unauthenticated" && message === "a token is needed"), asked);
}

describe("without the token", () => {
  const { answer } = guarded();
  for (const method of ["GET", "HEAD", "POST", "PUT"])
    test(`${method} of every path in every form is answered with one word`, async () => {
      for (const target of PATHS)
        for (const accept of ACCEPTED)
          for (const authorization of WRONG) {
            const contentType = "application/json";
            const asked = { method, accept, authorization, contentType, body: Buffer.from("{}") };
            assertOneWord(await answer(target, asked), `${method} ${target} ${accept} ${authorization}`);
          }
    });

  test("an excluded name that exists and one that does not have the same answer", async () => {
    for (const view of VIEWS)
      for (const accept of ACCEPTED)
        for (const query of ["", "&verbose"]) {
          const exclude = (name: string) => answer(`/${view}?exclude=${name}${query}`, { accept });
          assert.deepEqual(await exclude("shop-cart"), await exclude("no-such-name"));
        }
  });

  test("a name that is known can be asked for, over every path that takes one", async () => {
    for (const [path, status, body] of [
      ["/readyz/shop-cart", 200, "OK"],
      ["/readyz/shop-db", 503, "NOT_SERVING"],
      ["/healthcheck/shop-cart", 200, "OK"],
      ["/healthcheck?service=shop-db", 503, "NOT_SERVING"],
      ["/readyz/no-such-name", 404, "NOT_FOUND"],
    ] as const) {
      const { status: code, body: text } = await answer(path);
      assert.deepEqual([code, text], [status, body], path);
    }
    const call = { method: "POST", contentType: "application/json", body: Buffer.from('{"service":"shop-db"}') };
    assert.equal((await answer("/grpc.health.v1.Health/Check", call)).body, '{"status":"NOT_SERVING"}');
  });

  test("a browser is asked for the token as a password", async () => {
    const { status, headers } = await answer("/metrics");
    assert.equal(status, 401);
    assert.equal(headers["www-authenticate"], 'Bearer, Basic realm="healthbridge", charset="UTF-8"');
  });
});

describe("with the token", () => {
  const { answer } = guarded();
  for (const authorization of RIGHT)
    test(`as ${authorization} every detail is shown`, async () => {
      const details = async (path: string, accept: string, hidden: RegExp) =>
        assert.match((await answer(path, { authorization, accept })).body, hidden, path);
      for (const view of ["readyz", "healthz", "startupz"]) {
        await details(`/${view}?verbose`, "*/*", /shop-db/);
        await details(`/${view}`, "application/json", /refused-here/);
        await details(`/${view}/shop-db`, "application/json", /123/);
      }
      await details("/readyz/shop-db?verbose", "*/*", /refused-here/);
      await details("/healthcheck/shop-db", "application/json", /refused-here/);
      await details("/metrics", "*/*", /shop-db 123/);
      const list = { method: "POST", contentType: "application/json", body: Buffer.from("{}"), authorization };
      assert.match((await answer("/grpc.health.v1.Health/List", list)).body, /shop-cart/);
    });
});

test("a token is accepted as Bearer and as the password of Basic, and in no other form", () => {
  for (const given of RIGHT) assert.equal(isAuthorized(given, TOKEN), true, given);
  for (const given of WRONG) assert.equal(isAuthorized(given, TOKEN), false, given);
  for (const given of WRONG) assert.equal(isAuthorized(given, undefined), true);
});
