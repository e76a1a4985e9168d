/** The deadline of a call of the store, in a process whose event loop is delayed. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { StoreError } from "../../../src/fleet/store/store.js";
import { StoreConnection } from "../../../src/fleet/store/store-connection.js";
import { settle, VirtualClock } from "../../support/virtual-clock.js";

const DEADLINE_MS = 2_500;

class Bench {
  readonly clock = new VirtualClock();
  drops = 0;
  /** Each is called for the answer of one round trip. */
  readonly #waiting: (() => void)[] = [];
  readonly #connection = new StoreConnection<string>(
    {
      label: "redis://x",
      open: async () => {
        await this.#roundTrip();
        return "client";
      },
      drop: () => {
        this.drops += 1;
      },
      failureOf: (error) => ({ failure: error as StoreError, isLost: true }), // all that is thrown here is one
    },
    DEADLINE_MS,
    this.clock,
  );

  /** A call that opens the connection and makes more round trips. Resolves with how it ends. */
  call(roundTrips: number): { end: string | undefined } {
    const state: { end: string | undefined } = { end: undefined };
    const work = async () => {
      for (let count = 0; count < roundTrips; count += 1) await this.#roundTrip();
      return "answered";
    };
    this.#connection.call(work).then(
      (end) => (state.end = end),
      (error: StoreError) => (state.end = `${error.code} at ${this.clock.now()}`),
    );
    return state;
  }

  /** A turn of the event loop: timers first, then what has arrived. */
  async turn(lastsMs: number, isAnswered = true): Promise<void> {
    this.clock.stall(lastsMs);
    await this.clock.advance(0);
    if (isAnswered) this.#waiting.shift()?.();
    await settle();
  }

  #roundTrip(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

describe("a call of the store", () => {
  test("has the deadline when the process is not delayed", async () => {
    const bench = new Bench();
    const call = bench.call(1);
    await bench.clock.advance(DEADLINE_MS - 1);
    assert.equal(call.end, undefined);
    await bench.clock.advance(1);
    assert.equal(call.end, "timeout at 2500");
    assert.equal(bench.drops, 1, "the connection is left: it may be half-open");
  });

  test("of four round trips succeeds in a process whose turns take 700 ms", async () => {
    const bench = new Bench();
    const call = bench.call(3);
    for (let turn = 0; turn < 4; turn += 1) await bench.turn(700);
    assert.equal(call.end, "answered");
  });

  test("succeeds after a process that stood still for a minute, while its answers lie there", async () => {
    const bench = new Bench();
    const call = bench.call(2);
    await bench.turn(60_000);
    for (let turn = 0; turn < 2; turn += 1) await bench.turn(100);
    assert.equal(call.end, "answered");
  });

  test("fails in a process whose turns take 700 ms, when the store does not answer for ten of them", async () => {
    const bench = new Bench();
    const call = bench.call(1);
    for (let turn = 0; turn < 9; turn += 1) await bench.turn(700, false);
    assert.equal(call.end, undefined);
    await bench.turn(700, false);
    assert.equal(call.end, "timeout at 7000");
  });
});
