/** What nice-grpc gets from `health.niceImplementation()`, called as nice-grpc calls it. The package itself is in the interop suite. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Health } from "../../../src/index.js";
import { healthCheckResponse } from "../../../src/wire/health-messages.js";
import { eventually } from "../../support/eventually.js";
import { request, statusIn } from "../../support/grpc-peer.js";
import { VirtualClock } from "../../support/virtual-clock.js";

function contextOf(signal: AbortSignal = new AbortController().signal, metadata: Record<string, string> = {}) {
  const header = new Map<string, string>();
  return { header, signal, metadata: { get: (key: string) => metadata[key] } };
}

/** An error as nice-grpc's `instanceof ServerError` takes it. */
const serverError = (code: number, details: string) => (error: unknown) => {
  assert(error instanceof Error);
  assert.equal(Reflect.get(error, "@@nice-grpc:ServerError"), true);
  assert.deepEqual(
    [error.name, Reflect.get(error, "code"), Reflect.get(error, "details")],
    ["ServerError", code, details],
  );
  return true;
};

describe("the implementation for nice-grpc", () => {
  test("Check answers with bytes, and refuses with a ServerError", async () => {
    const health = new Health();
    health.set("a", "SERVING", { degraded: true });
    const implementation = health.niceImplementation();
    const context = contextOf();
    assert.deepEqual(await implementation.check(request("a"), context), healthCheckResponse("SERVING"));
    assert.equal(context.header.get("x-envoy-degraded"), "true");
    const plain = contextOf();
    await implementation.check(request(""), plain);
    assert.equal(plain.header.size, 0);
    await assert.rejects(implementation.check(request("x"), plain), serverError(5, "unknown service"));
    await assert.rejects(implementation.check(Buffer.from("0a50", "hex"), plain), serverError(3, "malformed request"));
  });

  test("List needs the token where Health does", async () => {
    const implementation = new Health({ token: "s3cret" }).niceImplementation();
    await assert.rejects(implementation.list(Buffer.alloc(0), contextOf()), serverError(16, "a token is needed"));
    const authorized = contextOf(undefined, { authorization: "Bearer s3cret" });
    assert((await implementation.list(Buffer.alloc(0), authorized)).length > 0);
  });

  test("a Watch that is not read keeps one message, and gives the newest next", async () => {
    const health = new Health();
    health.set("a", "SERVING");
    const watch = health.niceImplementation().watch(request("a"), contextOf());
    assert.equal(statusIn(Buffer.from((await watch.next()).value ?? [])), 1);
    for (const status of ["NOT_SERVING", "SERVING", "UNKNOWN", "NOT_SERVING"] as const) health.set("a", status);
    assert.equal(statusIn(Buffer.from((await watch.next()).value ?? [])), 2);
    await watch.return();
    assert.equal(health.watcherCount, 0);
  });

  test("a Watch ends with an AbortError when its signal is aborted, before or after it begins", async () => {
    const health = new Health();
    const controller = new AbortController();
    const watch = health.niceImplementation().watch(request("a"), contextOf(controller.signal));
    await watch.next();
    const ended = assert.rejects(watch.next(), { name: "AbortError" });
    controller.abort();
    await ended;
    const late = health.niceImplementation().watch(request("a"), contextOf(controller.signal));
    await assert.rejects(
      (async () => {
        for await (const _ of late);
      })(),
      { name: "AbortError" },
    );
    assert.equal(health.watcherCount, 0);
  });

  test("shutdown ends a Watch with UNAVAILABLE after the newest status, and one that begins later", async () => {
    const health = new Health();
    health.set("a", "SERVING");
    const implementation = health.niceImplementation();
    const statuses: number[] = [];
    const watching = (async () => {
      for await (const message of implementation.watch(request("a"), contextOf()))
        statuses.push(statusIn(Buffer.from(message)));
    })();
    const ended = assert.rejects(watching, serverError(14, "server is shutting down"));
    await eventually(() => statuses.length === 1, "the first status");
    await health.shutdown({ drainDelayMs: 0 });
    await ended;
    assert.deepEqual(statuses, [1, 2]);
    const late = implementation.watch(request("a"), contextOf());
    const { value = new Uint8Array() } = await late.next();
    assert.equal(statusIn(Buffer.from(value)), 2);
    await assert.rejects(late.next(), serverError(14, "server is shutting down"));
  });

  test("a Watch whose message is not taken within 40 s is closed", async () => {
    const clock = new VirtualClock();
    const health = new Health({ clock });
    const watch = health.niceImplementation().watch(request("a"), contextOf());
    await watch.next();
    await clock.advance(39_000);
    assert.equal(health.watcherCount, 1);
    await clock.advance(1_000);
    assert.equal(health.watcherCount, 0);
    await assert.rejects(watch.next(), serverError(14, "the client did not take a message in time"));
  });

  test("asks a terminator to end its Watch, and works without one", async () => {
    let asked = 0;
    const abortOnTerminate = () => {
      asked += 1;
    };
    const watch = new Health().niceImplementation().watch(request("a"), { ...contextOf(), abortOnTerminate });
    await watch.next();
    assert.equal(asked, 1);
    await watch.return();
  });
});
