/** The states of a Watch and its back-off, in virtual time (gRFC A17). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HealthWatch } from "../../../src/client/grpc-js-policy/health-watch.js";
import type { WatchCallListener } from "../../../src/client/grpc-js-policy/watch-call.js";
import { GRPC_CODES } from "../../../src/wire/grpc-code.js";
import { VirtualClock } from "../../support/virtual-clock.js";

/** A Watch whose calls the test ends. */
class Fixture {
  readonly clock = new VirtualClock();
  readonly logged: string[] = [];
  readonly calls: { readonly at: number; readonly listener: WatchCallListener; isCancelled: boolean }[] = [];
  readonly states: string[] = [];
  readonly watch: HealthWatch;
  random = 0.5;

  constructor() {
    this.watch = new HealthWatch(
      { service: "acme.Orders", address: "10.0.0.1:50051" },
      (listener) => {
        const call = { at: this.clock.now(), listener, isCancelled: false };
        this.calls.push(call);
        return () => {
          call.isCancelled = true;
        };
      },
      { clock: this.clock, random: () => this.random, logError: (text) => void this.logged.push(text) },
    );
  }

  subscribe(): () => void {
    return this.watch.subscribe(() => this.states.push(this.watch.health.state));
  }

  get listener(): WatchCallListener {
    const { listener } = this.calls.at(-1) ?? {};
    assert.ok(listener !== undefined, "a call was made");
    return listener;
  }

  end(code: keyof typeof GRPC_CODES = "UNAVAILABLE"): void {
    this.listener.onEnd(GRPC_CODES[code], "");
  }
}

/** Milliseconds between the calls. */
const gaps = ({ calls }: Fixture) => calls.slice(1).map(({ at }, index) => Math.round(at - (calls[index]?.at ?? 0)));

test("streams without a message are opened again after 1 s, then 1.6 times more, up to 120 s", async () => {
  const fixture = new Fixture();
  fixture.subscribe();
  for (let attempt = 0; attempt < 14; attempt += 1) {
    fixture.end();
    await fixture.clock.advance(130_000);
  }
  // each next call was made as soon as its delay was over
  const delays = gaps(fixture);
  assert.equal(delays.length, 14);
  const starts = fixture.calls.map(({ at }) => at);
  assert.deepEqual(
    starts.slice(1).map((at, index) => Math.round(at - index * 130_000)),
    [1_000, 1_600, 2_560, 4_096, 6_554, 10_486, 16_777, 26_844, 42_950, 68_719, 109_951, 120_000, 120_000, 120_000],
  );
});

for (const [random, delayMs] of [
  [0, 800],
  [0.5, 1_000],
  [0.999_999, 1_200],
] as const)
  test(`the first delay is ${delayMs} ms with the random number ${random}`, async () => {
    const fixture = new Fixture();
    fixture.random = random;
    fixture.subscribe();
    fixture.end();
    await fixture.clock.advance(2_000);
    assert.deepEqual(gaps(fixture), [delayMs]);
  });

test("a stream with a message is opened again at once, and the back-off begins anew", async () => {
  const fixture = new Fixture();
  fixture.subscribe();
  fixture.end();
  await fixture.clock.advance(1_000);
  fixture.end();
  await fixture.clock.advance(1_600);
  fixture.listener.onStatus("SERVING");
  fixture.end();
  assert.equal(fixture.calls.length, 4);
  fixture.end();
  await fixture.clock.advance(1_000);
  assert.deepEqual(gaps(fixture), [1_000, 1_600, 0, 1_000]);
  assert.deepEqual(fixture.states, [
    ...["unhealthy", "connecting", "unhealthy", "connecting", "healthy"],
    ...["connecting", "unhealthy", "connecting"],
  ]);
});

test("ten retries at once are allowed, and one more for each second", async () => {
  const fixture = new Fixture();
  fixture.subscribe();
  const endAfterMessage = () => {
    fixture.listener.onStatus("SERVING");
    fixture.end();
  };
  for (let round = 0; round < 11; round += 1) endAfterMessage();
  assert.equal(fixture.calls.length, 11);
  await fixture.clock.advance(1_000);
  endAfterMessage();
  assert.equal(fixture.calls.length, 13);
  endAfterMessage();
  await fixture.clock.advance(999);
  assert.equal(fixture.calls.length, 13);
});

test("UNIMPLEMENTED is healthy, also after a status, and is asked again by the next first subscriber only", async () => {
  for (const before of [undefined, "NOT_SERVING"] as const) {
    const fixture = new Fixture();
    const unsubscribe = fixture.subscribe();
    if (before !== undefined) fixture.listener.onStatus(before);
    fixture.end("UNIMPLEMENTED");
    await fixture.clock.advance(3_600_000);
    assert.deepEqual([fixture.watch.health.state, fixture.calls.length], ["healthy", 1]);
    unsubscribe();
    fixture.subscribe();
    assert.deepEqual([fixture.watch.health.state, fixture.calls.length], ["connecting", 2]);
    fixture.end("UNIMPLEMENTED");
    assert.equal(fixture.logged.length, 1);
  }
});

test("the last subscriber ends the call or its timer, and the next one begins with a new back-off", async () => {
  const fixture = new Fixture();
  const [first, second] = [fixture.subscribe(), fixture.subscribe()];
  first();
  first();
  assert.equal(fixture.calls[0]?.isCancelled, false);
  second();
  assert.equal(fixture.calls[0]?.isCancelled, true);
  const third = fixture.subscribe();
  fixture.end();
  assert.equal(fixture.clock.pendingTimers, 1);
  third();
  assert.equal(fixture.clock.pendingTimers, 0);
  fixture.subscribe();
  fixture.end();
  await fixture.clock.advance(1_000);
  assert.deepEqual(gaps(fixture).slice(-1), [1_000]);
});

test("a subscriber that unsubscribes within any of its calls leaves no call and no timer", async () => {
  for (const change of [1, 2, 3, 4]) {
    const fixture = new Fixture();
    let changes = 0;
    const unsubscribe = fixture.watch.subscribe(() => {
      changes += 1;
      if (changes === change) unsubscribe();
    });
    for (const step of [
      () => fixture.listener.onStatus("SERVING"),
      () => fixture.end(), // connecting
      () => fixture.end(), // unhealthy, and connecting after a second
    ]) {
      if (fixture.calls.at(-1)?.isCancelled === false) step();
      await fixture.clock.advance(1_000);
    }
    assert.equal(fixture.calls.at(-1)?.isCancelled, true, `change ${change}`);
    assert.equal(fixture.watch.health.state, "connecting");
    assert.deepEqual([changes, fixture.clock.pendingTimers], [change, 0]);
  }
});
