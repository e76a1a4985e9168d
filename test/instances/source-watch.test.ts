/** How a source is asked again and again, on a virtual clock. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Published, subscribe } from "../../src/core/channels.js";
import { type FoundAddress, failed, type InstanceSource, type SourceAnswer } from "../../src/instances/source.js";
import { SourceWatch } from "../../src/instances/source-watch.js";
import { VirtualClock } from "../support/virtual-clock.js";

const found = (host: string): FoundAddress => ({ host, port: 1, meta: {}, tags: [], weight: undefined });
const good = (...hosts: readonly string[]): SourceAnswer => ({ addresses: hosts.map(found), fault: undefined });
const DNS: InstanceSource = { kind: "dns", name: "h", port: 1, refreshMs: 10_000 };

/** A watch of a source that gives `answer`, with what it has published. */
function open(t: TestContext, first: SourceAnswer | Promise<SourceAnswer>, source = DNS, before?: FoundAddress[]) {
  const clock = new VirtualClock();
  const state = { answer: first, asked: 0, changes: 0 };
  const events: Published<"instance-source">[] = [];
  const unsubscribe = subscribe("instance-source", (message) => {
    if (message.instance === t.name) events.push(message);
  });
  const ask = async () => {
    state.asked += 1;
    return state.answer;
  };
  const onChange = () => {
    state.changes += 1;
  };
  const watch = new SourceWatch(source, { clock, instance: t.name, service: "orders", ask, onChange, before });
  t.after(() => {
    watch.close();
    unsubscribe();
  });
  const hosts = () => watch.addresses.map(({ host }) => host).join();
  return { clock, state, events, watch, hosts };
}

test("A name is asked for after each refresh, and a missing address is removed one refresh later.", async (t) => {
  const { clock, state, hosts } = open(t, good("a", "b"));
  await clock.advance(1);
  assert.deepEqual([state.asked, state.changes, hosts()], [1, 1, "a,b"]);
  state.answer = good("b");
  await clock.advance(10_000);
  assert.deepEqual([state.asked, state.changes, hosts()], [2, 1, "a,b"]);
  await clock.advance(10_000);
  assert.deepEqual([state.asked, state.changes, hosts()], [3, 2, "b"]);
});

test("A file is looked at twice a second; a target that is missing stays for one refresh.", async (t) => {
  const { clock, state, hosts } = open(t, good("a", "b"), { kind: "file", pattern: "t.json", refreshMs: 10_000 });
  await clock.advance(1);
  state.answer = good("b");
  await clock.advance(9_900);
  assert.deepEqual([state.asked, hosts()], [20, "a,b"]);
  await clock.advance(1_000);
  assert.equal(hosts(), "b");
});

test("A fault changes nothing, and is published each time, as new only when it is another one.", async (t) => {
  const { clock, state, events, hosts } = open(t, good("a"));
  await clock.advance(1);
  state.answer = failed("x");
  await clock.advance(20_000);
  state.answer = failed("y");
  await clock.advance(10_000);
  state.answer = good("a");
  await clock.advance(20_000);
  assert.deepEqual(
    events.map(({ outcome, isNew, detail, addresses }) => `${outcome} ${isNew} ${detail} ${addresses}`),
    [
      "found true undefined 1",
      ...["failed true x 1", "failed false x 1", "failed true y 1"],
      ...["found true undefined 1", "found false undefined 1"],
    ],
  );
  assert.deepEqual([hosts(), state.changes], ["a", 1]);
});

test("A source is awaited until its first answer without a fault; a part of it counts before.", async (t) => {
  const { clock, state, watch, hosts } = open(t, failed("x"));
  await watch.first;
  assert.deepEqual([watch.isAwaited, state.changes], [true, 0]);
  state.answer = { ...good("a"), fault: "a file is broken" };
  await clock.advance(10_000);
  assert.deepEqual([watch.isAwaited, state.changes, hosts()], [true, 1, "a"]);
  state.answer = good("a");
  await clock.advance(10_000);
  assert.deepEqual([watch.isAwaited, state.changes], [false, 2]);
});

test("A source without any address is not awaited any more.", async (t) => {
  const { state, watch } = open(t, good());
  await watch.first;
  assert.deepEqual([watch.isAwaited, state.changes, watch.addresses.length], [false, 1, 0]);
});

