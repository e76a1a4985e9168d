import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { runAtOnce } from "../../../src/core/turns.js";
import { type Beat, FORMAT } from "../../../src/fleet/records/beat.js";
import { FleetCodec, sequenceOf } from "../../../src/fleet/records/codec.js";
import type { Cell } from "../../../src/fleet/records/vote.js";

const RUN = "0123456789abcdef01234567";
const OTHER_RUN = "abcdef0123456789abcdef01";

const codec = new FleetCodec("prod", "a secret of the fleet");

const CELL: Cell = {
  definition: "d1",
  castAtMs: 12.5,
  order: 3,
  wallTime: 1_800_000_000_000.25,
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
  head: "a head, which has a signature of its own",
  heard: new Map([[OTHER_RUN, 12]]),
  config: "c1",
  unread: ["c2"],
  capacity: 4_000,
  stalest: 0.25,
  isLeaving: false,
  isDrained: true,
  hasLeft: false,
  notifier: OTHER_RUN,
  asks: [{ id: "0a1b2c3d", member: "b", run: "run-b", isDraining: true, number: 9 }],
  orderTime: 12,
  maintenance: {
    digest: "d",
    orders: [{ id: "0a1b2c3d", scope: "=x", number: 7, leftMs: 5, keepMs: 9, isEnd: false, reason: "r", member: "a" }],
  },
};

