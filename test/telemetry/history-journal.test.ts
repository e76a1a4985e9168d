import assert from "node:assert/strict";
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import { type Published, subscribe } from "../../src/core/channels.js";
import { BucketSeries, PARTS } from "../../src/telemetry/history/bucket-series.js";
import { HistoryJournal } from "../../src/telemetry/history/history-journal.js";
import { bucketRecords, parseHistoryRecord, transitionRecord } from "../../src/telemetry/history/history-records.js";
import { type PastOfService, ServiceHistory } from "../../src/telemetry/history/service-history.js";
import { TransitionHistory } from "../../src/telemetry/history/transition-history.js";
import { decodeJournal, encodeRecord } from "../../src/telemetry/journal-lines.js";
import { eventually } from "../support/eventually.js";
import { SeededRandom } from "../support/seeded-random.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { DAY, filesIn, HistoryRun, HOUR, MB, MINUTE, SECOND, textIn } from "./history-run.js";

const directory = mkdtempSync(join(tmpdir(), "healthbridge-history-"));
after(() => rmSync(directory, { recursive: true }));
const newFolder = () => mkdtempSync(join(directory, "run-"));

function published<Name extends "journal-damaged" | "journal-failed" | "fault">(name: Name) {
  const messages: Published<Name>[] = [];
  return { messages, unsubscribe: subscribe(name, (message) => messages.push(message)) };
}

const sumOf = ({ parts }: Pick<PastOfService, "parts">) => PARTS.reduce((sum, part) => sum + parts[part], 0);

/** Folders with flipped bits; the proof of the history tries more. */
const TRIALS = process.env.HISTORY_PROOF === undefined ? 50 : 1_000;

const CODE = fc.integer({ min: 0, max: 65_535 });
const ROW = fc
  .tuple(
    fc.integer({ min: 0, max: 9_999_999 }),
    fc.array(fc.integer({ min: 0, max: 900_000 }), { minLength: 4, maxLength: 4 }),
    fc.array(CODE, { minLength: 5, maxLength: 5 }),
  )
  .map(([number, parts, latency]) => [number, ...parts, ...latency]);
const NAME = fc.stringMatching(/^[ -~üß🙂]{0,40}$/u);

describe("records of the history", () => {
  test("a transition is read as it was written", () => {
    const text = fc.stringMatching(/^[ -~]{0,40}$/);
    const transition = fc.record(
      {
        sequence: fc.integer({ min: 1, max: 1e12 }),
        at: fc.integer({ min: 0, max: 4e12 }),
        subject: fc.constantFrom("service" as const, "check" as const),
        name: fc.oneof(
          NAME.filter((name) => !["liveness", "readiness"].includes(name)),
          fc.constant("startup"),
        ),
        ...{ from: text, to: text, degraded: fc.boolean(), reason: fc.option(text, { nil: undefined }) },
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-z]{1,32}$/), transition, (epoch, each) => {
        const { records, damagedLines, tornBytes } = decodeJournal(
          Buffer.from(encodeRecord(transitionRecord({ epoch, transition: each }))),
        );
        assert.deepEqual([records.length, damagedLines, tornBytes], [1, 0, 0]);
        assert.deepEqual(records.map(parseHistoryRecord), [{ kind: "transition", entry: { epoch, transition: each } }]);
      }),
    );
  });

  test("rows are read as they were written, in records of at most 72", () => {
    const rows = fc.array(ROW, { maxLength: 200 });
    fc.assert(
      fc.property(NAME, rows, rows, (name, fine, hourly) => {
        const text = [...bucketRecords(name, { fine, hourly })].map(encodeRecord).join("");
        const read = decodeJournal(Buffer.from(text)).records.map(parseHistoryRecord);
        assert.equal(read.length, Math.ceil(Math.max(fine.length, hourly.length) / 72));
        const rowsOf = (kind: "fine" | "hourly") =>
          read.flatMap((each) => (each?.kind === "buckets" ? each.rows[kind] : []));
        assert.deepEqual([rowsOf("fine"), rowsOf("hourly")], [fine, hourly]);
      }),
    );
  });

  test("any JSON value in a record is read or skipped, and never throws", () => {
    const row = fc.oneof(ROW, fc.array(fc.anything()), fc.anything());
    const value = fc.oneof(fc.jsonValue(), fc.record({ fine: fc.array(row), hourly: fc.array(row) }));
    fc.assert(
      fc.property(fc.constantFrom("transition", "buckets", "other"), fc.string(), value, (type, key, each) => {
        const found = parseHistoryRecord({ type, key, value: each });
        if (found?.kind === "buckets")
          for (const fields of [...found.rows.fine, ...found.rows.hourly])
            assert.ok(fields.length === 10 && fields.every((field) => Number.isSafeInteger(field) && field >= 0));
        if (type === "other") assert.equal(found, undefined);
      }),
    );
  });
});

