/** The health service: its limits and its open Watch streams. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { subscribe } from "../../../src/core/channels.js";
import { Registry } from "../../../src/registry/registry.js";
import { HealthService, type HealthServiceOptions } from "../../../src/transports/grpc/health-service.js";
import { request } from "../../support/grpc-peer.js";
import { settle, VirtualClock } from "../../support/virtual-clock.js";
import { FakeCall } from "./fake-call.js";

function service(options?: HealthServiceOptions) {
  const registry = new Registry({ clock: new VirtualClock(), instance: "test" });
  const health = new HealthService(registry, options);
  const watch = (name: string | Buffer) => {
    const call = FakeCall.reading();
    const close = health.watch(typeof name === "string" ? request(name) : name, call);
    return { call, received: call.received, close };
  };
  return { registry, health, watch };
}

const ENDED = "UNAVAILABLE: server is shutting down";

describe("the health service", () => {
  test("answers Check, List and status code paths from its registry", () => {
    const { registry, health } = service();
    registry.set("a", "NOT_SERVING");
    assert.deepEqual(health.check(request("a")), { message: Buffer.from([8, 2]), degraded: false });
    assert.ok("message" in health.list(Buffer.alloc(0)));
    assert.deepEqual(health.byCode(), { message: Buffer.from([8, 1]), degraded: false });
  });

  test("the server as a whole is listed, and does not count for the limit of List", () => {
    const { registry, health } = service({ listLimit: 2 });
    for (const name of ["a", "b", ""]) registry.set(name, "SERVING");
    assert.ok("message" in health.list(Buffer.alloc(0)));
    registry.set("c", "SERVING");
    assert.ok("code" in health.list(Buffer.alloc(0)));
  });

  test("lists 10,000 services by default, and as many as its limit [A58]", () => {
    const few = service();
    const many = service({ listLimit: 10_001 });
    for (const { registry } of [few, many]) {
      for (let index = 0; index < 10_000; index += 1) registry.set(`s${index}`, "SERVING");
    }
    assert.ok("message" in few.health.list(Buffer.alloc(0)));
    for (const { registry } of [few, many]) registry.set("one-more", "SERVING");
    assert.ok("code" in few.health.list(Buffer.alloc(0)));
    assert.ok("message" in many.health.list(Buffer.alloc(0)));
  });

  test("a Watch gets its status and each change", async () => {
    const { registry, watch } = service();
    const { received } = watch("a");
    await settle();
    registry.set("a", "SERVING");
    await settle();
    assert.deepEqual(received, [3, 1]);
  });

  const faults: readonly (readonly [string, Buffer, string])[] = [
    ["malformed", Buffer.from("0a50", "hex"), "malformed request"],
    ["too long", request("n".repeat(201)), "service name too long"],
    ["not UTF-8", Buffer.from("0a02fffe", "hex"), "service name is not valid UTF-8"],
  ];
  for (const [label, bytes, text] of faults) {
    test(`a Watch with a request that is ${label} is INVALID_ARGUMENT, and is not counted [A50]`, () => {
      const { registry, watch } = service();
      const { received, close } = watch(bytes);
      assert.deepEqual(received, [`INVALID_ARGUMENT: ${text}`]);
      close();
      assert.equal(registry.watcherCount, 0);
    });
  }

  test("one Watch above the limit is refused, and a place that becomes free is used again [A49]", async () => {
    const { registry, watch } = service({ maxWatchers: 2 });
    const [first, second] = [watch("a"), watch("b")];
    const third = watch("c");
    assert.deepEqual(third.received, ["RESOURCE_EXHAUSTED: too many watchers"]);
    third.close();
    assert.equal(registry.watcherCount, 2);
    first.close();
    first.close();
    assert.equal(registry.watcherCount, 1);
    const fourth = watch("d");
    await settle();
    assert.deepEqual([second.received, fourth.received], [[3], [3]]);
    assert.equal(registry.watcherCount, 2);
  });

  test("its end ends every Watch after the newest status, and leaves nothing [A74]", async () => {
    const { registry, health, watch } = service();
    const watches = [watch("a"), watch("b"), watch("")];
    await settle();
    registry.drain();
    health.endWatches();
    assert.deepEqual(
      watches.map(({ received }) => received),
      [
        [3, ENDED],
        [3, ENDED],
        [1, 2, ENDED],
      ],
    );
    assert.deepEqual([registry.watcherCount, registry.watchedNameCount], [0, 0]);
    for (const { close } of watches) close();
    assert.equal(registry.watcherCount, 0);
  });

  test("a Watch whose end throws does not stop the end of the others [A54]", () => {
    const { health, watch } = service();
    const calls = [watch("a"), watch("b"), watch("c")];
    Object.assign(calls[1]?.call ?? {}, {
      end: () => {
        throw new Error("broken call");
      },
    });
    health.endWatches();
    assert.deepEqual([calls[0]?.received.at(-1), calls[2]?.received.at(-1)], [ENDED, ENDED]);
  });

  test("after its end a Watch has its status and is UNAVAILABLE, a Check is still answered [A54]", () => {
    const { registry, health, watch } = service();
    registry.drain();
    health.endWatches();
    health.endWatches();
    assert.deepEqual(
      [watch("").received, watch("a").received],
      [
        [2, ENDED],
        [3, ENDED],
      ],
    );
    assert.equal(registry.watcherCount, 0);
    assert.ok("message" in health.check(request("")));
  });

  for (const options of [
    { maxWatchers: -1 },
    { maxWatchers: Number.NaN },
    { maxWatchers: 1.5 },
    { listLimit: -1 },
    { listLimit: 1.5 },
  ]) {
    const [[name, value] = ["", 0]] = Object.entries(options);
    test(`a limit of ${name}: ${value} is refused, and named [B103]`, () => {
      const { registry } = service();
      assert.throws(
        () => new HealthService(registry, options),
        (error: unknown) => {
          assert.ok(error instanceof Error && "code" in error);
          assert.equal(error.code, "INVALID_OPTION");
          assert.match(error.message, new RegExp(name));
          return true;
        },
      );
    });
  }
});

describe("every answered call", () => {
  /** The messages on the channel during `action`. */
  const publishedBy = async (action: () => void): Promise<unknown[]> => {
    const messages: unknown[] = [];
    const unsubscribe = subscribe("call", ({ method, code }) => messages.push(`${method} ${code}`));
    action();
    await settle();
    unsubscribe();
    return messages;
  };

  test("is reported with its method and code", async () => {
    const { registry, health } = service({ token: "0123456789abcdef" });
    registry.set("", "NOT_SERVING");
    const messages = await publishedBy(() => {
      health.check(request(""));
      health.check(request("nobody"));
      health.check(Buffer.from("0a50", "hex"));
      health.list(Buffer.alloc(0));
      health.list(Buffer.alloc(0), "Bearer 0123456789abcdef");
      health.byCode();
    });
    const expected = ["Check OK", "Check NOT_FOUND", "Check INVALID_ARGUMENT", "List UNAUTHENTICATED", "List OK"];
    assert.deepEqual(messages, [...expected, "status-code UNAVAILABLE"]);
  });

  test("of a Watch is reported once, when it ends", async () => {
    const { health, watch } = service({ maxWatchers: 2 });
    const [left, kept] = [watch("a"), watch("b")];
    const closeAll = (watches: readonly { close(): void }[]) => {
      for (const { close } of watches) close();
    };
    assert.deepEqual(await publishedBy(() => watch("c").close()), ["Watch RESOURCE_EXHAUSTED"]);
    assert.deepEqual(await publishedBy(() => closeAll([left, left])), ["Watch CANCELLED"]);
    assert.deepEqual(await publishedBy(() => health.endWatches()), ["Watch UNAVAILABLE"]);
    assert.deepEqual(await publishedBy(() => closeAll([left, kept])), []);
    assert.deepEqual(await publishedBy(() => watch("d").close()), ["Watch UNAVAILABLE"]);
  });
});
