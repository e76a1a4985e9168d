/**
 * A mirror of the registry against the registry itself: what crosses to the other thread is copied by structured clone, as a
 * message port does it, and is delivered late, in one order.
 */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { ChecksConfig } from "../../../src/checks/declarations.js";
import { Latest } from "../../../src/core/latest.js";
import type { ServingStatus, WatchStatus } from "../../../src/core/serving-status.js";
import type { StatusPatch } from "../../../src/daemon/thread/messages.js";
import { StatusFeed } from "../../../src/daemon/thread/status-feed.js";
import { StatusMirror } from "../../../src/daemon/thread/status-mirror.js";
import { Health, type HealthOptions } from "../../../src/index.js";
import type { StatusReader } from "../../../src/registry/ports.js";
import { SeededRandom } from "../../support/seeded-random.js";
import { settle, VirtualClock } from "../../support/virtual-clock.js";

/** A registry with a mirror. `deliver` applies what waits, at most `count` patches. */
function mirrored(t: TestContext, options: HealthOptions = {}) {
  const clock = new VirtualClock();
  const health = new Health({ clock, random: () => 0.5, ...options });
  const { registry, checks } = health.parts;
  const mirror = new StatusMirror({ clock, instance: "mirror" });
  const waiting: StatusPatch[] = [];
  let applied = 0;
  const feed = new StatusFeed({ clock, registry, checks, takeEvents: () => [] });
  const sink = {
    send: (patch: StatusPatch) => void waiting.push(structuredClone(patch)),
    get applied() {
      return applied;
    },
  };
  const apply = (patch: StatusPatch) => {
    mirror.apply(patch);
    applied = patch.sequence;
  };
  apply(structuredClone(feed.start(sink)));
  const deliver = (count = Number.POSITIVE_INFINITY) => {
    for (const patch of waiting.splice(0, count)) apply(patch);
  };
  t.after(async () => {
    feed.close();
    await health.shutdown();
  });
  return { clock, health, registry, mirror, feed, waiting, deliver };
}