const STATUSES = ["SERVING", "NOT_SERVING", "UNKNOWN", "SERVICE_UNKNOWN"] as const;
const NAMES = ["a", "b", "c"] as const;

type Step =
  | { readonly kind: "set"; readonly name: string; readonly to: string }
  | { readonly kind: "probe"; readonly name: string; readonly ms: number }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "restart"; readonly downMs: number };

const DURATION = fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 3 * HOUR }));
const STEP: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), name: fc.constantFrom(...NAMES), to: fc.constantFrom(...STATUSES) }),
  fc.record({
    kind: fc.constant("probe" as const),
    name: fc.constantFrom(...NAMES),
    ms: fc.integer({ min: 0, max: 9_000 }),
  }),
  fc.record({ kind: fc.constant("pass" as const), ms: DURATION }),
  fc.record({ kind: fc.constant("restart" as const), downMs: DURATION }),
);

/** Parts are stored in tenths of a second, and rounded down. */
const ROUNDING_MS = 400;

/** Compares two pasts, of which `found` was written to a file and read since. */
function assertSame(found: PastOfService | undefined, expected: PastOfService | undefined, restarts: number): void {
  const from = expected?.buckets.filter((bucket) => sumOf(bucket) > ROUNDING_MS * restarts) ?? [];
  for (const bucket of from) {
    const other = found?.buckets.find(({ at }) => at === bucket.at);
    assert.ok(other !== undefined, "the bucket is there");
    for (const part of PARTS) {
      const difference = other.parts[part] - bucket.parts[part];
      assert.ok(difference <= 100 && difference >= -ROUNDING_MS * restarts, `${part} differs by ${difference} ms`);
    }
    assert.equal(other.latency?.count, bucket.latency?.count);
    if (other.latency === undefined || bucket.latency === undefined) continue;
    for (const field of ["min", "avg", "max"] as const)
      assert.ok(Math.abs(other.latency[field] - bucket.latency[field]) <= 0.002 * (1 + bucket.latency[field]), field);
    assert.ok(other.latency.p95 <= other.latency.max * 1.001);
  }
}

test("what a history was before a restart, it is after it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { minLength: 1, maxLength: 40 }), async (steps) => {
      const [folder, clock] = [newFolder(), new VirtualClock()];
      // never restarted: what must be found
      const model = await HistoryRun.start({ folder: newFolder(), clock });
      let run = await HistoryRun.start({ folder, clock });
      let restarts = 1;
      const restart = async (downMs: number) => {
        for (const name of NAMES) for (const each of [run, model]) each.set(name, "SERVICE_UNKNOWN");
        const changes = run.changes();
        await run.end();
        await model.pass(downMs);
        run = await HistoryRun.start({ folder, clock });
        restarts += 1;
        assert.deepEqual(run.changes(), changes);
        for (const name of NAMES)
          for (const ms of [20 * HOUR, 20 * DAY]) assertSame(run.past(name, ms), model.past(name, ms), restarts);
      };
      for (const step of steps)
        if (step.kind === "restart") await restart(step.downMs);
        else if (step.kind === "pass") await model.pass(step.ms);
        else
          for (const each of [run, model])
            if (step.kind === "set") each.set(step.name, step.to);
            else each.services.addLatency(step.name, step.ms);
      await restart(1);
      await run.end();
      await model.end();
    }),
    { numRuns: 40 },
  );
});

