/** Pages: rendered once for all who ask, in slices, and never of a status that was over when the request came. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { subscribe } from "../../../src/core/channels.js";
import { SharedBytesPool } from "../../../src/core/shared-bytes.js";
import { Registry } from "../../../src/registry/registry.js";
import { type Page, PageRenderer } from "../../../src/transports/http/page-renderer.js";
import { Snapshots } from "../../../src/transports/http/snapshot.js";
import { settle, VirtualClock } from "../../support/virtual-clock.js";
import { check, type ReadAnswer, read } from "./bridge-fixture.js";

const MANY = 200;

/** A renderer over a registry with so many checks, and a page that counts its renderings. */
function rendering(checks: number) {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "pages" });
  for (let index = 0; index < checks; index += 1) registry.report(check(`c${index}`));
  const renderer = new PageRenderer({ reader: registry, clock, pool: new SharedBytesPool() });
  const snapshots = new Snapshots(registry);
  const counts = { renderings: 0, pieces: 0 };
  /** The overall status, then a line of 1 KiB for each check. */
  const page = (more: Partial<Page> = {}): Page => ({
    name: "test",
    key: "test",
    isVolatile: false,
    snapshot: () => snapshots.withChecks(""),
    pieces: function* ({ status, checks: { all } }) {
      counts.renderings += 1;
      yield `${status?.status}\n`;
      for (const { name, latencyMs } of all) {
        counts.pieces += 1;
        yield `${name} ${latencyMs}`.padEnd(1023).concat("\n");
      }
    },
    envelope: ({ status }) => ({
      status: status?.status === "SERVING" ? 200 : 503,
      headers: {},
      before: "",
      after: "",
    }),
    ...more,
  });
  const ask = (more: Partial<Page> = {}) =>
    new Promise<ReadAnswer>((resolve) => renderer.answer(page(more), (answer) => resolve(read(answer))));
  return { clock, registry, renderer, page, ask, counts };
}

const wordOf = ({ body }: ReadAnswer) => body.slice(0, body.indexOf("\n"));