/** All that a reader can see, without measurements of time. */
function seenOf(reader: StatusReader) {
  const names = ["", "readiness", "liveness", "startup", ...[...reader.services()].map(([name]) => name)];
  const statuses = [...new Set(names)].sort().map((name) => {
    const found = reader.read(name);
    return [name, found?.status, found?.degraded, found?.reason];
  });
  const checks = [...reader.checks()]
    .map(({ name, state, reason, services, reported, drained, counted }) => ({
      ...{ name, state, reason, counted, services: [...services].sort() },
      ...{ drained: drained ?? false, reported: reported ?? [] },
    }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  const listed = [...reader.services()].map(([name, { status }]) => `${name} ${status}`).sort();
  return { statuses, checks, listed, draining: reader.draining, drained: [...reader.drained].sort() };
}

/** The statuses that a Watch of a name is told, equal neighbours once. */
function watched(reader: StatusReader, name: string): readonly WatchStatus[] {
  const statuses: WatchStatus[] = [];
  const latest: Latest<WatchStatus> = new Latest(() => {
    const status = latest.take();
    if (status !== undefined && status !== statuses.at(-1)) statuses.push(status);
  });
  reader.watch(name, latest);
  return statuses;
}

function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  for (const item of whole) if (item === part[at]) at += 1;
  return at === part.length;
}

const STATUSES: readonly ServingStatus[] = ["UNKNOWN", "SERVING", "NOT_SERVING"];
const NAMES = ["a", "b", "c", "acme.Orders"];

/** One random write: by hand, by a check, by an operator. */
function randomWrite(health: Health, random: () => number): void {
  const pick = <Item>(items: readonly Item[]): Item => {
    const item = items[Math.floor(random() * items.length)];
    assert.ok(item !== undefined);
    return item;
  };
  const { registry, checks } = health.parts;
  const beat = `beat-${pick(NAMES)}`;
  const kind = random();
  if (kind < 0.45) health.set(pick(NAMES), pick(STATUSES), { degraded: random() < 0.3, reason: pick(["x", "y"]) });
  else if (kind < 0.55) health.clear(pick(NAMES));
  else if (kind < 0.62) health.drain();
  else if (kind < 0.72) health.resume();
  else if (kind < 0.8 && checks.running(beat) === undefined)
    health.heartbeat(beat, { ttl: "40s", services: ["work"], critical: random() < 0.7 });
  else if (kind < 0.82) health.removeCheck(beat);
  else if (kind < 0.85) checks.publisher.setDrained("work", random() < 0.5);
  else checks.running(beat)?.heartbeat?.beat(random() < 0.6 ? "pass" : "fail");
  assert.ok(registry.instance !== "");
}

describe("a mirror of the registry", () => {
  test("is told a part of the truth in its order, and ends with the same state, after random writes", async (t) => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const random = new SeededRandom(seed).next;
      const { clock, health, registry, mirror, deliver } = mirrored(t, { startsEmpty: seed % 4 === 0 });
      const names = ["", "liveness", "work", "unknown", ...NAMES, ...NAMES.map((name) => `beat-${name}`)];
      const truth = names.map((name) => watched(registry, name));
      const told = names.map((name) => watched(mirror, name));
      for (let step = 0; step < 150; step += 1) {
        randomWrite(health, random);
        if (random() < 0.3) deliver(Math.ceil(random() * 3));
        if (random() < 0.1) await clock.advance(random() * 20);
      }
      await clock.advance(10);
      deliver();
      await clock.advance(10);
      deliver();
      assert.deepEqual(seenOf(mirror), seenOf(registry), `seed ${seed}`);
      for (const [index, name] of names.entries()) {
        const [part, whole] = [told[index] ?? [], truth[index] ?? []];
        assert.ok(isSubsequence(part, whole), `seed ${seed}: ${name} was told ${part}, the truth was ${whole}`);
        assert.equal(part.at(-1), whole.at(-1), `seed ${seed}: ${name}`);
      }
    }
  });

  test("applies the age of what a fleet has decided, and not that of an own vote", async (t) => {
    const { clock, health, mirror, deliver } = mirrored(t);
    const votes: string[] = [];
    const keeper = {
      onChecks: () => {},
      cast: (_check: string, { state }: { state: string }) => void votes.push(state),
    };
    const voting = health.parts.checks.castVotes(keeper);
    health.check("c", () => true);
    voting.probe("c");
    await clock.advance(10);
    voting.decide("c", { state: "passing", reason: undefined, validUntil: clock.now() + 3_000 });
    deliver();
    assert.deepEqual([votes, mirror.read("c")?.status], [["passing"], "SERVING"]);
    clock.stall(2_999);
    assert.equal(mirror.read("c")?.status, "SERVING");
    clock.stall(1);
    const { status, reason } = mirror.read("c") ?? assert.fail();
    assert.deepEqual([status, reason, mirror.check("c")?.reason], ["UNKNOWN", "stale", "stale"]);
    voting.decide("c", { state: "failing", reason: "refused", validUntil: clock.now() + 60_000 });
    await clock.advance(30_000);
    deliver();
    assert.equal(mirror.read("c")?.status, "NOT_SERVING");
  });

  test("gets a status at once, and a burst of changes in a bounded number of patches", async (t) => {
    const { clock, health, mirror, waiting, deliver } = mirrored(t);
    health.set("a", "SERVING");
    assert.equal(waiting.length, 1, "before the turn of the event loop ends");
    for (let count = 0; count < 10_000; count += 1)
      health.set(`s${count % 100}`, count % 2 === 0 ? "SERVING" : "NOT_SERVING");
    assert.ok(waiting.length <= 64, `${waiting.length} patches wait`);
    deliver();
    await clock.advance(5);
    deliver();
    assert.deepEqual([mirror.read("s98")?.status, mirror.read("s99")?.status], ["SERVING", "NOT_SERVING"]);
  });

  test("keeps its version when only an event or the age of a result has come: a rendered page stays valid", async (t) => {
    const { clock, health, mirror, feed, waiting, deliver } = mirrored(t);
    const beat = health.heartbeat("job", { ttl: "200s", staleAfter: "30s" });
    beat();
    await clock.advance(10);
    deliver();
    const versions = () => [mirror.version, mirror.statusVersion];
    const before = versions();
    feed.noteEvent();
    await clock.advance(10);
    const age = health.parts.checks.deps.freshness.track({ check: "other", of: "state" }, () => {});
    age.renew(clock.now() + 60_000);
    await clock.advance(10);
    assert.ok(waiting.length >= 2, `${waiting.length} patches`);
    deliver();
    assert.deepEqual(versions(), before);
    beat();
    await clock.advance(10);
    deliver();
    assert.deepEqual(versions(), [(before[0] ?? 0) + 1, before[1]], "a measurement is seen, and is no status");
    await clock.advance(31_000);
    const stale = versions();
    assert.ok(stale.every((version, index) => version > (before[index] ?? 0)));
    beat();
    await clock.advance(10);
    deliver();
    assert.ok(
      versions().every((version, index) => version > (stale[index] ?? 0)),
      "a result after the stale one",
    );
  });

  test("gets what a listener of transitions writes, although that listener blocks afterwards", async (t) => {
    const { health, mirror, deliver } = mirrored(t);
    const seen: (string | undefined)[] = [];
    health.onTransition(({ name }) => {
      if (name !== "a") return;
      health.set("b", "SERVING");
      deliver(); // what the other thread has from now on, if this listener blocks
      seen.push(mirror.read("a")?.status, mirror.read("b")?.status);
    });
    health.set("a", "SERVING");
    assert.deepEqual(seen, ["SERVING", "SERVING"]);
  });

  test("says that all is NOT_SERVING without a sign of life, and the newest statuses afterwards", async (t) => {
    const { clock, health, mirror, deliver } = mirrored(t);
    health.set("a", "SERVING", { degraded: true });
    deliver();
    const told = watched(mirror, "a");
    const view = watched(mirror, "liveness");
    const version = mirror.statusVersion;
    mirror.setStalled(12_000);
    assert.notEqual(mirror.statusVersion, version, "a rendered page is not used again");
    for (const name of ["a", "", "readiness", "liveness", "startup"])
      assert.deepEqual(
        { ...mirror.read(name), since: 0 },
        { status: "NOT_SERVING", degraded: false, reason: "stalled", since: 0 },
      );
    assert.equal(mirror.read("unknown"), undefined);
    health.set("b", "SERVING");
    health.clear("a");
    deliver();
    assert.equal(mirror.read("b")?.status, "NOT_SERVING", "also what is new");
    mirror.setStalled(undefined);
    assert.equal(mirror.read("b")?.status, "SERVING");
    assert.equal(mirror.read("a"), undefined);
    assert.deepEqual(told, ["SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"]);
    assert.deepEqual(view, ["SERVING", "NOT_SERVING", "SERVING"]);
    await clock.advance(1);
  });
});

