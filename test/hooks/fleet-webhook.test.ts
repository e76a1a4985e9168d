/** The webhook of a fleet: three members, one store with faults, one receiver, on a virtual clock. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Notifier } from "../../src/fleet/notifier.js";
import { FleetWebhook } from "../../src/hooks/fleet-webhook.js";
import type { Observation } from "../../src/hooks/notification-state.js";
import { SharedTold } from "../../src/hooks/shared-told.js";
import type { SendResult } from "../../src/hooks/webhook-client.js";
import type { Message } from "../../src/hooks/webhook-message.js";
import { readWebhook } from "../../src/hooks/webhook-settings.js";
import type { MemoryConnection } from "../support/fleet-memory-store.js";
import { MemoryStore } from "../support/fleet-memory-store.js";
import { LeaseChoice } from "../support/lease-choice.js";
import { VirtualClock } from "../support/virtual-clock.js";

const LEASE_MS = 5_000;
const DELIVERED: SendResult = { kind: "delivered" };

interface Request {
  readonly member: string;
  readonly id: string;
  readonly changes: readonly string[];
}

class Site {
  readonly clock = new VirtualClock();
  readonly store = new MemoryStore(this.clock);
  readonly requests: Request[] = [];
  answer: (request: Request) => SendResult | Promise<SendResult> = () => DELIVERED;
  readonly members = ["a", "b", "c"].map((name) => new Member(this, name));

  /** All members see a status, with ids of their own. */
  set(service: string, status: Observation["status"]): void {
    for (const member of this.members) member.set(service, status);
  }

  async seconds(count: number): Promise<void> {
    await this.clock.advance(count * 1_000);
  }

  get ids(): readonly string[] {
    return this.requests.map(({ id }) => id);
  }

  get changes(): readonly string[] {
    return this.requests.flatMap(({ member, changes }) => changes.map((change) => `${member}: ${change}`));
  }
}

class Member {
  readonly services = new Map<string, Observation>();
  readonly connection: MemoryConnection;
  readonly notifier: Notifier;
  readonly webhook: FleetWebhook;
  isDetached = false;
  /** The own votes are in the store. */
  published: Promise<void> = Promise.resolve();
  isLeaving = false;
  isDead = false;
  #sequence = 0;
  readonly #name: string;
  readonly #site: Site;

