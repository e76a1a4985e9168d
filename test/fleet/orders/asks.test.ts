import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Asks, hexDigits } from "../../../src/fleet/orders/asks.js";
import { SeededRandom } from "../../support/seeded-random.js";

function asks(seed = 1): Asks {
  return new Asks(new SeededRandom(seed).next);
}

function self(member: string, run = "run") {
  return { member, run };
}

describe("an order to another member", () => {
  it("goes with ten beats", () => {
    const at = asks();
    at.send("b", "run", true);
    const beats = Array.from({ length: 11 }, () => at.take().length);
    assert.deepEqual(beats, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
  });

  it("takes the place of the one before to the same member", () => {
    const at = asks();
    at.send("b", "run", true);
    at.send("c", "run", true);
    at.send("b", "run", false);
    assert.deepEqual(
      at.take().map(({ member, isDraining }) => `${member} ${isDraining}`),
      ["c true", "b false"],
    );
  });

  it("is refused when sixteen others are on their way, until they are told", () => {
    const at = asks();
    for (let index = 0; index < 16; index += 1) assert.equal(at.send(`m${index}`, "run", true), true);
    assert.deepEqual([at.send("more", "run", true), at.send("m3", "run", false)], [false, true]);
    assert.equal(at.take().length, 16);
    for (let beat = 0; beat < 9; beat += 1) at.take();
    assert.equal(at.send("more", "run", true), true);
  });

  it("is done once, by the member that it names", () => {
    const [from, to] = [asks(1), asks(2)];
    from.send("b", "run", true);
    const beat = { asks: from.take() };
    assert.deepEqual(to.received(beat, self("c")), []);
    assert.equal(to.received(beat, self("b")).length, 1);
    assert.deepEqual(to.received({ asks: from.take() }, self("b")), []);
    from.send("b", "run", true);
    assert.equal(to.received({ asks: from.take() }, self("b")).length, 1, "another order");
  });

  it("is not done by a process that the member has started since, but for one of an older version", () => {
    const [from, to] = [asks(1), asks(2)];
    from.send("b", "run", true);
    const [ask] = from.take();
    if (ask === undefined) throw new Error("an order");
    assert.deepEqual(to.received({ asks: [ask] }, self("b", "next run")), []);
    assert.deepEqual(to.received({ asks: [ask] }, self("b")), [ask]);
    const older = { ...ask, id: "older", run: undefined };
    assert.deepEqual(to.received({ asks: [older] }, self("b", "next run")), [older]);
  });

  it("is remembered among the last 256", () => {
    const to = asks();
    const ask = (id: string) => ({ asks: [{ id, member: "b", isDraining: true }] });
    for (let index = 0; index < 256; index += 1) to.received(ask(`id${index}`), self("b"));
    assert.equal(to.received(ask("id0"), self("b")).length, 0);
    to.received(ask("one more"), self("b"));
    assert.equal(to.received(ask("id1"), self("b")).length, 0);
    assert.equal(to.received(ask("id0"), self("b")).length, 1);
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
