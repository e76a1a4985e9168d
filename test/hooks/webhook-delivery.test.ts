/** The queue of a webhook: order, retries, what waits in the journal, and what happens when too much waits. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Published, subscribe } from "../../src/core/channels.js";
import { systemClock } from "../../src/core/clock.js";
import type { SendResult } from "../../src/hooks/webhook-client.js";
import { WebhookDelivery } from "../../src/hooks/webhook-delivery.js";
import type { Message, ToldChange } from "../../src/hooks/webhook-message.js";
import { dropOthers, WebhookStore } from "../../src/hooks/webhook-store.js";
import { Journal } from "../../src/telemetry/journal.js";
import { VirtualClock } from "../support/virtual-clock.js";

const directory = mkdtempSync(join(tmpdir(), "healthbridge-webhook-"));
after(() => rmSync(directory, { recursive: true }));

const change = (id: string, service = id, status: ToldChange["status"] = "NOT_SERVING"): ToldChange => ({
  ...{ id, service, status, at: 0, since: 0, reason: "timeout", causes: [], severity: "critical" },
});

const message = (id: string, ...changes: readonly ToldChange[]): Message => ({
  ...{ id, kind: "change", at: 0, changes: changes.length === 0 ? [change(id)] : changes, omitted: 0 },
});

const RETRY: SendResult = { kind: "retry", detail: "HTTP status 500", retryAfterMs: undefined };
const DELIVERED: SendResult = { kind: "delivered" };

/** A receiver whose answers a test decides, with a delivery to it on a virtual clock. */
class Receiver {
  readonly clock = new VirtualClock();
  /** The id of each request, and its time. */
  readonly sent: (readonly [id: string, at: number])[] = [];
  answer: (id: string) => SendResult | Promise<SendResult> = () => DELIVERED;
  onClose: () => void = () => {};
  readonly delivery: WebhookDelivery;
  readonly messages: Message[] = [];

  constructor(journal?: Journal) {
    const sender = {
      send: async (sending: Message) => {
        this.sent.push([sending.id, this.clock.now()]);
        this.messages.push(sending);
        return this.answer(sending.id);
      },
      close: () => this.onClose(),
    };
    const store = new WebhookStore(journal, "ops");
    const deps = { webhook: "ops", instance: "delivery-test", clock: this.clock, random: () => 1, store };
    this.delivery = new WebhookDelivery(sender, deps);
  }

  get ids(): readonly string[] {
    return this.sent.map(([id]) => id);
  }
}

test("messages are sent in order, one at a time, and a failing one is sent again before the next", async () => {
  const receiver = new Receiver();
  let failures = 3;
  receiver.answer = () => {
    failures -= 1;
    return failures >= 0 ? RETRY : DELIVERED;
  };
  for (const id of ["1", "2"]) receiver.delivery.push(message(id), []);
  await receiver.clock.advance(60_000);
  assert.deepEqual(receiver.sent, [
    ["1", 0],
    ["1", 1_000],
    ["1", 3_000],
    ["1", 7_000],
    ["2", 7_000],
  ]);
});

test("the pauses grow to 5 minutes and no further", async () => {
  const receiver = new Receiver();
  receiver.answer = () => RETRY;
  receiver.delivery.push(message("1"), []);
  await receiver.clock.advance(86_400_000);
  const times = receiver.sent.map(([, at]) => at);
  const pauses = times.slice(1).map((at, index) => at - (times[index] ?? 0));
  assert.deepEqual(
    pauses.slice(0, 10),
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 300].map((seconds) => seconds * 1_000),
  );
  assert.ok(pauses.slice(10).every((pause) => pause === 300_000));
  assert.ok(times.length > 280, "it goes on for a day");
});

test("a receiver that asks for a pause gets it", async () => {
  const receiver = new Receiver();
  receiver.answer = () => (receiver.sent.length === 1 ? { ...RETRY, retryAfterMs: 90_000 } : DELIVERED);
  receiver.delivery.push(message("1"), []);
  await receiver.clock.advance(600_000);
  assert.deepEqual(
    receiver.sent.map(([, at]) => at),
    [0, 90_000],
  );
});

test("a rejected message is dropped, and the next one is sent", async () => {
  const receiver = new Receiver();
  const outcomes: Published<"webhook">[] = [];
  const unsubscribe = subscribe("webhook", (event) => void outcomes.push(event));
  receiver.answer = (id) => (id === "1" ? { kind: "rejected", detail: "HTTP status 404" } : DELIVERED);
  for (const id of ["1", "2"]) receiver.delivery.push(message(id), []);
  await receiver.clock.advance(1_000);
  unsubscribe();
  assert.deepEqual(receiver.ids, ["1", "2"]);
  const own = outcomes.filter(({ instance }) => instance === "delivery-test");
  assert.deepEqual(
    own.map(({ outcome, pending, detail }) => [outcome, pending, detail]),
    [
      ["queued", 1, undefined],
      ["queued", 2, undefined],
      ["rejected", 1, "HTTP status 404"],
      ["delivered", 0, undefined],
    ],
  );
});

test("of a receiver that is down for long, the oldest messages become one, and nothing contradicts what it knows", async () => {
  const receiver = new Receiver();
  receiver.answer = () => RETRY;
  for (let index = 0; index < 5_000; index += 1) {
    const status = index % 2 === 0 ? "NOT_SERVING" : "SERVING";
    receiver.delivery.push(message(String(index), change(String(index), "flapping", status)), []);
  }
  receiver.answer = () => DELIVERED;
  await receiver.clock.advance(600_000);
  const delivered = receiver.messages.slice(receiver.messages.findIndex(({ id }) => id !== "0") - 1);
  assert.equal(delivered.length, 1_000);
  const statuses = delivered.flatMap(({ changes }) => changes.map(({ status }) => status));
  for (const [index, status] of statuses.entries())
    assert.equal(status, index % 2 === 0 ? "NOT_SERVING" : "SERVING", `change ${index}`);
  assert.equal(statuses.at(-1), "SERVING");
  const omitted = delivered.reduce((sum, each) => sum + each.omitted, 0);
  assert.equal(statuses.length + omitted, 5_000, "every change is sent or counted");
});

