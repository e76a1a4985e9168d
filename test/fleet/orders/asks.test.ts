import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Asks, hexDigits } from "../../../src/fleet/orders/asks.js";
import { OrderTime } from "../../../src/fleet/orders/order-time.js";
import { SeededRandom } from "../../support/seeded-random.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const clock = new VirtualClock();

/** A member, with the counter of its newest beat, and what it has read of the others. */
class Member {
  readonly time = new OrderTime(clock);
  readonly asks: Asks;
  readonly run: string;
  #counter = 0;

  constructor(member: string, seed = 1, run = `run of ${member}`) {
    this.run = run;
    this.asks = new Asks({ clock, random: new SeededRandom(seed).next, time: this.time, self: { member, run } });
  }

  send(member: string, isDraining = true): boolean {
    return this.asks.send(member, `run of ${member}`, isDraining);
  }

  beat() {
    this.#counter += 1;
    return { run: this.run, counter: this.#counter, asks: this.asks.take(this.#counter) };
  }

  /** A beat of a member that has read another one. */
  isReadBy(member: string, { run, counter }: { readonly run: string; readonly counter: number }): void {
    this.asks.hear({ run: `run of ${member}`, heard: new Map([[run, counter]]) });
  }
}

function done(to: Member, ...beats: readonly Parameters<Asks["received"]>[0][]): readonly boolean[] {
  return beats.flatMap((beat) => to.asks.received(beat).map(({ isDraining }) => isDraining));
}

describe("an order to another member", () => {
  it("goes with all beats until ten beats of that member say that it reads them", () => {
    const a = new Member("a");
    const before = a.beat();
    a.send("b");
    for (let beat = 0; beat < 40; beat += 1) {
      assert.equal(a.beat().asks.length, 1);
      a.isReadBy("b", before);
      a.isReadBy("c", { run: a.run, counter: 100 });
      a.isReadBy("b", { run: "run of x", counter: 100 });
    }
    for (let beat = 0; beat < 10; beat += 1) {
      const sent = a.beat();
      assert.equal(sent.asks.length, 1);
      a.isReadBy("b", sent);
    }
    assert.deepEqual([a.beat().asks, a.asks.giveUp()], [[], []]);
  });

  it("is given up after five minutes: it is lost, unless its member has read it", async () => {
    for (const isRead of [false, true]) {
      const a = new Member("a");
      a.send("b", false);
      const sent = a.beat();
      if (isRead) a.isReadBy("b", sent);
      await clock.advance(299_000);
      assert.deepEqual([a.asks.giveUp(), a.beat().asks.length], [[], 1]);
      await clock.advance(1_000);
      assert.deepEqual(a.asks.giveUp(), isRead ? [] : sent.asks);
      assert.deepEqual([a.asks.giveUp(), a.beat().asks], [[], []]);
    }
  });

  it("takes the place of the one before to the same member", () => {
    const a = new Member("a");
    a.send("b");
    a.send("c");
    a.send("b", false);
    assert.deepEqual(
      a.beat().asks.map(({ member, isDraining }) => `${member} ${isDraining}`),
      ["c true", "b false"],
    );
  });

  it("is refused when sixteen others are on their way, until they are read", () => {
    const a = new Member("a");
    for (let index = 0; index < 16; index += 1) assert.equal(a.send(`m${index}`), true);
    assert.deepEqual([a.send("more"), a.send("m3", false)], [false, true]);
    const sent = a.beat();
    assert.equal(sent.asks.length, 16);
    for (let beat = 0; beat < 9; beat += 1) a.isReadBy("m5", sent);
    assert.equal(a.send("more"), false);
    a.isReadBy("m5", sent);
    assert.equal(a.send("more"), true);
  });

  it("is done once, by the member that it names", () => {
    const [a, b, c] = [new Member("a"), new Member("b", 2), new Member("c", 3)];
    a.send("b");
    assert.deepEqual(done(c, a.beat()), []);
    assert.deepEqual(done(b, a.beat(), a.beat()), [true]);
    a.send("b");
    assert.deepEqual(done(b, a.beat()), [true], "another order");
  });

  it("is not done by a process that the member has started since, but for one of an older version", () => {
    const [a, b, next] = [new Member("a"), new Member("b", 2), new Member("b", 3, "the next run")];
    a.send("b");
    const [ask] = a.beat().asks;
    if (ask === undefined) throw new Error("an order");
    assert.deepEqual(next.asks.received({ asks: [ask] }), []);
    assert.deepEqual(b.asks.received({ asks: [ask] }), [ask]);
    const older = { ...ask, id: "older", run: undefined };
    assert.deepEqual(next.asks.received({ asks: [older] }), [older]);
  });

  it("is remembered among the last 256", () => {
    const b = new Member("b");
    const ask = (id: string) => ({ asks: [{ id, member: "b", isDraining: true }] });
    for (let index = 0; index < 256; index += 1) done(b, ask(`id${index}`));
    assert.deepEqual(done(b, ask("id0")), []);
    done(b, ask("one more"));
    assert.deepEqual(done(b, ask("id1")), []);
    assert.deepEqual(done(b, ask("id0")), [true]);
  });
});

describe("two orders to one member, given at two others", () => {
  const both = () => [new Member("a", 1), new Member("b", 2), new Member("c", 3)] as const;

  it("hold in the order of time, in whichever order they are read", async () => {
    for (const isFirstRead of [true, false]) {
      const [a, b, c] = both();
      c.time.hear(a.time.now);
      a.send("b", true);
      await clock.advance(100);
      c.send("b", false);
      const beats = [a.beat(), c.beat()];
      assert.deepEqual(done(b, ...(isFirstRead ? beats : beats.toReversed())), isFirstRead ? [true, false] : [false]);
      assert.deepEqual(done(b, ...beats), [], "and then no more");
    }
  });

  it("do so too when the later one knows of the earlier one, and was given at the same time", () => {
    const [a, b, c] = both();
    a.time.hear(1_000_000);
    a.send("b", true);
    c.time.hear(a.time.now);
    c.send("b", false);
    assert.deepEqual(done(b, c.beat(), a.beat()), [false]);
  });

  it("are no more than one that was given to the member itself since", async () => {
    const [a, b] = both();
    b.time.hear(a.time.now);
    a.send("b", true);
    await clock.advance(100);
    b.asks.obeyOwn();
    assert.deepEqual(done(b, a.beat()), []);
    await clock.advance(100);
    a.send("b", true);
    assert.deepEqual(done(b, a.beat()), [true]);
  });

  it("hold in the order in which they are read when one is that of an older version", () => {
    const [a, b] = both();
    a.send("b", true);
    const older = { asks: [{ id: "older", member: "b", isDraining: false }] };
    assert.deepEqual(done(b, a.beat(), older), [true, false]);
    a.send("b", true);
    assert.deepEqual(done(b, a.beat()), [true]);
  });
});

describe("hexadecimal digits", () => {
  it("are as many as wanted, and each may come", () => {
    const text = hexDigits(2_000, new SeededRandom(3).next);
    assert.match(text, /^[0-9a-f]{2000}$/);
    assert.equal(new Set(text).size, 16);
    assert.equal(
      hexDigits(2, () => 0.999_999),
      "ff",
    );
    assert.equal(
      hexDigits(2, () => 0),
      "00",
    );
  });
});
