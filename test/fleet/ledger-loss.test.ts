import assert from "node:assert/strict";
import { test } from "node:test";
import { Ledger } from "../../src/fleet/exchange/ledger.js";
import { FleetCodec } from "../../src/fleet/records/codec.js";
import type { LogEntry } from "../../src/fleet/store/store.js";

const RUN = "0123456789abcdef01234567";
const NO_BEATS = new Map<string, string>();

function next(ledger: Ledger, check: string): LogEntry {
  ledger.set(check, { definition: "d", castAtMs: 0, order: 0, vote: { state: "passing", reason: undefined } });
  const entry = ledger.take();
  assert.ok(entry);
  return entry;
}

test("a write that was lost is noticed by the next one, whose head hides the loss from the beat", () => {
  const ledger = new Ledger(RUN, new FleetCodec("prod", "secret"));
  const first = next(ledger, "a");
  ledger.acknowledge(first, undefined);
  const second = next(ledger, "b");
  ledger.acknowledge(second, first.head);
  // the store loses the second write, and gets the third one before the next beat
  const third = next(ledger, "c");
  ledger.acknowledge(third, first.head);
  assert.equal(ledger.isLost({ beats: NO_BEATS, head: third.head, cellCount: 3 }), true);
  ledger.all();
  assert.equal(ledger.isLost({ beats: NO_BEATS, head: third.head, cellCount: 3 }), false, "it is rewritten");
});

test("the head of a failed write is no loss: the store may have taken it", () => {
  const ledger = new Ledger(RUN, new FleetCodec("prod", "secret"));
  const failed = next(ledger, "a");
  ledger.giveBack(failed);
  const again = next(ledger, "b");
  ledger.acknowledge(again, failed.head);
  assert.equal(ledger.isLost({ beats: NO_BEATS, head: again.head, cellCount: 2 }), false);
});

test("heads of failed writes are remembered up to a bound: a store may be away for days", () => {
  const lossAfter = (failures: number) => {
    const ledger = new Ledger(RUN, new FleetCodec("prod", "secret"));
    const oldest = next(ledger, "a");
    ledger.giveBack(oldest);
    for (let index = 1; index < failures; index += 1) ledger.giveBack(next(ledger, `check-${index}`));
    const last = ledger.take();
    assert.ok(last);
    ledger.acknowledge(last, oldest.head);
    return ledger.isLost({ beats: NO_BEATS, head: last.head, cellCount: failures });
  };
  assert.equal(lossAfter(200), false);
  // all cells are written again, which is always right
  assert.equal(lossAfter(201), true);
});