describe("a mirror whose main thread stands still", () => {
  test("makes results stale when the registry itself would, with the same policies", async (t) => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const random = new SeededRandom(seed).next;
      const { clock, health, registry, mirror, deliver } = mirrored(t, { startsReady: seed % 3 !== 0 });
      const members = ["m0", "m1", "m2", "m3", "m4", "m5"];
      const policies = [{ kind: "all" }, { kind: "any" }, { kind: "quorum", count: 2 }] as const;
      const beats = members.map((name) =>
        health.heartbeat(name, {
          ttl: "200s",
          staleAfter: `${30 + Math.floor(random() * 60)}s`,
          critical: random() < 0.7,
          ...(random() < 0.3 ? { services: ["named"] } : {}),
        }),
      );
      if (random() < 0.7)
        health.declareServices([
          ...policies.map((policy, index) => ({
            name: `policy-${index}`,
            policy,
            members: [...new Set(["m0", members[index + 1] ?? "m1", ...members.filter(() => random() < 0.5)])],
          })),
          { name: "nested", policy: { kind: "any" }, members: ["policy-0", "policy-2"] },
        ]);
      for (const beat of beats) if (random() < 0.9) beat(random() < 0.8 ? "pass" : "fail");
      await clock.advance(10);
      for (const beat of beats) if (random() < 0.5) beat("pass");
      if (random() < 0.2) health.parts.checks.publisher.setDrained("m1", true);
      await clock.advance(10);
      deliver();
      const names = ["", "named", "nested", "policy-0", "policy-1", "policy-2", ...members];
      const truth = names.map((name) => watched(registry, name));
      const told = names.map((name) => watched(mirror, name));
      for (let second = 0; second < 100; second += 1) {
        await clock.advance(1_000); // the registry goes on; nothing is delivered to the mirror
        assert.deepEqual(seenOf(mirror), seenOf(registry), `seed ${seed}, after ${second + 1} s`);
      }
      await settle();
      assert.deepEqual(told, truth, `seed ${seed}`);
    }
  });

  test("takes a result that comes after the stall as fresh", async (t) => {
    const { clock, health, mirror, deliver } = mirrored(t);
    const beat = health.heartbeat("job", { ttl: "200s", staleAfter: "30s" });
    beat();
    await clock.advance(10);
    deliver();
    assert.equal(mirror.read("job")?.status, "SERVING");
    await clock.advance(31_000);
    assert.deepEqual([mirror.read("job")?.status, mirror.read("job")?.reason], ["UNKNOWN", "stale"]);
    deliver();
    beat();
    await clock.advance(10);
    deliver();
    assert.equal(mirror.read("job")?.status, "SERVING");
    assert.equal(mirror.check("job")?.state, "passing");
  });

  test("knows the fleet as the main thread does, and nothing old of it while that is blocked", (t) => {
    const { registry, mirror, waiting, deliver } = mirrored(t);
    assert.equal(mirror.fleet, undefined);
    const state = (detached: boolean) => ({ name: "prod", detached, members: [], more: 0 });
    const version = mirror.statusVersion;
    registry.setFleet(state(true));
    assert.equal(waiting.length, 1, "it is sent at once: this thread may be blocked from then on");
    deliver();
    assert.deepEqual(mirror.fleet, state(true));
    assert.ok(mirror.statusVersion > version, "no answer from before is used again");
    registry.set("a", "SERVING");
    deliver();
    assert.deepEqual(mirror.fleet, state(true), "a patch without it changes nothing of it");
    mirror.setStalled(12_000);
    assert.equal(mirror.fleet, undefined);
    mirror.setStalled(undefined);
    registry.setFleet(state(false));
    deliver();
    assert.deepEqual(mirror.fleet, state(false));
  });

  test("follows a reload that makes staleAfter longer or shorter", async (t) => {
    for (const [before, after, status] of [
      ["30s", "80s", "SERVING"],
      ["80s", "30s", "UNKNOWN"],
    ] as const) {
      const { clock, health, mirror, deliver } = mirrored(t);
      const config = (staleAfter: string): ChecksConfig => ({
        checks: [
          { name: "job", source: { kind: "heartbeat", ttl: "200s", token: undefined }, options: { staleAfter } },
        ],
        services: [],
        isolation: undefined,
        allowLinkLocal: false,
      });
      health.configure(config(before));
      health.parts.checks.running("job")?.heartbeat?.beat("pass");
      await clock.advance(10);
      health.configure(config(after));
      await clock.advance(10);
      deliver();
      await clock.advance(50_000);
      assert.equal(mirror.read("job")?.status, status, `${before} to ${after}`);
    }
  });
});
