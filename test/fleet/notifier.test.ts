/** Which member tells the outside, and what they share. What webhooks make of it is in `hooks/fleet-webhook.test`. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Notifier } from "../../src/fleet/notifier.js";
import { SharedTold } from "../../src/hooks/shared-told.js";
import { MemoryStore } from "../support/fleet-memory-store.js";
import { LeaseChoice } from "../support/lease-choice.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";

const LEASE_MS = 5_000;

class Site {
  readonly clock = new VirtualClock();
  readonly store = new MemoryStore(this.clock);

  member(run: string, { secret }: { readonly secret: string | undefined } = { secret: "secret" }) {
    const connection = this.store.connect();
    const state = { isDetached: false, isLeaving: false };
    const times = { clock: this.clock, store: connection, run, beatMs: 1_000, leaseMs: LEASE_MS };
    const isLeaving = () => state.isLeaving;
    const choice = new LeaseChoice({ ...times, isLeaving });
    const notifier = new Notifier({
      ...{ ...times, fleet: "prod", secret, choice, published: async () => {} },
      ...{ isDetached: () => state.isDetached, isLeaving },
    });
    return { notifier, choice, connection, state, sends: () => notifier.sends };
  }

  async seconds(count: number): Promise<void> {
    await this.clock.advance(count * 1_000);
  }
}

/** Two members: `a` has the lease. */
async function two() {
  const site = new Site();
  const a = site.member("run-a");
  await site.seconds(0);
  const b = site.member("run-b");
  await site.seconds(1);
  assert.deepEqual([a.sends(), b.sends()], [true, false]);
  return { site, a, b };
}

describe("one member sends", () => {
  it("as soon as it has the lease, and as long as it has it", async () => {
    const { site, a, b } = await two();
    assert.equal(a.notifier.leaseMs, LEASE_MS);
    for (let second = 0; second < 30; second += 1) {
      await site.seconds(1);
      assert.deepEqual([a.sends(), b.sends()], [true, false]);
    }
  });

  it("until the lease that it could not prolong has ended, and the other one not before that", async () => {
    const { site, a, b } = await two();
    a.connection.faults.isAway = true;
    await site.clock.advance(4_999);
    assert.deepEqual([a.sends(), b.sends()], [true, false]);
    await site.clock.advance(1);
    assert.deepEqual([a.sends(), b.sends()], [false, true]);
  });

  it("and stops at once when another one has the lease, because the store has lost it", async () => {
    const { site, a, b } = await two();
    site.store.leases.set("notifier", { run: "run-b", until: site.clock.now() + LEASE_MS });
    await site.seconds(1);
    assert.deepEqual([a.sends(), b.sends()], [false, true]);
  });

  it("and not one that leaves: it does not ask, and the other one takes the lease when it ends", async () => {
    const { site, a, b } = await two();
    a.state.isLeaving = true;
    assert.deepEqual([a.sends(), b.sends()], [false, false]);
    await site.seconds(5);
    assert.deepEqual([a.sends(), b.sends()], [false, true]);
    a.state.isLeaving = false;
    await site.seconds(10);
    assert.deepEqual([a.sends(), b.sends()], [false, true]);
  });

  it("with a lease that counts from before the call, so that two never send", async () => {
    const { site, a } = await two();
    site.store.faults.delayMs = 800;
    await site.seconds(2);
    a.connection.faults.isAway = true;
    let endedAt = 0;
    while (endedAt === 0) {
      await site.clock.advance(10);
      if (!a.sends()) endedAt = site.clock.now();
    }
    const held = site.store.leases.get("notifier");
    assert.ok(held !== undefined && held.run === "run-a" && endedAt <= held.until, `${endedAt} ${held?.until}`);
  });
});

