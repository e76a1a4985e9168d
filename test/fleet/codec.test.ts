import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Beat, FORMAT } from "../../src/fleet/beat.js";
import { FleetCodec } from "../../src/fleet/codec.js";
import type { Cell } from "../../src/fleet/vote.js";

const RUN = "0123456789abcdef01234567";
const OTHER_RUN = "abcdef0123456789abcdef01";

const codec = new FleetCodec("prod", "a secret of the fleet");

const CELL: Cell = {
  definition: "d1",
  castAtMs: 12.5,
  order: 3,
  vote: {
    state: "failing",
    reason: "timeout",
    ageMs: 7,
    reported: [{ name: "celery.worker/a", status: "SERVING", reason: undefined }],
  },
};

const BEAT: Beat = {
  format: FORMAT,
  run: RUN,
  member: "a",
  zone: undefined,
  version: "1.2.3",
  counter: 7,
  uptimeMs: 7_000.5,
  head: codec.sealHead(RUN, { sequence: 1, high: 2, low: 3 }),
  config: "c1",
  capacity: 4_000,
  stalest: 0.25,
  isLeaving: false,
  asks: [{ id: "0a1b2c3d", member: "b", isDraining: true }],
};

describe("a signed record", () => {
  test("is read as it was written", () => {
    assert.deepEqual(codec.openBeat(RUN, codec.sealBeat(BEAT)), { kind: "beat", beat: BEAT });
    const { text, high, low } = codec.sealCell(RUN, "orders", 9, CELL);
    assert.deepEqual(codec.openCell(RUN, "orders", text), { sequence: 9, cell: CELL, high, low });
    const head = { sequence: 9, high: 1, low: 0xffff_ffff };
    assert.deepEqual(codec.openHead(RUN, codec.sealHead(RUN, head)), head);
    const definitions = new Map([["orders", "d1"]]);
    assert.deepEqual(codec.openConfig("c1", codec.sealConfig("c1", definitions)), definitions);
  });

  const { text } = codec.sealCell(RUN, "orders", 9, CELL);
  const WRONG_PLACES: Readonly<Record<string, () => unknown>> = {
    "another fleet": () => new FleetCodec("staging", "a secret of the fleet").openCell(RUN, "orders", text),
    "another secret": () => new FleetCodec("prod", "another secret").openCell(RUN, "orders", text),
    "another run": () => codec.openCell(OTHER_RUN, "orders", text),
    "another check": () => codec.openCell(RUN, "payments", text),
    "a run and a check that are the same text together": () => codec.openCell(`${RUN}or`, "ders", text),
    "another sequence": () => codec.openCell(RUN, "orders", text.replace("[9,", "[10,")),
    "another definition": () => codec.openCell(RUN, "orders", text.replace("d1", "d2")),
    "another vote": () => codec.openCell(RUN, "orders", text.replace("failing", "passing")),
    "another format": () => codec.openCell(RUN, "orders", `2${text.slice(1)}`),
    "another kind": () => codec.openHead(RUN, codec.sealBeat(BEAT)),
    "a head of another run": () => codec.openHead(OTHER_RUN, BEAT.head),
    "another configuration": () => codec.openConfig("c2", codec.sealConfig("c1", new Map())),
  };
  for (const [what, open] of Object.entries(WRONG_PLACES))
    test(`is refused as that of ${what}`, () => assert.equal(open(), undefined));

  test("of a newer format is refused, but for what every format tells of a beat", () => {
    const beat = codec.sealBeat({ ...BEAT, format: 2 });
    assert.deepEqual(codec.openBeat(RUN, beat), {
      kind: "other-format",
      run: RUN,
      member: "a",
      counter: 7,
      format: 2,
    });
    assert.equal(codec.openBeat(OTHER_RUN, beat).kind, "refused");
    assert.deepEqual(codec.openBeat(RUN, beat.replace(`"counter":7`, `"counter":8`)), {
      kind: "refused",
      cause: "signature",
    });
  });

  const WRONG_BEATS: Readonly<Record<string, object>> = {
    "no member": { member: "" },
    "a member with a control character": { member: "a\u001b[2J" },
    "a fractional counter": { counter: 1.5 },
    "an infinite uptime": { uptimeMs: Number.POSITIVE_INFINITY },
    "no capacity": { capacity: 0 },
    "a head that is no text": { head: 5 },
    "too many asks": { asks: Array(17).fill(BEAT.asks[0]) },
    "an ask without an id": { asks: [{ member: "b", isDraining: true }] },
  };
  for (const [what, fields] of Object.entries(WRONG_BEATS))
    test(`a beat with ${what} is refused, with the right signature too`, () => {
      const beat = codec.sealBeat({ ...BEAT, ...fields });
      assert.deepEqual(codec.openBeat(RUN, beat), { kind: "refused", cause: "form" });
    });

  const WRONG_CELLS: Readonly<Record<string, object>> = {
    "an unknown state": { vote: { state: "pending", reason: undefined } },
    "a reason with a line break": { vote: { ...CELL.vote, reason: "a\nb" } },
    "a reported service with a reserved name": {
      vote: { ...CELL.vote, reported: [{ name: "liveness", status: "SERVING", reason: undefined }] },
    },
    "a time below 0": { castAtMs: -1 },
    "no definition": { definition: "" },
  };
  for (const [what, fields] of Object.entries(WRONG_CELLS))
    test(`a cell with ${what} is refused, with the right signature too`, () => {
      const sealed = codec.sealCell(RUN, "orders", 1, { ...CELL, ...fields } as Cell);
      assert.equal(codec.openCell(RUN, "orders", sealed.text), undefined);
    });

  test("any other text is refused without an exception, of any size", () => {
    const long = "x".repeat(70_000_000);
    const texts = [
      "",
      " ",
      "1",
      "1  ",
      `1 ${"A".repeat(22)} `,
      "[".repeat(100_000),
      `1 ${"A".repeat(22)} ${long}`,
      long,
    ];
    for (const each of texts) assertRefused(each);
    const start = fc.constantFrom("", "1 ", `1 ${"A".repeat(22)} `, text.slice(0, 30), text);
    fc.assert(
      fc.property(start, fc.string({ unit: "binary", maxLength: 300 }), (prefix, rest) => {
        if (rest !== "") assertRefused(prefix + rest);
      }),
    );
  });

  test("keyed hashes differ between fleets and secrets", () => {
    const others = [
      new FleetCodec("staging", "a secret of the fleet"),
      new FleetCodec("prod", "other"),
      new FleetCodec("prod", undefined),
    ];
    const hashes = [codec, ...others].map((each) => each.hash("redis://db"));
    assert.equal(new Set(hashes).size, 4);
    assert.equal(codec.hash("redis://db"), new FleetCodec("prod", "a secret of the fleet").hash("redis://db"));
  });
});

function assertRefused(text: string): void {
  assert.equal(codec.openBeat(RUN, text).kind, "refused");
  assert.equal(codec.openCell(RUN, "orders", text), undefined);
  assert.equal(codec.openHead(RUN, text), undefined);
  assert.equal(codec.openConfig("c1", text), undefined);
}