describe("a signed record", () => {
  test("is read as it was written", () => {
    assert.deepEqual(codec.openBeat(RUN, codec.sealBeat(BEAT)), { kind: "beat", beat: BEAT });
    const starting = { ...BEAT, config: "", heard: new Map() };
    assert.deepEqual(codec.openBeat(RUN, codec.sealBeat(starting)), { kind: "beat", beat: starting });
    const { text, high, low } = codec.sealCell(RUN, "orders", 9, CELL);
    assert.deepEqual(codec.openCell(RUN, "orders", text), { run: RUN, sequence: 9, cell: CELL, high, low });
    const head = { sequence: 9, high: 1, low: -1 };
    assert.deepEqual(codec.openHead(RUN, codec.sealHead(RUN, head)), head);
    // names of checks that are valid, though not safe to print: a right-to-left mark, and a byte order mark
    const definitions = new Map(
      ["orders", "\u200fהזמנות", "\ufefforders", "o".repeat(200)].map((name) => [name, "d1"]),
    );
    assert.deepEqual(reopened("c1", definitions), definitions);
  });

  for (const change of [{ config: "" }, { hasLeft: true }, { hasLeft: undefined }, { zone: undefined }])
    test(`is a beat also with ${JSON.stringify(change)}`, () => {
      const beat = { ...BEAT, ...change };
      const expected = { ...beat, hasLeft: beat.hasLeft ?? false };
      assert.deepEqual(codec.openBeat(RUN, codec.sealBeat(beat)), { kind: "beat", beat: expected });
    });

  for (const unread of [undefined, "c2", [""], [7], new Array(17).fill("c2")])
    test(`is a beat without what it could not read, when that is ${JSON.stringify(unread)?.slice(0, 12)}`, () => {
      const beat = { ...BEAT, unread } as Beat; // another version may write anything
      assert.deepEqual(codec.openBeat(RUN, codec.sealBeat(beat)), {
        kind: "beat",
        beat: { ...BEAT, unread: undefined },
      });
    });

  for (const number of [undefined, null, "9", -1, 1.5, 2 ** 60])
    test(`is a beat with orders that have no time, when that is ${number}, as an older version writes it`, () => {
      const [ask] = BEAT.asks;
      const written = { ...BEAT, orderTime: number, asks: [{ ...ask, number }] } as Beat; // another version may write anything
      const read = { ...BEAT, orderTime: undefined, asks: [{ ...ask, number: undefined }] };
      assert.deepEqual(codec.openBeat(RUN, codec.sealBeat(written)), { kind: "beat", beat: read });
    });

  for (const character of ["x", '"', "\\", "日"])
    test(`is a beat with as much as a beat may have, in texts of ${character}`, () => {
      const nameOf = (index: number) => `${index}`.padStart(24, "0");
      const member = (character === "日" ? '"' : character).repeat(128);
      const scope = `=${character.repeat(character === "日" ? 60 : 196)}`;
      const times = { number: 2 ** 50, leftMs: 31_536_000_000, keepMs: 31_536_000_000, isEnd: false };
      const order = (index: number) => ({
        ...{ id: "01234567", scope: `${scope}${index}`, ...times, reason: character.repeat(200), member },
      });
      const full: Beat = {
        ...{
          ...BEAT,
          member,
          zone: member,
          counter: 2 ** 40,
          hasLeft: false,
          unread: Array.from({ length: 16 }, (_, index) => nameOf(index)),
        },
        heard: new Map(Array.from({ length: 256 }, (_, index) => [nameOf(index), 2 ** 40])),
        asks: Array.from({ length: 16 }, () => ({
          id: "01234567",
          member,
          run: RUN,
          isDraining: false,
          number: 2 ** 50,
        })),
        orderTime: 2 ** 50,
        maintenance: { digest: "d".repeat(16), orders: Array.from({ length: 64 }, (_, index) => order(index)) },
      };
      assert.deepEqual(codec.openBeat(RUN, codec.sealBeat(full)), { kind: "beat", beat: full });
    });

  /** Not a constant: each test runs the code that it judges. */
  const sealedCell = () => codec.sealCell(RUN, "orders", 9, CELL).text;
  const WRONG_PLACES: Readonly<Record<string, () => unknown>> = {
    "another fleet": () => new FleetCodec("staging", "a secret of the fleet").openCell(RUN, "orders", sealedCell()),
    "another secret": () => new FleetCodec("prod", "another secret").openCell(RUN, "orders", sealedCell()),
    "another run": () => codec.openCell(OTHER_RUN, "orders", sealedCell()),
    "another check": () => codec.openCell(RUN, "payments", sealedCell()),
    "a run and a check that are the same text together": () => codec.openCell(`${RUN}or`, "ders", sealedCell()),
    "another sequence": () => codec.openCell(RUN, "orders", sealedCell().replace("[9,", "[10,")),
    "another definition": () => codec.openCell(RUN, "orders", sealedCell().replace("d1", "d2")),
    "another vote": () => codec.openCell(RUN, "orders", sealedCell().replace("failing", "passing")),
    "another format": () => codec.openCell(RUN, "orders", `2${sealedCell().slice(1)}`),
    "another kind": () => codec.openHead(RUN, codec.sealBeat(BEAT)),
    "a head of another run": () => codec.openHead(OTHER_RUN, codec.sealHead(RUN, { sequence: 1, high: 2, low: 3 })),
    "another signature that ends with other bits of the same byte": () => {
      const text = sealedCell();
      const last = String.fromCharCode(text.charCodeAt(23) + 1); // the bits that this changes are not decoded
      return codec.openCell(RUN, "orders", text.slice(0, 23) + last + text.slice(24));
    },
    "a signature that is shorter": () => codec.openCell(RUN, "orders", sealedCell().replace(/^(1 .{21})./, "$1")),
    "a signature that is longer": () => codec.openCell(RUN, "orders", sealedCell().replace(/^(1 .{22})/, "$1A")),
    "a signature in the other alphabet of base64": () => {
      const texts = Array.from({ length: 50 }, (_, sequence) => codec.sealCell(RUN, "orders", sequence, CELL).text);
      const text = texts.find((each) => /^1 \S*[-_]/.test(each)) ?? assert.fail();
      const other = text.replace(/^1 \S+/, (start) => start.replaceAll("-", "+").replaceAll("_", "/"));
      return codec.openCell(RUN, "orders", other);
    },
    "another configuration": () => reopened("c2", new Map()),
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
      hasLeft: false,
      notifier: OTHER_RUN,
      format: 2,
    });
    const last = codec.openBeat(RUN, codec.sealBeat({ ...BEAT, format: 2, hasLeft: true }));
    assert.ok(last.kind === "other-format" && last.hasLeft);
    assert.equal(codec.openBeat(OTHER_RUN, beat).kind, "refused");
    assert.deepEqual(codec.openBeat(RUN, beat.replace(`"counter":7`, `"counter":8`)), {
      kind: "refused",
      cause: "signature",
    });
  });

  test("a beat of a member that does not know its definitions yet is read", () => {
    const { kind } = codec.openBeat(RUN, codec.sealBeat({ ...BEAT, config: "" }));
    assert.equal(kind, "beat");
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
    "an ask without a member": { asks: [{ id: "0a", isDraining: true }] },
    "an ask that says neither yes nor no": { asks: [{ id: "0a", member: "b", isDraining: 1 }] },
    "an ask of no run": { asks: [{ id: "0a", member: "b", run: 7, isDraining: true }] },
    "an ask that is no record": { asks: [null] },
    "an ask that is a list": { asks: [[]] },
    "asks that are no list": { asks: {} },
    "no asks": { asks: undefined },
    "a counter below 0": { counter: -1 },
    "a counter that is not exact": { counter: 2 ** 53 },
    "a zone that is no name": { zone: 7 },
    "an empty zone": { zone: "" },
    "no version": { version: undefined },
    "no configuration": { config: undefined },
    "a head that is too long": { head: "x".repeat(257) },
    "no capacity at all": { capacity: undefined },
    "a stalest that is a text": { stalest: "0" },
    "a stalest below 0": { stalest: -0.1 },
    "no word on leaving": { isLeaving: undefined },
    "a member of 201 characters": { member: "m".repeat(201) },
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
    "a reported service with another status": {
      vote: { ...CELL.vote, reported: [{ name: "w", status: "SERVICE_UNKNOWN", reason: undefined }] },
    },
    "a reported service with a reason that is empty": {
      vote: { ...CELL.vote, reported: [{ name: "w", status: "SERVING", reason: "" }] },
    },
    "more than 1,000 reported services": {
      vote: {
        ...CELL.vote,
        reported: Array.from({ length: 1_001 }, (_, index) => ({ name: `w${index}`, status: "SERVING" })),
      },
    },
    "a time below 0": { castAtMs: -1 },
    "an age below 0": { vote: { ...CELL.vote, ageMs: -1 } },
    "an age that is a text": { vote: { ...CELL.vote, ageMs: "7" } },
    "an order below 0": { order: -1 },
    "a wall-clock time below 0": { wallTime: -1 },
    "a wall-clock time that is a text": { wallTime: "7" },
    "no definition": { definition: "" },
  };
  for (const [what, fields] of Object.entries(WRONG_CELLS))
    test(`a cell with ${what} is refused, with the right signature too`, () => {
      const sealed = codec.sealCell(RUN, "orders", 1, { ...CELL, ...fields } as Cell);
      assert.equal(codec.openCell(RUN, "orders", sealed.text), undefined);
    });

  test("any other text is refused without an exception", () => {
    const texts = ["", " ", "1", "1  ", `1 ${"A".repeat(22)} `, "[".repeat(1_000)];
    for (const each of texts) assertRefused(each);
    const text = sealedCell();
    const start = fc.constantFrom("", "1 ", `1 ${"A".repeat(22)} `, text.slice(0, 30), text);
    fc.assert(
      fc.property(start, fc.string({ unit: "binary", maxLength: 300 }), (prefix, rest) => {
        if (rest !== "") assertRefused(prefix + rest);
      }),
    );
  });

  test("a text of any size is refused without an exception", () => {
    const long = "x".repeat(70_000_000);
    for (const each of ["[".repeat(100_000), `1 ${"A".repeat(22)} ${long}`, long]) assertRefused(each);
  });

  const LIMITS: readonly (readonly [kind: string, maxLength: number, open: (text: string) => unknown])[] = [
    ["beat", 131_072, (text) => codec.openBeat(RUN, text).kind === "beat" || undefined],
    ["cell", 1_048_576, (text) => codec.openCell(RUN, "orders", text)],
    ["head", 256, (text) => codec.openHead(RUN, text)],
  ];
  for (const [kind, maxLength, open] of LIMITS)
    test(`a ${kind} of more than ${maxLength} characters is refused`, () => {
      const sealed = {
        beat: codec.sealBeat(BEAT),
        cell: sealedCell(),
        head: codec.sealHead(RUN, { sequence: 1, high: 2, low: 3 }),
      }[kind];
      assert.notEqual(open(sealed ?? ""), undefined);
      assert.equal(open((sealed ?? "").padEnd(maxLength + 1)), undefined);
    });

  for (const body of [null, [], 7, "text"])
    test(`a beat that is ${JSON.stringify(body)} is refused, with the right signature too`, () => {
      const odd = { ...BEAT, toJSON: () => body };
      assert.deepEqual(codec.openBeat(RUN, codec.sealBeat(odd)), { kind: "refused", cause: "form" });
    });

  test("a configuration with anything but names is refused", () => {
    for (const definitions of [new Map([["", "d"]]), new Map([["a", ""]]), new Map([["a\nb", "d"]])])
      assert.equal(reopened("c1", definitions), undefined);
  });

  test("the order of heads is told without the secret, and any text has a place in it", () => {
    const heads = [0, 7, 123_456].map((sequence) => codec.sealHead(RUN, { sequence, high: 1, low: 2 }));
    assert.deepEqual(heads.map(sequenceOf), [0, 7, 123_456]);
    assert.deepEqual(["", "x", `x${heads[1]}`, "1 short 7 "].map(sequenceOf), [0, 0, 0, 0]);
  });

  test("cells have different shares of a digest: of another check, run, sequence or vote", () => {
    const shares = [
      codec.sealCell(RUN, "orders", 9, CELL),
      codec.sealCell(RUN, "payments", 9, CELL),
      codec.sealCell(OTHER_RUN, "orders", 9, CELL),
      codec.sealCell(RUN, "orders", 10, CELL),
      codec.sealCell(RUN, "orders", 9, { ...CELL, order: 4 }),
    ];
    assert.equal(new Set(shares.map(({ high }) => high)).size, 5);
    assert.equal(new Set(shares.map(({ low }) => low)).size, 5);
    assert.ok(shares.every(({ text, high }) => !text.includes((high >>> 0).toString(16))));
  });

  test("a vote without a reason, an age and services is read as it was written", () => {
    const vote = { state: "passing", reason: undefined, ageMs: undefined, reported: undefined } as const;
    const { text } = codec.sealCell(RUN, "orders", 1, { ...CELL, vote });
    assert.deepEqual(codec.openCell(RUN, "orders", text)?.cell.vote, vote);
    const reported = [{ name: "w", status: "UNKNOWN", reason: "stale" }] as const;
    const many = codec.sealCell(RUN, "orders", 1, { ...CELL, vote: { ...vote, reported } });
    assert.deepEqual(codec.openCell(RUN, "orders", many.text)?.cell.vote.reported, reported);
  });

  test("keyed hashes differ between fleets and secrets", () => {
    const others = [
      new FleetCodec("staging", "a secret of the fleet"),
      new FleetCodec("prod", "other"),
      new FleetCodec("prod", undefined),
    ];
    const hashes = [codec, ...others].map((each) => each.hash("redis://db"));
    assert.equal(new Set(hashes).size, 4);
    for (const hash of hashes) assert.match(hash, /^[\w-]{16}$/);
    assert.equal(codec.hash("redis://db"), new FleetCodec("prod", "a secret of the fleet").hash("redis://db"));
  });
});