describe("a long page", () => {
  test("arrives whole", async () => {
    const { ask } = rendering(MANY);
    const { status, body } = await ask();
    assert.equal(status, 200);
    assert.equal(body.length, "SERVING\n".length + MANY * 1024);
    assert.match(body, /\nc0 1\.23456 .*\nc1 [\s\S]*\nc199 1\.23456 +\n$/);
  });

  test("leaves the event loop after 4 ms of rendering, however short its text is", async () => {
    const { clock, ask } = rendering(MANY);
    const turns = [0];
    const pieces = function* () {
      for (let index = 0; index < MANY; index += 1) {
        clock.stall(1);
        turns.push((turns.pop() ?? 0) + 1);
        yield "x";
      }
    };
    let isOver = false;
    const answered = ask({ pieces }).finally(() => {
      isOver = true;
    });
    while (!isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      turns.push(0);
    }
    assert.equal((await answered).body.length, MANY);
    assert.ok(Math.max(...turns) <= 4, `${turns}`);
  });

  test("is rendered once for all who ask at the same time, and for those who ask while it is rendered", async () => {
    const { ask, counts } = rendering(MANY);
    const early = Array.from({ length: 500 }, () => ask());
    await settle();
    await settle();
    assert.ok(counts.pieces > 0 && counts.pieces < MANY, "it is being rendered");
    const late = Array.from({ length: 500 }, () => ask());
    const bodies = new Set((await Promise.all([...early, ...late])).map(({ body }) => body));
    assert.deepEqual([counts.renderings, bodies.size], [1, 1]);
  });

  test("is rendered in slices, and only one slice a turn over all pages", async () => {
    const { ask, counts } = rendering(MANY);
    const answers = Array.from({ length: 20 }, (_, index) => ask({ key: `page ${index}` }));
    let isDone = false;
    void Promise.all(answers).finally(() => {
      isDone = true;
    });
    let turns = 0;
    for (; !isDone; turns += 1) {
      const before = counts.pieces;
      await settle();
      assert.ok(counts.pieces - before <= 64, `${counts.pieces - before} KiB in one turn`);
    }
    assert.equal(counts.renderings, 20);
    assert.ok(turns >= 60, `${turns} turns`);
  });

  test("is given to a few of many requests in each turn", async () => {
    const { renderer, page } = rendering(MANY);
    let answered = 0;
    for (let request = 0; request < 1_000; request += 1) renderer.answer(page(), () => (answered += 1));
    while (answered < 1_000) {
      const before = answered;
      await settle();
      assert.ok(answered - before <= 64, `${answered - before} in one turn`);
    }
  });

  test("is used again for one second while measurements alone are new, and shows them after it", async () => {
    const { clock, registry, ask, counts } = rendering(MANY);
    await ask();
    registry.report(check("c0", { latencyMs: 9 }));
    await clock.advance(999);
    assert.doesNotMatch((await ask()).body, /^c0 9 /m);
    assert.equal(counts.renderings, 1);
    await clock.advance(1);
    assert.match((await ask()).body, /^c0 9 /m);
    assert.equal(counts.renderings, 2);
  });

  test("is rendered anew when a status has changed", async () => {
    const { registry, ask, counts } = rendering(MANY);
    assert.equal(wordOf(await ask()), "SERVING");
    registry.set("", "NOT_SERVING");
    const { status, body } = await ask();
    assert.deepEqual([status, wordOf({ status, headers: {}, body })], [503, "NOT_SERVING"]);
    assert.equal(counts.renderings, 2);
  });

  test("that was begun before a change is not given to a request that came after it", async () => {
    const { registry, ask, counts } = rendering(MANY);
    const before = ask();
    await settle();
    await settle();
    assert.ok(counts.pieces > 0 && counts.pieces < MANY);
    registry.report(check("c0", { state: "failing" })); // a change that leaves the code as it is
    registry.report(check("c1", { latencyMs: 7 }));
    const [early, late] = await Promise.all([before, ask()]);
    assert.doesNotMatch(early.body, /^c1 7 /m);
    assert.match(late.body, /^c1 7 /m);
  });

  test("has one snapshot from its first line to its last, and its code is of the same snapshot", async () => {
    const { registry, ask, counts } = rendering(MANY);
    const answers: ReadAnswer[] = [];
    for (let round = 0; round < 10; round += 1) {
      const asked = ask();
      await settle();
      await settle();
      registry.set("", round % 2 === 0 ? "NOT_SERVING" : "SERVING");
      for (let index = 0; index < MANY; index += 1) registry.report(check(`c${index}`, { latencyMs: round }));
      answers.push(await asked);
    }
    for (const { status, body } of answers) {
      const latencies = new Set([...body.matchAll(/^c\d+ ([\d.]+) /gm)].map(([, latency]) => latency));
      assert.equal(latencies.size, 1);
      assert.equal(status, body.startsWith("SERVING") ? 200 : 503);
    }
    assert.ok(counts.renderings >= 10, `${counts.renderings} renderings`);
  });

  test("whose code has changed by its end is rendered anew, so that the answer is the one of now", async () => {
    const { registry, ask } = rendering(MANY);
    const asked = ask();
    await settle();
    await settle();
    registry.set("", "NOT_SERVING");
    const { status, body } = await asked;
    assert.deepEqual([status, body.startsWith("NOT_SERVING")], [503, true]);
  });

  test("ends also while its code changes all the time", async () => {
    const { registry, ask, counts } = rendering(MANY);
    let isDone = false;
    const asked = ask().finally(() => {
      isDone = true;
    });
    for (let turn = 0; !isDone; turn += 1) {
      registry.set("", counts.renderings % 2 === 0 ? "SERVING" : "NOT_SERVING");
      await settle();
      assert.ok(turn < 100);
    }
    const { status, body } = await asked;
    assert.equal(counts.renderings, 3);
    assert.equal(status, body.startsWith("SERVING") ? 200 : 503);
  });

  test("that is asked for by nobody any more is not kept", async () => {
    const { clock, ask, counts } = rendering(MANY);
    await ask();
    await clock.advance(2_000);
    assert.equal(clock.pendingTimers, 0);
    await ask();
    assert.equal(counts.renderings, 2);
  });

  test("that cannot be rendered is 500 for all who wait, and the next request tries again", async () => {
    const { ask } = rendering(MANY);
    const faults: unknown[] = [];
    const leave = subscribe("fault", ({ instance, where, error }) => faults.push([instance, where, error]));
    const error = new Error("secret");
    const pieces = function* () {
      yield "x".repeat(70_000);
      throw error;
    };
    const answers = await Promise.all([ask({ pieces }), ask({ pieces })]);
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body]),
      [
        [500, "INTERNAL_SERVER_ERROR"],
        [500, "INTERNAL_SERVER_ERROR"],
      ],
    );
    assert.deepEqual(faults, [["pages", "test", error]]);
    leave();
    assert.equal((await ask()).status, 200);
  });

  test("reaches every request, also when one of them cannot be answered", async () => {
    const { renderer, page, ask } = rendering(MANY);
    const faults: unknown[] = [];
    const leave = subscribe("fault", ({ error }) => faults.push(error));
    const error = new Error("broken carrier");
    renderer.answer(page(), () => {
      throw error;
    });
    assert.equal((await ask()).status, 200);
    assert.equal((await ask({ key: "other" })).status, 200);
    leave();
    assert.deepEqual(faults, [error]);
  });
});

