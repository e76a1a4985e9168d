import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Presence } from "../../src/page/presence.js";
import { VirtualClock } from "../support/virtual-clock.js";

class Rig {
  readonly clock = new VirtualClock();
  isOpen = false;
  readonly presence = new Presence({
    clock: this.clock,
    connection: {
      open: () => {
        this.isOpen = true;
      },
      close: () => {
        this.isOpen = false;
      },
    },
  });
}

describe("the connection of a page that is hidden", () => {
  test("stays for 10 s, so that a look at another tab costs nothing", async () => {
    const rig = new Rig();
    rig.presence.show();
    rig.presence.hide();
    await rig.clock.advance(9_000);
    rig.presence.show();
    await rig.clock.advance(600_000);
    assert.ok(rig.isOpen);
    assert.equal(rig.clock.pendingTimers, 0);
  });

  test("is closed then, and opened for 5 s each minute", async () => {
    const rig = new Rig();
    rig.presence.show();
    rig.presence.hide();
    await rig.clock.advance(10_000);
    assert.ok(!rig.isOpen);
    for (let minute = 0; minute < 3; minute += 1) {
      await rig.clock.advance(60_000);
      assert.ok(rig.isOpen);
      await rig.clock.advance(5_000);
      assert.ok(!rig.isOpen);
    }
    rig.presence.show();
    assert.ok(rig.isOpen);
  });

  test("is closed at once when the page is left, and opened when it comes back from the cache of the browser", async () => {
    const rig = new Rig();
    rig.presence.show();
    rig.presence.leave();
    await rig.clock.advance(600_000);
    assert.ok(!rig.isOpen);
    rig.presence.show();
    assert.ok(rig.isOpen);
  });
});
