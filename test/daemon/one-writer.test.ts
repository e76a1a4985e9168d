/** One writer per name: by hand, or by a check, a service, a target or a configuration. The second writer throws. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HealthError } from "../../src/core/health-error.js";
import { Health } from "../../src/daemon/health.js";
import { VirtualClock } from "../support/virtual-clock.js";

const NOTHING = { checks: [], services: [], isolation: undefined, allowLinkLocal: false } as const;

const all = (name: string, ...members: string[]) => ({ name, policy: { kind: "all" as const }, members });

/** Everything that a reader sees, and the transitions so far. */
function stateOf(health: Health, transitions: readonly unknown[]): unknown {
  return [[...health.list()], health.status(""), health.status("startup"), transitions.length];
}

/** Calls something that throws, and asserts that nothing has changed. */
function refuses(health: Health, call: () => unknown, message: RegExp): void {
  const transitions: unknown[] = [];
  const unsubscribe = health.onTransition((transition) => transitions.push(transition));
  const before = stateOf(health, transitions);
  assert.throws(call, (error) => {
    assert.ok(error instanceof HealthError, String(error));
    assert.equal(error.code, "DUPLICATE_NAME");
    assert.match(error.message, message);
    return true;
  });
  assert.deepEqual(stateOf(health, transitions), before);
  unsubscribe();
}

describe("a name that something else makes cannot be set or cleared by hand", () => {
  const health = new Health({ clock: new VirtualClock() });
  health.check("db", () => false, { services: ["acme.Orders"] });
  health.heartbeat("backup", { ttl: "1h" });
  health.declareServices([all("shop", "db")]);
  for (const [label, name, owner] of [
    ["a check", "db", /^service "db" is made by the check "db"; it cannot be (set|cleared) by hand$/],
    ["a heartbeat", "backup", /made by the check "backup"/],
    ["a service that a check names", "acme.Orders", /made by the option "services" of the check "db"/],
    ["a declared service", "shop", /made by the declared service "shop"/],
    ["the server as a whole beside checks", "", /^the server as a whole \(""\) is made by the checks and the declared/],
  ] as const)
    test(label, () => {
      for (const status of ["SERVING", "NOT_SERVING", "UNKNOWN"] as const)
        refuses(health, () => health.set(name, status), owner);
      refuses(health, () => health.clear(name), owner);
    });

  test("the server as a whole that is declared", () => {
    const other = new Health({ clock: new VirtualClock() });
    other.check("db", () => true);
    other.declareServices([all("", "db")]);
    refuses(other, () => other.set("", "SERVING"), /made by the declared service ""/);
  });

  test("the views, always", () => {
    for (const view of ["liveness", "readiness", "startup"])
      for (const call of [() => new Health().set(view, "SERVING"), () => new Health().clear(view)])
        assert.throws(call, { code: "INVALID_SERVICE_NAME", message: new RegExp(`reserved for the ${view} view`) });
  });

  test("while draining, too", () => {
    health.drain();
    refuses(health, () => health.set("db", "SERVING"), /made by the check "db"/);
    health.resume();
    assert.equal(health.status("db"), "UNKNOWN");
  });

  test("a service that the target of a check names", async () => {
    const clock = new VirtualClock();
    const busy = new Health({ clock });
    const discovered = new Map([["celery.worker/w1", { outcome: "pass" as const }]]);
    const prober = { probe: async () => ({ outcome: "pass" as const, discovered }), close: () => {} };
    busy.set("celery.worker/w2", "NOT_SERVING");
    busy.configure({ ...NOTHING, checks: [] });
    busy.configure({
      ...NOTHING,
      checks: [{ name: "flower", source: { kind: "prober", prober }, options: { jitter: 0 } }],
    });
    await clock.advance(0);
    assert.equal(busy.status("celery.worker/w1"), "SERVING");
    refuses(busy, () => busy.set("celery.worker/w1", "NOT_SERVING"), /made by the target of the check "flower"/);
    refuses(busy, () => busy.clear("celery.worker/w1"), /made by the target of the check "flower"/);
    discovered.set("celery.worker/w2", { outcome: "pass" });
    await clock.advance(10_000);
    assert.equal(busy.status("celery.worker/w2"), "NOT_SERVING", "the application has it");
    busy.clear("celery.worker/w2");
    await clock.advance(10_000);
    assert.equal(busy.status("celery.worker/w2"), "SERVING", "the target has it now");
    busy.removeCheck("flower");
    busy.set("celery.worker/w1", "UNKNOWN");
  });
});

