/** How long a connection lives, on a clock of the test's own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Lifetime, type LifetimeSettings } from "../../../src/transports/h2/lifetime.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const SETTINGS: LifetimeSettings = {
  keepaliveTimeMs: 30_000,
  keepaliveTimeoutMs: 10_000,
  maxConnectionIdleMs: 300_000,
  maxConnectionAgeMs: Number.POSITIVE_INFINITY,
  maxConnectionAgeGraceMs: 30_000,
};

/** A connection with the loop of a real one: it arms a timer and writes down what it must do, and when. */
class Peer {
  lastReadAt = 0;
  idleSince: number | undefined = 0;
  readonly steps: string[] = [];
  readonly clock = new VirtualClock();
  readonly #lifetime: Lifetime;
  #cancel = () => {};

  constructor(settings: Partial<LifetimeSettings> = {}, random = () => 0.5) {
    this.#lifetime = new Lifetime({ ...SETTINGS, ...settings }, this.clock.now(), random);
    this.#arm();
  }

  end(): void {
    this.#cancel();
  }

  /** A byte comes from the client. */
  read(): void {
    this.lastReadAt = this.clock.now();
  }

  /** Lets time go by, with a byte now and then. */
  async talk(forMs: number, everyMs: number): Promise<void> {
    for (let at = 0; at < forMs; at += everyMs) {
      await this.clock.advance(everyMs);
      this.read();
    }
  }

  #arm(): void {
    this.#cancel = this.clock.setTimer(this.#lifetime.dueAt - this.clock.now(), () => this.#onTimer());
  }

  #onTimer(): void {
    const step = this.#lifetime.next(this.clock.now(), this);
    if (step !== undefined) this.steps.push(`${Math.round(this.clock.now()) / 1000} ${step}`);
    if (step !== "drop" && step !== "expire") this.#arm();
  }
}

test("a silent peer gets a PING, and is closed without an answer", async () => {
  const peer = new Peer();
  await peer.clock.advance(120_000);
  assert.deepEqual(peer.steps, ["30 ping", "40 drop"]);
  assert.equal(peer.clock.pendingTimers, 0);
});

test("the PING comes 30 s after the last byte, and the end 10 s after the PING", async () => {
  const peer = new Peer();
  await peer.clock.advance(21_000);
  peer.read();
  await peer.clock.advance(120_000);
  assert.deepEqual(peer.steps, ["51 ping", "61 drop"]);
});

test("a peer that answers gets the next PING only after new silence", async () => {
  const peer = new Peer({ maxConnectionIdleMs: 10_000_000 });
  await peer.clock.advance(35_000);
  peer.read();
  await peer.clock.advance(5_000); // 40 s: it has answered
  await peer.talk(100_000, 10_000);
  assert.deepEqual(peer.steps, ["30 ping"]);
  peer.end();
});

test("a peer that is never silent gets no PING", async () => {
  const peer = new Peer();
  peer.idleSince = undefined;
  await peer.talk(3_600_000, 20_000);
  assert.deepEqual(peer.steps, []);
  peer.end();
  assert.equal(peer.clock.pendingTimers, 0);
});

test("a connection without a stream for the idle time gets GOAWAY, counted from its last stream", async () => {
  const peer = new Peer();
  peer.idleSince = undefined;
  await peer.talk(290_000, 10_000);
  peer.idleSince = peer.clock.now();
  await peer.talk(299_000, 1_000);
  assert.deepEqual(peer.steps, []);
  await peer.talk(2_000, 1_000);
  assert.deepEqual(peer.steps, ["590 go-away"]);
  peer.end();
});

for (const [random, asked, ended] of [
  [0, 3_240, 3_270],
  [0.5, 3_600, 3_630],
  [1, 3_960, 3_990],
] as const)
  test(`maximum age of an hour, plus or minus a tenth: GOAWAY at ${asked} s, closed after the grace time`, async () => {
    const peer = new Peer({ maxConnectionAgeMs: 3_600_000 }, () => random);
    peer.idleSince = undefined;
    await peer.talk(5_000_000, 10_000);
    assert.deepEqual(peer.steps, [`${asked} go-away`, `${ended} expire`]);
    peer.end();
  });