test("a large configuration is signed, verified and parsed in a step each", (t) => {
  const definitions = new Map(Array.from({ length: 2_000 }, (_, index) => [`check-${index}`, "d"] as const));
  const sealing = codec.sealConfig("c1", definitions);
  for (const each of ["definitions", "definitions", "their text"]) assert.equal(sealing.next().done, false, each);
  const { value: text } = sealing.next();
  assert.ok(typeof text === "string", "the signature");
  const parse = t.mock.method(JSON, "parse");
  const opening = codec.openConfig("c1", text);
  const calls = [1, 2].map(() => {
    opening.next();
    return parse.mock.callCount();
  });
  assert.deepEqual(calls, [0, 1]);
  assert.deepEqual(runAtOnce(opening), definitions);
});

/** What is read as the configuration `config` of what was written as `c1`. */
function reopened(config: string, definitions: ReadonlyMap<string, string>): ReadonlyMap<string, string> | undefined {
  return runAtOnce(codec.openConfig(config, runAtOnce(codec.sealConfig("c1", definitions))));
}

function assertRefused(text: string): void {
  assert.equal(codec.openBeat(RUN, text).kind, "refused");
  assert.equal(codec.openCell(RUN, "orders", text), undefined);
  assert.equal(codec.openHead(RUN, text), undefined);
  assert.equal(runAtOnce(codec.openConfig("c1", text)), undefined);
}
