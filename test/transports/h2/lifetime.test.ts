/** How long a connection lives, on a clock of the test's own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Lifetime, type LifetimeSettings, type Living } from "../../../src/transports/h2/lifetime.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const SETTINGS: LifetimeSettings = {
  keepaliveTimeMs: 30_000,
  keepaliveTimeoutMs: 10_000,
  maxConnectionIdleMs: 300_000,
  maxConnectionAgeMs: Number.POSITIVE_INFINITY,
  maxConnectionAgeGraceMs: 30_000,
};

/** A connection that writes down what it is told, and when. */
class Peer implements Living {
  bytesRead = 0;
  idleSince: number | undefined = 0;
  readonly told: string[] = [];
  readonly clock = new VirtualClock();
  readonly lifetime: Lifetime;

  constructor(settings: Partial<LifetimeSettings> = {}, random = () => 0.5) {
    this.lifetime = new Lifetime(this, { ...SETTINGS, ...settings }, { clock: this.clock, random });
  }

  ping(): void {
    this.#tell("ping");
  }

  askToGo(): void {
    this.#tell("go");
  }

  expire(): void {
    this.#tell("expire");
  }

  drop(rule: string): void {
    this.#tell(rule);
  }

  /** Lets time go by, with a byte now and then. */
  async talk(forMs: number, everyMs: number): Promise<void> {
    for (let at = 0; at < forMs; at += everyMs) {
      await this.clock.advance(everyMs);
      this.bytesRead += 1;
    }
  }

  #tell(what: string): void {
    this.told.push(`${Math.round(this.clock.now()) / 1000} ${what}`);
  }
}

test("a silent peer gets a PING, and is closed without an answer", async () => {
  const peer = new Peer();
  await peer.clock.advance(120_000);
  assert.deepEqual(peer.told, ["30 ping", "40 keepalive-timeout"]);
  assert.equal(peer.clock.pendingTimers, 0);
});

test("a peer that answers gets the next PING only after new silence", async () => {
  const peer = new Peer({ maxConnectionIdleMs: 10_000_000 });
  await peer.clock.advance(35_000);
  peer.bytesRead += 17;
  await peer.clock.advance(5_000); // 40 s: it has answered
  await peer.talk(100_000, 10_000);
  assert.deepEqual(peer.told, ["30 ping"]);
  peer.lifetime.end();
});

test("a peer that is never silent gets no PING", async () => {
  const peer = new Peer();
  peer.idleSince = undefined;
  await peer.talk(3_600_000, 20_000);
  assert.deepEqual(peer.told, []);
  peer.lifetime.end();
  assert.equal(peer.clock.pendingTimers, 0);
});

test("a connection without a stream for the idle time gets GOAWAY, counted from its last stream", async () => {
  const peer = new Peer();
  peer.idleSince = undefined;
  await peer.talk(290_000, 10_000);
  peer.idleSince = peer.clock.now();
  await peer.talk(299_000, 1_000);
  assert.deepEqual(peer.told, []);
  await peer.talk(2_000, 1_000);
  assert.deepEqual(peer.told, ["590 go"]);
  peer.lifetime.end();
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
    assert.deepEqual(peer.told, [`${asked} go`, `${ended} expire`]);
    peer.lifetime.end();
  });