test("a bucket that ends while the files are read is the sum of both runs", () => {
  const shape = { widthMs: 5 * MINUTE, perChunk: 72 };
  const at = Date.UTC(2026, 0, 1);
  const [own, read] = [new BucketSeries(shape), new BucketSeries(shape)];
  read.credit("serving", at + MINUTE, at + 2 * MINUTE);
  read.addLatency(at + MINUTE, 10);
  read.finish(at + HOUR);
  own.credit("notServing", at + 4 * MINUTE, at + 5 * MINUTE);
  own.addLatency(at + 4 * MINUTE, 30);
  own.credit("serving", at + 5 * MINUTE, at + 6 * MINUTE);
  own.adopt(read);
  const [first, second] = [...own.read(at, at + HOUR)];
  assert.deepEqual(first?.parts, { serving: MINUTE, notServing: MINUTE, unknown: 0, maintenance: 0 });
  assert.deepEqual([first?.latency?.count, Math.round(first?.latency?.avg ?? 0)], [2, 20]);
  assert.equal(second?.parts.serving, MINUTE);
});

describe("a history in files", () => {
  test("a transition of before the files are opened is written at once", async () => {
    const [folder, clock] = [newFolder(), new VirtualClock()];
    const run = await HistoryRun.start({ folder, clock, early: "a" });
    await clock.advance(SECOND);
    await eventually(() => filesIn(folder).length > 0 && textIn(folder).includes('"SERVING"'), "it is written", 2_000);
    await run.end();
  });

  test("a transition is written with the time before it, after a second; other services after a minute", async () => {
    const [folder, clock] = [newFolder(), new VirtualClock()];
    const run = await HistoryRun.start({ folder, clock });
    run.set("steady", "SERVING");
    await clock.advance(0);
    await eventually(() => textIn(folder).includes('"steady"'), "the first one is written at once");
    await eventually(() => clock.pendingTimers >= 2, "the write has ended");
    await run.pass(10 * SECOND);
    run.set("a", "NOT_SERVING");
    await run.written();
    run.set("a", "SERVING");
    await run.written();
    const copy = newFolder();
    cpSync(folder, copy, { recursive: true });
    const crashed = await HistoryRun.start({ folder: copy, clock });
    assert.deepEqual(crashed.changes(), run.changes());
    assert.equal(crashed.past("steady", HOUR)?.parts.serving ?? 0, 0);
    const { notServing = 0 } = crashed.past("a", HOUR)?.parts ?? {};
    assert.ok(notServing >= SECOND, `${notServing}`);
    await crashed.end();
    await run.pass(50 * SECOND);
    await eventually(() => textIn(folder).includes('"key":"steady","value":{"fine"'), "all are written after a minute");
    const later = await HistoryRun.start({ folder, clock });
    assert.ok((later.past("steady", HOUR)?.parts.serving ?? 0) >= 59 * SECOND);
    await later.end();
    await run.end();
  });

  test("an event ID of an earlier process cannot be continued from", async () => {
    const [folder, clock] = [newFolder(), new VirtualClock()];
    const first = await HistoryRun.start({ folder, clock });
    first.set("a", "SERVING");
    await first.end();
    const second = await HistoryRun.start({ folder, clock });
    second.set("a", "NOT_SERVING");
    assert.deepEqual(second.changes(), [
      `${first.transitions.epoch}-1 a SERVING`,
      `${second.transitions.epoch}-1 a NOT_SERVING`,
    ]);
    assert.equal(second.transitions.sequenceOf(first.transitions.idOf(1)), undefined);
    assert.equal(second.transitions.canContinue(0), true);
    await second.end();
  });

  test("the newest 10,000 transitions are kept, over all processes", async () => {
    const [folder, clock] = [newFolder(), new VirtualClock()];
    for (let process = 0; process < 3; process += 1) {
      const run = await HistoryRun.start({ folder, clock });
      for (let index = 0; index < 4_500; index += 1) run.set("a", index % 2 === 0 ? "SERVING" : "NOT_SERVING");
      await run.pass(SECOND);
      await run.end();
    }
    const run = await HistoryRun.start({ folder, clock });
    const changes = run.changes();
    assert.ok(changes.length <= 10_000 && changes.length >= 9_000, `${changes.length}`);
    run.set("a", "UNKNOWN");
    assert.equal(new Set(run.changes()).size, run.changes().length);
    assert.equal(run.changes().at(-1), `${run.transitions.epoch}-1 a UNKNOWN`);
    await run.end();
  });

  test("a clock that was set back between two processes leaves no bucket in the future, and none is too long", async () => {
    for (const backMs of [SECOND, 30 * SECOND, 4 * MINUTE, 90 * MINUTE, 40 * DAY]) {
      const [folder, clock] = [newFolder(), new VirtualClock()];
      const first = await HistoryRun.start({ folder, clock });
      first.set("a", "SERVING");
      await first.pass(3 * HOUR + 100 * SECOND);
      await first.end();
      clock.wallOffset -= backMs;
      const second = await HistoryRun.start({ folder, clock });
      second.set("a", "NOT_SERVING");
      await second.pass(2 * HOUR);
      for (const ms of [20 * HOUR, 20 * DAY])
        for (const bucket of second.past("a", ms)?.buckets ?? assert.fail()) {
          const { bucketMs } = second.past("a", ms) ?? assert.fail();
          const lengthMs = Math.min(bucketMs, clock.wallTime() - bucket.at);
          assert.ok(
            bucket.at <= clock.wallTime() && sumOf(bucket) <= lengthMs,
            `${backMs}: ${sumOf(bucket)} of ${lengthMs}`,
          );
          if (bucket.at >= second.services.startedAt) assert.equal(bucket.parts.serving, 0);
        }
      for (const { transition } of second.transitions.newestFirst()) assert.ok(transition.at <= clock.wallTime());
      await second.end();
    }
  });

  test("a clock that is set back while it runs: what it has dropped does not come back from the files", async () => {
    const [folder, clock] = [newFolder(), new VirtualClock()];
    const first = await HistoryRun.start({ folder, clock });
    first.set("a", "SERVING");
    await first.pass(3 * HOUR);
    first.set("a", "SERVICE_UNKNOWN");
    await first.written();
    clock.wallOffset -= 2 * HOUR;
    first.set("b", "SERVING");
    await first.pass(10 * SECOND);
    await eventually(async () => {
      await clock.advance(SECOND);
      return filesIn(folder).some((file) => file.endsWith(".base"));
    }, "the files are written anew");
    await first.end();
    clock.wallOffset += 4 * HOUR;
    const second = await HistoryRun.start({ folder, clock });
    assert.ok((second.past("a", 10 * HOUR)?.parts.serving ?? 0) <= HOUR);
    await second.end();
  });

  test("a clock that was set ahead between two processes leaves a gap", async () => {
    const [folder, clock] = [newFolder(), new VirtualClock()];
    const first = await HistoryRun.start({ folder, clock });
    first.set("a", "SERVING");
    await first.pass(HOUR);
    await first.end();
    clock.wallOffset += 5 * HOUR;
    const second = await HistoryRun.start({ folder, clock });
    second.set("a", "SERVING");
    await second.pass(HOUR);
    const { parts, from, to } = second.past("a", 8 * HOUR) ?? assert.fail();
    assert.ok(Math.abs(parts.serving - 2 * HOUR) < SECOND && to - from >= 8 * HOUR, `${parts.serving}`);
    await second.end();
  });

  test("the history of a check that is gone ages out, in the files too", async () => {
    const [folder, clock] = [newFolder(), new VirtualClock()];
    const first = await HistoryRun.start({ folder, clock, retainMs: DAY });
    first.set("gone", "SERVING");
    await first.pass(HOUR);
    await first.end();
    const second = await HistoryRun.start({ folder, clock, retainMs: DAY });
    second.set("kept", "SERVING");
    await second.pass(10 * SECOND);
    assert.equal(Math.round((second.past("gone", 20 * HOUR)?.parts.serving ?? 0) / MINUTE), 60);
    await second.pass(3 * DAY);
    assert.equal(second.past("gone", 20 * HOUR), undefined);
    await second.end();
    const third = await HistoryRun.start({ folder, clock, retainMs: DAY });
    assert.equal(third.past("gone", 20 * HOUR), undefined);
    assert.deepEqual(
      third.changes().filter((change) => change.includes("gone")),
      [],
    );
    await third.end();
  });

  test("records of another version, and files of the operator, are left out without a report", async (t) => {
    const [folder, clock] = [newFolder(), new VirtualClock()];
    const { messages, unsubscribe } = published("journal-damaged");
    t.after(unsubscribe);
    const value = { fine: [[clock.wallTime() / (5 * MINUTE) - 1, 1_000, 0, 0, 0, 0, 0, 0, 0, 0, 7], "row"], hourly: 5 };
    const records = [
      { type: "later", key: "a", value: 1 },
      { type: "buckets", key: "a", value },
      { type: "transition", key: "x", value: {} },
    ];
    writeFileSync(join(folder, "history.3.log"), records.map(encodeRecord).join(""));
    writeFileSync(join(folder, "history.txt"), "notes");
    const run = await HistoryRun.start({ folder, clock });
    assert.deepEqual([messages, run.changes()], [[], []]);
    assert.equal(run.past("a", HOUR)?.buckets.length ?? 0, 0);
    run.set("a", "SERVING");
    await run.end();
    assert.deepEqual(filesIn(folder), ["history.3.log", "history.4.log", "history.txt"]);
  });
});