describe("a name that was set by hand cannot be taken", () => {
  const health = new Health({ clock: new VirtualClock() });
  health.set("x", "SERVING");
  const byHand = /set this service by hand; clear it first/;
  const check = { name: "x", source: { kind: "function", call: () => true }, options: {} } as const;
  for (const [label, call] of [
    ["by a check", () => health.check("x", () => true)],
    ["by a heartbeat", () => health.heartbeat("x", { ttl: "1h" })],
    ["by the services of a check", () => health.check("y", () => true, { services: ["z", "x"] })],
    ["by a declared service", () => health.declareServices([all("x", "y")])],
    ["by a check of a configuration", () => health.configure({ ...NOTHING, checks: [check] })],
    [
      "by a service of a configuration",
      () => health.configure({ ...NOTHING, checks: [{ ...check, name: "y" }], services: [all("x", "y")] }),
    ],
  ] as const)
    test(label, () => refuses(health, call, byHand));

  test('by checks, for "": they make the server as a whole', () => {
    const whole = new Health({ clock: new VirtualClock() });
    whole.set("", "NOT_SERVING");
    const message = /the server as a whole \(""\) by hand; clear it first/;
    refuses(whole, () => whole.check("db", () => true), message);
    refuses(whole, () => whole.heartbeat("db", { ttl: "1h" }), message);
    refuses(whole, () => whole.declareServices([all("s", "db")]), message);
    refuses(whole, () => whole.declareServices([all("", "db")]), byHand);
    refuses(whole, () => whole.configure({ ...NOTHING, checks: [{ ...check, name: "db" }] }), message);
    whole.configure(NOTHING);
    assert.equal(whole.status(""), "NOT_SERVING", "a configuration without checks leaves it alone");
    whole.clear("");
    whole.check("db", () => true);
    assert.equal(whole.status(""), "UNKNOWN");
  });

  test("until it is cleared", () => {
    health.clear("x");
    health.check("x", () => true);
    assert.equal(health.status("x"), "UNKNOWN");
  });
});

test("a name that a removal or a reload has freed can be set by hand again", () => {
  const health = new Health({ clock: new VirtualClock() });
  const source = { kind: "function", call: () => true } as const;
  health.configure({
    ...NOTHING,
    checks: [{ name: "a", source, options: { services: ["s"] } }],
    services: [all("t", "a")],
  });
  health.configure({ ...NOTHING, checks: [{ name: "b", source, options: {} }] });
  for (const name of ["a", "s", "t"]) health.set(name, "SERVING");
  refuses(health, () => health.set("b", "SERVING"), /the check "b"/);
  health.removeCheck("b");
  for (const name of ["b", ""]) health.set(name, "NOT_SERVING");
  assert.deepEqual([...health.list().values()], ["SERVING", "SERVING", "SERVING", "NOT_SERVING", "NOT_SERVING"]);
});

test("a call that is refused for another mistake does not take the name", () => {
  const health = new Health({ clock: new VirtualClock() });
  // @ts-expect-error: as a caller without types would write it
  assert.throws(() => health.set("x", "OK"), { code: "INVALID_STATUS" });
  assert.throws(() => health.check("y", "ftp://h"), { code: "INVALID_TARGET" });
  health.set("y", "SERVING");
  health.check("x", () => true);
});