describe("while the store is away", () => {
  it("the member that was sending goes on, and every other one sends after two leases", async () => {
    const { site, a, b } = await two();
    site.store.faults.isAway = true;
    await site.seconds(5);
    for (const { state } of [a, b]) state.isDetached = true;
    assert.equal(a.notifier.isDetached, true);
    await site.seconds(1);
    assert.deepEqual([a.sends(), b.sends()], [true, false]);
    await site.seconds(9);
    assert.deepEqual([a.sends(), b.sends()], [true, false]);
    await site.seconds(1);
    assert.deepEqual([a.sends(), b.sends()], [true, true]);
  });

  it("none of them sends before it knows that the store is away", async () => {
    const { site, a, b } = await two();
    site.store.faults.isAway = true;
    await site.seconds(60);
    assert.deepEqual([a.sends(), b.sends()], [false, false]);
    b.state.isDetached = true;
    assert.equal(b.sends(), false, "two leases count from then on");
    await site.seconds(11);
    assert.equal(b.sends(), true);
  });

  it("no other one sends that hears of a member that does: the store refuses its votes alone", async () => {
    const { site, a, b } = await two();
    b.state.isDetached = true;
    await site.seconds(30);
    assert.deepEqual([a.sends(), b.sends()], [true, false]);
    a.connection.faults.isAway = true;
    b.connection.faults.isAway = true;
    await site.seconds(5);
    assert.equal(b.sends(), true, "it hears of none for a lease");
  });

  it("the member whose lease had ended long before does not go on", async () => {
    const { site, a } = await two();
    a.state.isLeaving = true;
    await site.seconds(30);
    Object.assign(a.state, { isLeaving: false, isDetached: true });
    site.store.faults.isAway = true;
    await site.seconds(1);
    assert.equal(a.sends(), false);
  });

  it("and is back, the lease decides again, and the time begins anew with the next loss", async () => {
    const { site, a, b } = await two();
    for (let loss = 0; loss < 2; loss += 1) {
      site.store.faults.isAway = true;
      await site.seconds(5);
      for (const { state } of [a, b]) state.isDetached = true;
      await site.seconds(8);
      assert.equal(b.sends(), false);
      site.store.faults.isAway = false;
      for (const { state } of [a, b]) state.isDetached = false;
      await site.seconds(2);
      assert.equal(Number(a.sends()) + Number(b.sends()), 1);
      site.store.leases.set("notifier", { run: "run-a", until: site.clock.now() + LEASE_MS });
      await site.seconds(2);
      assert.deepEqual([a.sends(), b.sends()], [true, false]);
    }
  });

  it("no member sends that leaves or is closed", async () => {
    const { site, a, b } = await two();
    site.store.faults.isAway = true;
    for (const { state } of [a, b]) state.isDetached = true;
    await site.seconds(30);
    a.state.isLeaving = true;
    b.notifier.close();
    assert.deepEqual([a.sends(), b.sends()], [false, false]);
  });
});

describe("a listener", () => {
  it("is called after each beat, until it unsubscribes", async () => {
    const site = new Site();
    const { notifier } = site.member("run-a");
    const times: number[] = [];
    const unsubscribe = notifier.onBeat(() => times.push(site.clock.now()));
    await site.seconds(2);
    unsubscribe();
    await site.seconds(2);
    assert.deepEqual(times, [0, 1_000, 2_000]);
  });

  it("is called at a fixed rate, however late the store answers", async () => {
    const site = new Site();
    const { notifier } = site.member("run-a");
    const times: number[] = [];
    notifier.onBeat(() => times.push(site.clock.now()));
    site.store.faults.delayMs = 1_500;
    await site.seconds(3.5);
    assert.deepEqual(times, [0, 1_000, 2_000, 3_000]);
  });

  it("makes its member willing, as long as it does not leave and is not closed", async () => {
    const site = new Site();
    const { notifier, choice, state } = site.member("run-a");
    await site.seconds(1);
    assert.equal(choice.isWilling, false, "it has no webhooks");
    const unsubscribe = notifier.onBeat(() => {});
    await site.seconds(1);
    assert.equal(choice.isWilling, true);
    state.isLeaving = true;
    await site.seconds(1);
    assert.equal(choice.isWilling, false);
    state.isLeaving = false;
    await site.seconds(1);
    assert.equal(choice.isWilling, true);
    unsubscribe();
    await site.seconds(1);
    assert.equal(choice.isWilling, false);
    notifier.onBeat(() => {});
    await site.seconds(1);
    notifier.close();
    assert.equal(choice.isWilling, false);
  });

  it("is not called by a member that is closed", async () => {
    const site = new Site();
    const { notifier } = site.member("run-a");
    let calls = 0;
    notifier.onBeat(() => {
      calls += 1;
    });
    await site.seconds(0.05);
    notifier.close();
    await site.seconds(10);
    assert.equal(calls, 1);
  });
});