describe("damaged files of the history", () => {
  /** A folder with a base and a log, and every row that was written. */
  async function written() {
    const [folder, clock] = [newFolder(), new VirtualClock()];
    for (let process = 0; process < 19; process += 1) {
      const run = await HistoryRun.start({ folder, clock });
      for (const name of NAMES) run.set(name, process % 3 === 0 ? "NOT_SERVING" : "SERVING");
      await run.pass(40 * MINUTE);
      run.set("a", "UNKNOWN");
      await run.written();
      await run.end();
    }
    assert.ok(
      filesIn(folder).some((file) => file.endsWith(".base")),
      "there is a base",
    );
    return { folder, clock };
  }

  const bucketsOf = (run: HistoryRun) =>
    NAMES.flatMap((name) =>
      [20 * HOUR, 20 * DAY].flatMap(
        (ms) => run.past(name, ms)?.buckets.map((bucket) => ({ name, ms, ...bucket })) ?? [],
      ),
    );

  test("a file that cannot be read is told as that, and the others count", async () => {
    const { folder, clock } = await written();
    const last = join(folder, filesIn(folder).findLast((file) => file.endsWith(".log")) ?? "");
    const services = new ServiceHistory({ clock, maxBytes: 32 * MB, retainMs: 30 * DAY });
    const transitions = new TransitionHistory("unreadable");
    const deps = { clock, instance: "history-test", services, transitions, isHeld: async () => true };
    const [faults, failures] = [published("fault"), published("journal-failed")];
    const journal = await HistoryJournal.open(folder, deps);
    rmSync(last); // it was found, and is not read yet
    await journal.loaded;
    for (const { unsubscribe } of [faults, failures]) unsubscribe();
    assert.deepEqual(
      faults.messages.map(({ where, error }) => [where, Object(error).code]),
      [[`reading ${last}`, "ENOENT"]],
    );
    assert.deepEqual(failures.messages, []);
    assert.ok([...services.names()].length > 0);
    await journal.close();
    services.close();
  });

  test("a base that cannot be read is not replaced: it may be readable at the next start", async () => {
    const { folder, clock } = await written();
    const base = join(folder, "history.1.base");
    for (const file of filesIn(folder).filter((name) => name.startsWith("history."))) rmSync(join(folder, file));
    symlinkSync("/proc/self/mem", base); // its first page gives EIO
    const faults = published("fault");
    const run = await HistoryRun.start({ folder, clock });
    faults.unsubscribe();
    assert.deepEqual(
      faults.messages.map(({ where, error }) => [where, Object(error).code]),
      [[`reading ${base}`, "EIO"]],
    );
    run.set("a", "SERVING");
    await run.pass(HOUR);
    clock.wallOffset -= HOUR / 2; // files are written anew after a correction
    run.set("b", "SERVING");
    await run.pass(10 * SECOND);
    await eventually(async () => {
      await clock.advance(SECOND);
      return filesIn(folder).some((file) => file.endsWith(".log"));
    }, "a log");
    for (let second = 0; second < 300; second += 1) {
      await clock.advance(SECOND);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await run.end();
    assert.deepEqual(
      filesIn(folder).filter((name) => name.endsWith(".base")),
      ["history.1.base"],
    );
  });

  test("flipped bits never make a start fail or invent a second, and are reported", async (t) => {
    const { folder, clock } = await written();
    const original = await HistoryRun.start({ folder, clock });
    const [changes, buckets] = [new Set(original.changes()), bucketsOf(original)];
    await original.end();
    const { messages, unsubscribe } = published("journal-damaged");
    t.after(unsubscribe);
    const random = new SeededRandom(11);
    for (let trial = 0; trial < TRIALS; trial += 1) {
      const copy = newFolder();
      cpSync(folder, copy, { recursive: true });
      messages.length = 0;
      for (const file of filesIn(copy)) {
        const bytes = readFileSync(join(copy, file));
        for (let flip = 0; flip < 3; flip += 1) {
          const at = Math.floor(random.next() * bytes.length);
          bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random.next() * 8));
        }
        writeFileSync(join(copy, file), bytes);
      }
      const run = await HistoryRun.start({ folder: copy, clock });
      assert.equal(messages.length, filesIn(copy).length, "each file is reported");
      for (const change of run.changes()) assert.ok(changes.has(change), change);
      for (const { name, ms, at, parts } of bucketsOf(run)) {
        const whole = buckets.find((each) => each.name === name && each.ms === ms && each.at === at);
        for (const part of PARTS)
          assert.ok(parts[part] <= (whole?.parts[part] ?? 0), `${name} ${at} ${part}: ${parts[part]}`);
      }
      await run.end();
      rmSync(copy, { recursive: true });
    }
  });

  test("a torn tail is dropped, and what follows in the next file counts", async (t) => {
    const { folder, clock } = await written();
    const { messages, unsubscribe } = published("journal-damaged");
    t.after(unsubscribe);
    const [log = ""] = filesIn(folder)
      .filter((file) => file.endsWith(".log"))
      .slice(-1);
    appendFileSync(join(folder, log), '57 00000000 {"type":"transition","ke');
    const second = await HistoryRun.start({ folder, clock });
    assert.deepEqual(
      messages.map(({ damagedLines, tornBytes }) => [damagedLines, tornBytes]),
      [[0, 36]],
    );
    const before = second.changes();
    second.set("b", "SERVING");
    await second.end();
    const third = await HistoryRun.start({ folder, clock });
    assert.deepEqual(third.changes(), [...before, `${second.transitions.epoch}-1 b SERVING`]);
    await third.end();
  });

  test("a line without an end is skipped, however long it is", async (t) => {
    const [folder, clock] = [newFolder(), new VirtualClock()];
    const { messages, unsubscribe } = published("journal-damaged");
    t.after(unsubscribe);
    const good = encodeRecord(
      transitionRecord({
        epoch: "e",
        transition: {
          sequence: 1,
          at: clock.wallTime(),
          subject: "service",
          name: "a",
          from: "UNKNOWN",
          to: "SERVING",
          degraded: false,
          reason: undefined,
        },
      }),
    );
    writeFileSync(join(folder, "history.1.log"), `${"\0".repeat(3_000_000)}\n${good}`);
    const run = await HistoryRun.start({ folder, clock });
    assert.deepEqual(run.changes(), ["e-1 a SERVING"]);
    assert.ok((messages[0]?.damagedLines ?? 0) > 0);
    await run.end();
  });

  test("what an interrupted rewrite has left is not used, and removed", async () => {
    const { folder, clock } = await written();
    const before = await HistoryRun.start({ folder, clock });
    const changes = before.changes();
    await before.end();
    const [base = ""] = filesIn(folder).filter((file) => file.endsWith(".base"));
    const number = Number(base.split(".")[1]);
    const stale = encodeRecord(
      transitionRecord({
        epoch: "stale",
        transition: {
          sequence: 1,
          at: clock.wallTime(),
          subject: "service",
          name: "a",
          from: "UNKNOWN",
          to: "SERVING",
          degraded: false,
          reason: undefined,
        },
      }),
    );
    for (const file of ["history.new", "history.0.base", `history.${number}.log`, "history.1.log"])
      writeFileSync(join(folder, file), stale);
    const run = await HistoryRun.start({ folder, clock });
    assert.deepEqual(run.changes(), changes);
    assert.deepEqual(
      filesIn(folder).filter(
        (file) => file.includes("new") || file.startsWith("history.0.") || file === `history.${number}.log`,
      ),
      [],
    );
    await run.end();
  });
});