describe("a short page", () => {
  test("is answered in the same step, and rendered once until anything changes", () => {
    const { registry, renderer, page, counts } = rendering(100);
    const ask = () => {
      let answer: ReadAnswer | undefined;
      renderer.answer(page(), (each) => {
        answer = read(each);
      });
      assert.ok(answer !== undefined);
      return answer;
    };
    for (let round = 0; round < 100; round += 1) ask();
    assert.equal(counts.renderings, 1);
    registry.report(check("c0", { latencyMs: 9 }));
    assert.match(ask().body, /^c0 9 /m);
    registry.set("", "NOT_SERVING");
    assert.equal(ask().status, 503);
    assert.equal(counts.renderings, 3);
  });

  test("with many entries waits its turn", async () => {
    const { ask, counts } = rendering(101);
    const asked = ask();
    assert.equal(counts.renderings, 0);
    assert.equal((await asked).status, 200);
  });
});

describe("a volatile page", () => {
  test("is rendered once for all who ask at the same time, and anew for the next", async () => {
    const { ask, counts } = rendering(1);
    await Promise.all(Array.from({ length: 100 }, () => ask({ isVolatile: true })));
    assert.equal(counts.renderings, 1);
    await ask({ isVolatile: true });
    assert.equal(counts.renderings, 2);
  });

  test("that is long is used again for a second", async () => {
    const { clock, ask, counts } = rendering(MANY);
    await ask({ isVolatile: true });
    await clock.advance(999);
    await ask({ isVolatile: true });
    assert.equal(counts.renderings, 1);
    await clock.advance(1);
    await ask({ isVolatile: true });
    assert.equal(counts.renderings, 2);
  });
});

describe("pages with pieces that differ for one request", () => {
  /** The pages of `bodies` with each of these sets of lines replaced, made by hand. */
  const replaced = (body: string, lines: readonly number[]) =>
    body
      .split("\n")
      .map((line, index) => (lines.includes(index) ? `replaced ${index}` : line))
      .join("\n");

  for (const checks of [0, 1, 3, MANY])
    test(`share the rendering of the others: ${checks} checks`, async () => {
      const { ask, counts } = rendering(checks);
      const { body } = await ask();
      const sets = [[], [0], [1], [checks], [0, 1, 2], [128, 2, 63, 65, 64, 127], [...Array(checks + 1).keys()]];
      for (const lines of sets) {
        const texts = new Map(lines.toReversed().map((line) => [line, `replaced ${line}\n`]));
        const answer = await ask({ replacements: () => texts });
        assert.equal(
          answer.body,
          replaced(
            body,
            lines.filter((line) => line <= checks),
          ),
          String(lines),
        );
      }
      assert.equal(counts.renderings, 1);
    });
});