test("a reminder is dropped while something waits", async () => {
  const receiver = new Receiver();
  receiver.answer = () => RETRY;
  receiver.delivery.push(message("1"), []);
  await receiver.clock.advance(0);
  const reminder: Message = { ...message("r"), kind: "reminder" };
  receiver.delivery.remind(reminder);
  receiver.answer = () => DELIVERED;
  await receiver.clock.advance(10_000);
  receiver.delivery.remind(reminder);
  await receiver.clock.advance(10_000);
  assert.deepEqual(receiver.ids, ["1", "1", "r"]);
});

const openJournal = (name: string) => Journal.open(join(directory, name), { clock: systemClock, instance: "journal" });

/** The journal after the process was killed, and started again. */
async function reopen(journal: Journal, name: string): Promise<Journal> {
  await journal.close();
  return openJournal(name);
}

test("what was not delivered is delivered by the next process, in order, with the same ids", async () => {
  let journal = await openJournal("order");
  const first = new Receiver(journal);
  first.answer = (id) => (id === "1" ? DELIVERED : RETRY);
  for (let id = 1; id <= 12; id += 1) first.delivery.push(message(String(id)), [[String(id), change(String(id))]]);
  await new Promise((resolve) => setTimeout(resolve, 200));
  await first.delivery.close(0);
  journal = await reopen(journal, "order");
  assert.equal(new WebhookStore(journal, "ops").told().size, 12);
  const second = new Receiver(journal);
  second.delivery.push(message("13"), []);
  await second.clock.advance(1_000);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(second.ids, ["2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"]);
  await second.delivery.close(0);
  journal = await reopen(journal, "order");
  assert.deepEqual(new WebhookStore(journal, "ops").messages(), []);
  await journal.close();
});

test("a message is not sent before it is stored", async () => {
  const journal = await openJournal("stored");
  const receiver = new Receiver(journal);
  let stored: readonly unknown[] = [];
  receiver.answer = () => {
    stored = new WebhookStore(journal, "ops").messages();
    return DELIVERED;
  };
  receiver.delivery.push(message("1"), [["1", change("1")]]);
  assert.deepEqual(receiver.ids, [], "not in the same step");
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(stored.length, 1);
  await receiver.delivery.close(0);
  await journal.close();
});

test("a message whose states a crash has cut off counts as told", async () => {
  const journal = await openJournal("torn");
  await journal.commit([
    { type: "webhook-message", key: "ops 1", value: message("1", change("1", "a"), change("2", "b", "SERVING")) },
    { type: "webhook-told", key: "ops b", value: change("0", "b") },
  ]);
  assert.deepEqual([...new WebhookStore(journal, "ops").told().keys()], ["a"]);
  await journal.close();
});

test("what is stored of webhooks that a configuration does not have is removed", async () => {
  const journal = await openJournal("others");
  for (const webhook of ["ops", "old"]) {
    const store = new WebhookStore(journal, webhook);
    await store.save([["a", change("1", "a")]], { number: 1, message: message("1", change("1", "a")) });
  }
  dropOthers(journal, new Set(["ops"]));
  assert.equal(new WebhookStore(journal, "old").told().size, 0);
  assert.equal(new WebhookStore(journal, "ops").told().size, 1);
  assert.equal(journal.entries("webhook-message").length, 1);
  await journal.close();
});

test("a delivery that is closed sends what waits within its time, and ends a request that hangs", async () => {
  const quick = new Receiver();
  for (const id of ["1", "2", "3"]) quick.delivery.push(message(id), []);
  await quick.delivery.close(2_000);
  assert.deepEqual(quick.ids, ["1", "2", "3"]);
  const hanging = new Receiver();
  hanging.answer = () =>
    new Promise((resolve) => {
      hanging.onClose = () => resolve(RETRY);
    });
  hanging.delivery.push(message("1"), []);
  const closed = hanging.delivery.close(2_000);
  await hanging.clock.advance(2_000);
  await closed;
  assert.deepEqual(hanging.ids, ["1"]);
});

test("other settings are used at once, and not after the pause", async () => {
  const receiver = new Receiver();
  receiver.answer = () => RETRY;
  receiver.delivery.push(message("1"), []);
  await receiver.clock.advance(100_000);
  const sent: string[] = [];
  const send = async ({ id }: Message) => {
    sent.push(id);
    return DELIVERED;
  };
  receiver.delivery.setSender({ send, close: () => {} });
  await receiver.clock.advance(0);
  assert.deepEqual(sent, ["1"]);
});

test("a disk that does not answer delays no shutdown, and nothing is sent after it", async (t) => {
  const journal = await Journal.open(join(directory, "hung"), { clock: systemClock, instance: "delivery-test" });
  t.after(() => journal.close());
  let answer = () => {};
  journal.commit = () => new Promise((resolve) => (answer = resolve));
  const receiver = new Receiver(journal);
  receiver.delivery.push(message("1"), []);
  const closed = receiver.delivery.close(0).then(() => "closed");
  await receiver.clock.advance(1);
  assert.equal(await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 200, "open"))]), "closed");
  answer();
  await receiver.clock.advance(1);
  assert.deepEqual(receiver.ids, []);
});
