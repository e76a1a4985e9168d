import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OrderTime } from "../../../src/fleet/orders/order-time.js";
import { VirtualClock } from "../../support/virtual-clock.js";

describe("the time of orders", () => {
  it("begins with the member, and goes on as its clock does", async () => {
    const clock = new VirtualClock();
    await clock.advance(5_000);
    const time = new OrderTime(clock);
    assert.equal(time.now, 0);
    await clock.advance(1_500);
    assert.equal(time.now, 1_500);
  });

  it("goes on from what a beat says, when that is later", async () => {
    const clock = new VirtualClock();
    const time = new OrderTime(clock);
    time.hear(10_000);
    await clock.advance(200);
    time.hear(10_100);
    assert.equal(time.now, 10_200);
    time.hear(20_000.5);
    assert.equal(time.now, 20_000);
  });

  it("gives each order a higher number than all before it, also at the same time, and those of others", () => {
    const time = new OrderTime(new VirtualClock());
    const numbers = [time.next(), time.next()];
    time.hear(49.5);
    numbers.push(time.next());
    time.hear(time.now);
    numbers.push(time.next());
    assert.deepEqual(numbers, [1, 2, 51, 52]);
  });

  it("tells others the number of an order at once, whatever its clock shows", async () => {
    const clock = new VirtualClock();
    for (let step = 0; step < 500; step += 1) {
      await clock.advance(Math.SQRT2 * 1_000);
      const time = new OrderTime(clock);
      time.hear(180_000.3 * step);
      const number = time.next();
      assert.equal(time.now, number);
    }
  });
});