describe("the bounds of the history in files", () => {
  test("the files stay a small multiple of what is kept", async () => {
    const [folder, clock] = [newFolder(), new VirtualClock()];
    const run = await HistoryRun.start({ folder, clock });
    let largest = 0;
    for (let round = 0; round < 30; round += 1) {
      for (let index = 0; index < 1_000; index += 1)
        run.set(`service-${index % 50}`, index % 2 === 0 ? "SERVING" : "NOT_SERVING");
      await run.written();
      largest = Math.max(
        largest,
        filesIn(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0),
      );
    }
    const changes = run.changes();
    await run.end();
    assert.ok(largest > MB && largest < 9 * MB, `${largest}`);
    const next = await HistoryRun.start({ folder, clock });
    assert.deepEqual(next.changes().slice(-9_000), changes.slice(-9_000));
    await next.end();
  });

  test("a history that is larger than the memory is read within the bound, the newest days of each service", async () => {
    const [folder, clock] = [newFolder(), new VirtualClock()];
    const names = Array.from({ length: 50 }, (_, index) => `check-${index}`);
    const large = await HistoryRun.start({ folder, clock });
    for (const name of names) large.set(name, "SERVING");
    for (let hour = 0; hour < 20 * 24; hour += 1) await large.pass(HOUR);
    await large.end();
    const maxBytes = (16 * MB) / 20;
    const small = await HistoryRun.start({ folder, clock, maxBytes });
    for (const name of names) small.set(name, "NOT_SERVING");
    await small.pass(20 * SECOND);
    assert.ok(small.services.bytes <= maxBytes, `${small.services.bytes}`);
    for (const name of names) assert.ok((small.past(name, 4 * DAY)?.parts.serving ?? 0) > 3 * DAY, name);
    await small.end();
  });

  test("while the folder is gone, the service goes on, and what was not written is written later", async (t) => {
    const [folder, clock] = [newFolder(), new VirtualClock()];
    const { messages, unsubscribe } = published("journal-failed");
    t.after(unsubscribe);
    const run = await HistoryRun.start({ folder, clock });
    run.isHeld = false;
    for (let minute = 0; minute < 30; minute += 1) {
      run.set("a", minute % 2 === 0 ? "SERVING" : "NOT_SERVING");
      await run.pass(MINUTE);
    }
    await eventually(() => messages.length > 2, "the failure is reported");
    assert.match(String(messages[0]?.error), /was removed or taken over; restart to use it/);
    run.isHeld = true;
    await eventually(async () => {
      await run.pass(5 * SECOND);
      return messages.at(-1)?.error === undefined;
    }, "it is written again");
    const [changes, past] = [run.changes(), run.past("a", HOUR)];
    await run.end();
    const next = await HistoryRun.start({ folder, clock });
    assert.deepEqual(next.changes(), changes);
    assertSame(next.past("a", HOUR), past, 1);
    await next.end();
  });

  test("a base that cannot be written (a full disk) stops nothing, is reported, and is written later", async (t) => {
    const [folder, clock] = [newFolder(), new VirtualClock()];
    const { messages, unsubscribe } = published("journal-failed");
    t.after(unsubscribe);
    const run = await HistoryRun.start({ folder, clock });
    symlinkSync("/dev/full", join(folder, "history.new"));
    const fill = async () => {
      for (let index = 0; index < 3_000; index += 1) run.set(`service-${index}`, "SERVING");
      await clock.advance(SECOND);
      await clock.advance(61 * SECOND);
    };
    await eventually(async () => {
      await fill();
      return messages.some(({ file }) => file.endsWith(".base"));
    }, "the failure is reported");
    assert.match(String(messages.find(({ file }) => file.endsWith(".base"))?.error), /ENOSPC/);
    await eventually(async () => {
      await fill();
      return filesIn(folder).some((file) => file.endsWith(".base"));
    }, "it is written when there is room");
    const changes = run.changes();
    await run.end();
    const next = await HistoryRun.start({ folder, clock });
    assert.deepEqual(next.changes().slice(-9_000), changes.slice(-9_000));
    await next.end();
  });
});
