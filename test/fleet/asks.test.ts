import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Asks, hexDigits } from "../../src/fleet/asks.js";
import { SeededRandom } from "../support/seeded-random.js";

function asks(seed = 1): Asks {
  return new Asks(new SeededRandom(seed).next);
}

describe("an order to another member", () => {
  it("goes with ten beats", () => {
    const at = asks();
    at.send("b", true);
    const beats = Array.from({ length: 11 }, () => at.take().length);
    assert.deepEqual(beats, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
  });

  it("takes the place of the one before to the same member", () => {
    const at = asks();
    at.send("b", true);
    at.send("c", true);
    at.send("b", false);
    assert.deepEqual(
      at.take().map(({ member, isDraining }) => `${member} ${isDraining}`),
      ["c true", "b false"],
    );
  });

  it("is one of at most sixteen: the last ones", () => {
    const at = asks();
    for (let index = 0; index < 20; index += 1) at.send(`m${index}`, true);
    assert.equal(at.take().length, 16);
    assert.equal(at.take()[0]?.member, "m4");
  });

  it("is done once, by the member that it names", () => {
    const [from, to] = [asks(1), asks(2)];
    from.send("b", true);
    const beat = { asks: from.take() };
    assert.deepEqual(to.received(beat, "c"), []);
    assert.equal(to.received(beat, "b").length, 1);
    assert.deepEqual(to.received({ asks: from.take() }, "b"), []);
    from.send("b", true);
    assert.equal(to.received({ asks: from.take() }, "b").length, 1, "another order");
  });

  it("is remembered among the last 256", () => {
    const to = asks();
    const ask = (id: string) => ({ asks: [{ id, member: "b", isDraining: true }] });
    for (let index = 0; index < 256; index += 1) to.received(ask(`id${index}`), "b");
    assert.equal(to.received(ask("id0"), "b").length, 0);
    to.received(ask("one more"), "b");
    assert.equal(to.received(ask("id1"), "b").length, 0);
    assert.equal(to.received(ask("id0"), "b").length, 1);
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