describe("a text that all members share", () => {
  it("is the one that was saved last, at each member", async () => {
    const site = new Site();
    const [a, b] = [site.member("run-a"), site.member("run-b")];
    assert.equal(await a.notifier.load("told"), undefined);
    for (const text of ["one", "", "two\nlines"]) {
      await a.notifier.save("told", text);
      assert.equal(await b.notifier.load("told"), text);
    }
    assert.equal(await b.notifier.load("other"), undefined);
  });

  it("is not one of another name, secret or form", async () => {
    const site = new Site();
    const { notifier } = site.member("run-a");
    await notifier.save("told", "text");
    const sealed = site.store.texts.get("told") ?? assert.fail();
    const forged = [
      ["other", sealed],
      ["told", sealed.replace("text", "Text")],
      ["told", ` ${sealed}`],
      ["told", "text"],
      ["told", `${"A".repeat(43)} text`],
    ] as const;
    for (const [name, text] of forged) {
      site.store.texts.set(name, text);
      assert.equal(await notifier.load(name), undefined);
    }
    await site.member("run-b", { secret: "a guess" }).notifier.save("told", "text");
    assert.equal(await notifier.load("told"), undefined);
    await site.member("run-c", { secret: undefined }).notifier.save("told", "text");
    assert.equal(await notifier.load("told"), undefined);
    assert.equal(await site.member("run-d", { secret: "" }).notifier.load("told"), "text", "no secret is an empty one");
  });

  it("may have 64 MiB: a longer one is not written, and the one before stays; nor is it read", async () => {
    const site = new Site();
    const { notifier } = site.member("run-a");
    const room = 67_108_864 - 44;
    await notifier.save("told", "x".repeat(room));
    assert.equal((await notifier.load("told"))?.length, room);
    await assert.rejects(notifier.save("told", "x".repeat(room + 1)), { code: "protocol" });
    assert.equal((await notifier.load("told"))?.length, room);
    site.store.texts.set("told", `${site.store.texts.get("told")}x`);
    assert.equal(await notifier.load("told"), undefined);
  });

  it("has room for the outages of 100,000 services", async () => {
    const site = new Site();
    const [a, b] = [site.member("run-a"), site.member("run-b")];
    const told = new SharedTold("ops", async () => {});
    const outage = (index: number) => {
      const check = `name-of-a-service-${index}`;
      const times = { at: 1_790_000_000_000, since: 1_790_000_000_000 };
      const causes = [{ check, reason: "refused" }];
      const value = { id: "0".repeat(32), service: check, status: "NOT_SERVING", ...times, reason: "refused", causes };
      return { type: "webhook-told", key: `ops ${check}`, value };
    };
    await told.commit(Array.from({ length: 100_000 }, (_, index) => outage(index)));
    await a.notifier.save("told", told.text);
    const other = new SharedTold("ops", async () => {});
    assert.equal(other.merge((await b.notifier.load("told")) ?? "", true), true);
    assert.equal(other.entries("webhook-told").length, 100_000);
  });

  it("that cannot be read or saved is an error of the store", async () => {
    const site = new Site();
    const { notifier } = site.member("run-a");
    site.store.faults.isAway = true;
    await assert.rejects(notifier.load("told"), { code: "unreachable" });
    await assert.rejects(notifier.save("told", ""), { code: "unreachable" });
  });
});

it("a member may do once what no other one has claimed, and nothing while the store is away", async () => {
  const site = new Site();
  const [a, b] = [site.member("run-a"), site.member("run-b")];
  assert.deepEqual([await a.notifier.claim("restart", 1_000), await b.notifier.claim("restart", 1_000)], [true, false]);
  assert.equal(await b.notifier.claim("other", 1_000), true);
  await site.seconds(1);
  assert.equal(await b.notifier.claim("restart", 1_000), true);
  site.store.faults.isAway = true;
  assert.equal(await b.notifier.claim("restart", 1_000), false);
  await settle();
});
