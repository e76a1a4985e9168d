/** A burst at once, and a rate after it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TokenBucket } from "../../src/core/token-bucket.js";
import { VirtualClock } from "../support/virtual-clock.js";

const RATE = { burst: 1_000, perSecond: 100 };

function bucket() {
  const clock = new VirtualClock();
  return { clock, tokens: new TokenBucket(clock, RATE) };
}

/** How many single tokens can be taken. */
function drain(tokens: TokenBucket): number {
  let taken = 0;
  while (tokens.take()) taken += 1;
  return taken;
}

test("a burst can be taken at any time, and the rate after it", () => {
  const { clock, tokens } = bucket();
  assert.equal(drain(tokens), 1_000);
  clock.stall(1_000);
  assert.equal(drain(tokens), 100);
  clock.stall(3_600_000);
  assert.equal(drain(tokens), 1_000);
});

test("what is taken more slowly than the rate is never refused, for days", () => {
  const { clock, tokens } = bucket();
  for (let second = 0; second < 3 * 86_400; second += 10) {
    assert.ok(tokens.take() && tokens.take(2));
    clock.stall(10_000);
  }
});

test("a rest of time below one token counts with the next: asking often does not slow the rate", () => {
  const { clock, tokens } = bucket();
  drain(tokens);
  let taken = 0;
  for (let step = 0; step < 1_000; step += 1) {
    clock.stall(3);
    taken += drain(tokens);
  }
  assert.equal(taken, 300);
});

test("of more tokens than there are, none is taken", () => {
  const { tokens } = bucket();
  assert.equal(tokens.take(999), true);
  assert.equal(tokens.take(2), false);
  assert.equal(drain(tokens), 1);
});

test("tokens that are given back count up to the burst", () => {
  const { tokens } = bucket();
  tokens.add(5);
  assert.equal(drain(tokens), 1_000);
  tokens.add(5);
  assert.equal(drain(tokens), 5);
});