test("A source that does not answer for 10 s has failed, and is asked again when it has answered.", async (t) => {
  let resolve = (_: SourceAnswer) => {};
  const late = new Promise<SourceAnswer>((settle) => {
    resolve = settle;
  });
  const { clock, state, events, hosts } = open(t, late);
  await clock.advance(60_000);
  assert.deepEqual([state.asked, events.map(({ detail }) => detail)], [1, ["no answer within 10 s"]]);
  state.answer = good("b");
  resolve(good("a"));
  await clock.advance(10_000);
  assert.deepEqual([state.asked, hosts()], [2, "b"], "the late answer does not count");
});

test("An answer of 10,000 addresses is taken; one of 10,001 is refused as a whole.", async (t) => {
  const hostsOf = (count: number) => good(...Array.from({ length: count }, (_, at) => `h${at}`));
  const { clock, state, events, watch } = open(t, hostsOf(10_000));
  await clock.advance(1);
  assert.equal(watch.addresses.length, 10_000);
  state.answer = good(...(hostsOf(10_001).addresses ?? []).map(({ host }) => `x${host}`));
  await clock.advance(30_000);
  assert.equal(watch.addresses.length, 10_000);
  assert.equal(watch.addresses[0]?.host, "h0");
  assert.equal(events.at(-1)?.detail, "the answer has 10001 addresses; the limit is 10000");
});

test("A watch that is closed asks no more, and says that it is removed.", async (t) => {
  const { clock, state, events, watch } = open(t, good("a"));
  await clock.advance(1);
  watch.close();
  await clock.advance(100_000);
  assert.deepEqual([state.asked, events.at(-1)?.outcome, clock.pendingTimers], [1, "removed", 0]);
});

test("A source that replaces another one has its addresses until the first answer without a fault.", async (t) => {
  const { clock, state, watch, hosts } = open(t, failed("x"), DNS, [found("a"), found("b")]);
  await clock.advance(1);
  assert.deepEqual([hosts(), watch.isAwaited], ["a,b", true]);
  state.answer = { addresses: [found("c")], fault: "one of two files" };
  await clock.advance(20_000);
  assert.deepEqual([hosts(), watch.isAwaited], ["a,b", true]);
  state.answer = good("b", "c");
  await clock.advance(10_000);
  assert.deepEqual([hosts(), watch.isAwaited], ["b,c", false]);
});

test("A source that is awaited is asked again after 5 s, although its interval is an hour.", async (t) => {
  const { clock, state, hosts } = open(t, failed("x"), { ...DNS, refreshMs: 3_600_000 });
  await clock.advance(1);
  state.answer = good("a");
  await clock.advance(5_000);
  assert.deepEqual([state.asked, hosts()], [2, "a"]);
  await clock.advance(10_000);
  assert.equal(state.asked, 2);
});

test("Another interval changes nothing that is known: a missing address stays for one new refresh.", async (t) => {
  const { clock, state, watch, hosts } = open(t, good("a", "b"));
  await clock.advance(1);
  state.answer = good("b");
  await clock.advance(10_000);
  watch.refreshEvery(30_000);
  assert.deepEqual([state.asked, hosts(), watch.isAwaited], [2, "a,b", false]);
  await clock.advance(29_000);
  assert.deepEqual([state.asked, hosts()], [2, "a,b"]);
  await clock.advance(1_000);
  assert.deepEqual([state.asked, hosts()], [3, "b"]);
});

test("A shorter interval counts from now; the same one moves nothing.", async (t) => {
  const { clock, state, watch } = open(t, good("a"), { ...DNS, refreshMs: 3_600_000 });
  await clock.advance(1);
  watch.refreshEvery(1_000);
  await clock.advance(600);
  watch.refreshEvery(1_000);
  await clock.advance(400);
  assert.equal(state.asked, 2);
});

test("An interval that changes while the source is asked applies after the answer.", async (t) => {
  let answer = (_given: SourceAnswer) => {};
  const { clock, state, watch } = open(
    t,
    new Promise<SourceAnswer>((resolve) => {
      answer = resolve;
    }),
  );
  watch.refreshEvery(1_000);
  await clock.advance(5_000);
  assert.equal(state.asked, 1);
  answer(good("a"));
  await clock.advance(1_000);
  assert.equal(state.asked, 2);
});