  constructor(site: Site, name: string) {
    this.#site = site;
    this.#name = name;
    this.connection = site.store.connect();
    const { clock } = site;
    const { connection } = this;
    const times = { clock, store: connection, run: name, beatMs: 1_000, leaseMs: LEASE_MS };
    const isLeaving = () => this.isLeaving;
    this.notifier = new Notifier({
      ...{ ...times, fleet: "prod", secret: "secret", isLeaving, choice: new LeaseChoice({ ...times, isLeaving }) },
      isDetached: () => this.isDetached,
      published: () => this.published,
    });
    const settings = readWebhook("ops", { url: "http://127.0.0.1:1", delay: 0, groupWait: 0 }, false);
    const sender = { send: (message: Message) => this.#send(message), close: () => {} };
    const view = {
      isSilent: () => false,
      explain: () => ({ reason: undefined, causes: [], severity: "critical" as const }),
    };
    this.webhook = new FleetWebhook(
      settings,
      { instance: "test", clock, random: () => 1, view, sender: () => sender },
      this.notifier,
    );
    this.webhook.follow(() => true, this.services);
  }

  set(service: string, status: Observation["status"]): void {
    this.#sequence += 1;
    const observation = { status, id: `${this.#name}-${this.#sequence}`, at: 0 };
    this.services.set(service, observation);
    this.webhook.observe(service, observation);
  }

  /** As kill -9 does: nothing is sent, written or asked any more. */
  kill(): void {
    this.isDead = true;
    this.connection.faults.isSilent = true;
    this.notifier.close();
  }

  async #send({ id, changes }: Message): Promise<SendResult> {
    if (this.isDead) return new Promise(() => {});
    const request = { member: this.#name, id, changes: changes.map(({ service, status }) => `${service} ${status}`) };
    this.#site.requests.push(request);
    return this.#site.answer(request);
  }
}

async function site(): Promise<Site> {
  const made = new Site();
  await made.seconds(3);
  made.set("s", "SERVING");
  return made;
}

function only(made: Site): readonly [Member, Member, Member] {
  const [a, b, c] = made.members;
  if (a === undefined || b === undefined || c === undefined) throw new Error("there are three");
  return [a, b, c];
}

test("of three members, one sends each change, once", async () => {
  const made = await site();
  for (const status of ["NOT_SERVING", "SERVING", "NOT_SERVING"] as const) {
    made.set("s", status);
    await made.seconds(10);
  }
  assert.deepEqual(made.changes, ["a: s NOT_SERVING", "a: s SERVING", "a: s NOT_SERVING"]);
  assert.equal(new Set(made.ids).size, 3);
});

for (const killed of ["before the answer", "after the answer", "while it retries"])
  test(`a notifier that is killed ${killed}: the change is delivered, with the same key [F25]`, async () => {
    const made = await site();
    const [a] = only(made);
    made.answer = ({ member }) => {
      if (member !== "a") return DELIVERED;
      if (killed !== "while it retries") a.kill();
      if (killed === "before the answer") return new Promise(() => {});
      return killed === "after the answer" ? DELIVERED : { kind: "retry", detail: "500", retryAfterMs: undefined };
    };
    made.set("s", "NOT_SERVING");
    await made.seconds(1);
    a.kill();
    await made.seconds(10);
    const others = made.requests.filter(({ member }) => member !== "a");
    assert.deepEqual(
      others.map(({ changes }) => changes),
      [["s NOT_SERVING"]],
    );
    assert.equal(new Set(made.ids).size, 1);
    made.set("s", "SERVING");
    await made.seconds(10);
    assert.equal(made.changes.filter((change) => change.endsWith("s SERVING")).length, 1);
  });

test("nothing is told or noted before the votes from which it follows are in the store, so a kill before that leaves no trace", async () => {
  for (const isKilled of [true, false]) {
    const made = await site();
    const [a, b, c] = only(made);
    let publish = () => {};
    a.published = new Promise((resolve) => {
      publish = resolve;
    });
    a.set("s", "NOT_SERVING");
    await made.seconds(3);
    assert.deepEqual(
      [made.requests, [...made.store.texts.values()].some((text) => text.includes("NOT_SERVING"))],
      [[], false],
    );
    if (isKilled) a.kill();
    publish();
    if (!isKilled) for (const member of [b, c]) member.set("s", "NOT_SERVING");
    await made.seconds(20);
    assert.deepEqual(made.changes, isKilled ? [] : ["a: s NOT_SERVING"]);
  }
});

test("an outage that ends while the notifier changes is told, with its end", async () => {
  const made = await site();
  const [a] = only(made);
  made.answer = ({ member }) => {
    if (member === "a") a.kill();
    return member === "a" ? new Promise(() => {}) : DELIVERED;
  };
  made.set("s", "NOT_SERVING");
  await made.seconds(1);
  made.set("s", "SERVING");
  await made.seconds(10);
  const told = made.requests.filter(({ member }) => member !== "a").flatMap(({ changes }) => changes);
  assert.deepEqual(told, ["s NOT_SERVING", "s SERVING"]);
});

test("a member that leaves sends no more, and another one goes on within two leases", async () => {
  const made = await site();
  const [a] = only(made);
  made.set("s", "NOT_SERVING");
  await made.seconds(2);
  a.isLeaving = true;
  await made.seconds(2 * (LEASE_MS / 1_000));
  made.set("s", "SERVING");
  await made.seconds(2);
  assert.equal(made.changes.length, 2);
  assert.match(made.changes[1] ?? "", /^[bc]: s SERVING/);
});

test("a store that loses everything gets what was told again, and nothing is told twice [F11]", async () => {
  const made = await site();
  made.set("s", "NOT_SERVING");
  await made.seconds(3);
  made.store.flush();
  await made.seconds(LEASE_MS / 1_000 + 2);
  assert.match(made.store.texts.get("told:ops") ?? "", /NOT_SERVING/);
  const [a] = only(made);
  a.kill();
  await made.seconds(10);
  assert.equal(made.requests.length, 1);
  made.set("s", "SERVING");
  await made.seconds(10);
  assert.equal(made.requests.length, 2);
});

test("all members detached: the change is told, with one key; later changes have other keys [F8]", async () => {
  const made = await site();
  made.set("t", "NOT_SERVING");
  await made.seconds(LEASE_MS / 1_000 + 1);
  made.store.faults.isAway = true;
  await made.seconds(LEASE_MS / 1_000);
  for (const member of made.members) member.isDetached = true;
  made.set("s", "NOT_SERVING");
  await made.seconds(3);
  assert.deepEqual(made.changes, ["a: t NOT_SERVING", "a: s NOT_SERVING"], "the notifier goes on");
  await made.seconds(3 * (LEASE_MS / 1_000));
  assert.equal(made.requests.length, 4);
  assert.equal(new Set(made.ids).size, 2);
  made.set("s", "SERVING");
  await made.seconds(3);
  made.store.faults.isAway = false;
  for (const member of made.members) member.isDetached = false;
  await made.seconds(4 * (LEASE_MS / 1_000));
  const before = new Set(made.ids);
  assert.equal(before.size, 3);
  const count = made.requests.length;
  made.set("s", "NOT_SERVING");
  await made.seconds(10);
  assert.equal(made.requests.length, count + 1, "one sends again");
  assert.ok(!before.has(made.ids.at(-1) ?? ""), "an id is never that of another change");
});

test("a member that is cut off alone tells with the keys of the others [F14]", async () => {
  const made = await site();
  const [, , c] = only(made);
  await made.seconds(LEASE_MS / 1_000);
  c.connection.faults.isAway = true;
  c.isDetached = true;
  await made.seconds(3 * (LEASE_MS / 1_000));
  made.set("s", "NOT_SERVING");
  await made.seconds(3);
  assert.deepEqual([...made.changes].sort(), ["a: s NOT_SERVING", "c: s NOT_SERVING"]);
  assert.equal(new Set(made.ids).size, 1);
});

test("a store that is away for less than a lease loses no change [F7]", async () => {
  const made = await site();
  made.store.faults.isAway = true;
  made.set("s", "NOT_SERVING");
  await made.seconds(3);
  made.store.faults.isAway = false;
  await made.seconds(10);
  assert.deepEqual(made.changes, ["a: s NOT_SERVING"]);
});

test("a notifier that cannot ask for a lease sends no more, until it knows that the store is gone", async () => {
  const made = await site();
  const [a] = only(made);
  made.answer = ({ member }) => (member === "a" ? { kind: "retry", detail: "500", retryAfterMs: 1_000 } : DELIVERED);
  made.set("s", "NOT_SERVING");
  await made.seconds(1);
  a.connection.faults.isSilent = true;
  await made.seconds(LEASE_MS / 1_000);
  const count = made.requests.length;
  await made.seconds(30);
  const later = made.requests.slice(count);
  assert.deepEqual(
    later.filter(({ member }) => member === "a"),
    [],
  );
  assert.deepEqual(
    made.requests.filter(({ member }) => member !== "a").map(({ changes }) => changes),
    [["s NOT_SERVING"]],
  );
  assert.equal(new Set(made.ids).size, 1);
});

test("a forged text is ignored [F26]", async () => {
  const made = await site();
  await made.seconds(1);
  const outage = { id: "i", service: "s", status: "NOT_SERVING", at: 1, since: 1, causes: [], severity: "critical" };
  const forged = JSON.stringify({ epoch: "0", floor: 0, told: [["s", 99, outage]], messages: [] });
  for (let beat = 0; beat < 2 * LEASE_MS; beat += 500) {
    made.store.texts.set("told:ops", `${"A".repeat(43)} ${forged}`);
    await made.seconds(0.5);
  }
  made.set("s", "SERVING");
  made.set("s", "NOT_SERVING");
  await made.seconds(3);
  assert.deepEqual(made.changes, ["a: s NOT_SERVING"]);
});

test("of texts of two members, the later change of each service counts, in any order", async () => {
  const told = (...services: readonly string[]) => {
    const shared = new SharedTold("ops", async () => {});
    for (const service of services) {
      const change = { id: "i", service, status: "NOT_SERVING", at: 1, since: 1, causes: [], severity: "critical" };
      void shared.commit([{ type: "webhook-told", key: `ops ${service}`, value: change }]);
    }
    return shared;
  };
  const [one, other] = [told("a", "b"), told("b", "b", "c")];
  const [textOne, textOther] = [one.text, other.text];
  one.merge(textOther, false);
  other.merge(textOne, false);
  // the first text gives the epoch of a copy that is new
  one.merge(other.text, false);
  other.merge(one.text, false);
  assert.equal(one.text, other.text);
  assert.deepEqual(
    one
      .entries("webhook-told")
      .map(([key]) => key)
      .sort(),
    ["ops a", "ops b", "ops c"],
  );
});
