/** The bodies of lists: rendered once for each index, within a bound of memory. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FairTurns } from "../../../src/core/fair-turns.js";
import { SharedBytesPool } from "../../../src/core/shared-bytes.js";
import { type RenderedList, Renderings } from "../../../src/transports/discovery/renderings.js";
import type { ListView } from "../../../src/transports/discovery/view.js";
import { eventually } from "../../support/eventually.js";
import { collectFaults } from "../../support/faults.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { read } from "../http/bridge-fixture.js";
import { turns } from "./discovery-fixture.js";

/** A list that counts how often it is read. */
class Listed implements ListView {
  readonly service = undefined;
  isKnown = true;
  index = 1;
  reads = 0;
  readonly key: string;
  readonly #pieces: readonly string[];

  constructor(key: string, pieces: readonly string[]) {
    this.key = key;
    this.#pieces = pieces;
  }

  content() {
    this.reads += 1;
    return { before: `${this.index}[`, pieces: this.#pieces, after: "]", size: this.#pieces.length };
  }
}

const many = (count: number, bytes = 10) => Array.from({ length: count }, (_, at) => String(at).padEnd(bytes, "x"));

function renderingsOf() {
  const clock = new VirtualClock();
  const pool = new SharedBytesPool();
  const renderings = new Renderings({ clock, pool, turns: new FairTurns(clock, "r"), instance: "r" });
  const ask = (view: ListView) => {
    const asked: { rendered?: RenderedList | undefined; isUnknown: boolean; isDone: boolean } = {
      isUnknown: false,
      isDone: false,
    };
    renderings.render(view, (rendered) => {
      if (rendered === "unknown") asked.isUnknown = true;
      else asked.rendered = rendered;
      asked.isDone = true;
    });
    return asked;
  };
  return { clock, renderings, ask };
}

const bodyOf = ({ rendered }: { rendered?: RenderedList | undefined }) =>
  rendered && read({ status: 200, headers: {}, body: rendered.body }).body;

describe("a short list", () => {
  test("is rendered in the same step, and read once for each index", () => {
    const { ask } = renderingsOf();
    const view = new Listed("a", ["1", "2"]);
    assert.equal(bodyOf(ask(view)), "1[1,2]");
    ask(new Listed("b", ["3"]));
    ask(view);
    assert.equal(view.reads, 1);
    view.index = 2;
    assert.equal(bodyOf(ask(view)), "2[1,2]");
    assert.equal(view.reads, 2);
  });

  test("is dropped when clients ask for too many others, such as tags of their own", () => {
    const { ask } = renderingsOf();
    const view = new Listed("a", ["1"]);
    ask(view);
    for (let at = 0; at < 511; at += 1) ask(new Listed(`b${at}`, ["1"]));
    ask(view);
    assert.equal(view.reads, 1, "512 are kept");
    for (let at = 0; at < 512; at += 1) ask(new Listed(`c${at}`, ["1"]));
    ask(view);
    assert.equal(view.reads, 2);
  });

  test("of many bytes is dropped at 24 MiB, and a list that is rendered again counts once", () => {
    const { ask } = renderingsOf();
    const view = new Listed("a", ["1"]);
    ask(view);
    const large = new Listed(
      "large",
      [..."x".repeat(10)].map(() => "x".repeat(1024 * 1024)),
    );
    for (; large.index < 6; large.index += 1) ask(large);
    ask(view);
    assert.equal(view.reads, 1, "10 MiB are kept, not 50");
    for (const key of ["b", "c", "d"]) ask(new Listed(key, many(10, 1024 * 1024)));
    ask(view);
    assert.equal(view.reads, 2);
  });
});

describe("a long list", () => {
  test("is rendered in later turns, once for all that ask before it begins", async () => {
    const { ask } = renderingsOf();
    const view = new Listed("a", many(20_000));
    const asked = Array.from({ length: 200 }, () => ask(view));
    assert.ok(asked.every(({ isDone }) => !isDone));
    await eventually(() => asked.every(({ isDone }) => isDone), "rendered");
    assert.equal(view.reads, 2, "once to see its size, once for all");
    assert.equal(bodyOf(asked[199] ?? {}), `1[${many(20_000).join(",")}]`);
  });

  test("that changes meanwhile is rendered anew for those that ask later", async () => {
    const { ask, clock } = renderingsOf();
    const view = new Listed("a", many(20_000));
    const first = ask(view);
    await turns(2);
    assert.equal(first.isDone, false, "it has begun");
    view.index = 2;
    const second = ask(view);
    await eventually(async () => {
      await clock.advance(1);
      return second.isDone;
    }, "both");
    assert.deepEqual([first.rendered?.index, second.rendered?.index], [1, 2]);
    assert.match(bodyOf(second) ?? "", /^2\[/);
  });

  test("that becomes unknown before it is read is not told, and is rendered when it is known again", async () => {
    const { ask, clock } = renderingsOf();
    const view = new Listed("a", many(101));
    const asked = [ask(view), ask(view)];
    view.isKnown = false;
    await eventually(() => asked.every(({ isDone }) => isDone), "both");
    assert.deepEqual(
      asked.map(({ isUnknown, rendered }) => [isUnknown, rendered]),
      Array(2).fill([true, undefined]),
    );
    assert.equal(view.reads, 1, "to see its size");
    view.isKnown = true;
    const again = ask(view);
    await eventually(async () => {
      await clock.advance(1);
      return again.isDone;
    }, "again");
    assert.equal(again.rendered?.index, 1);
  });

  test("that cannot be rendered is told to those that wait, and the next one is rendered", async (t) => {
    const { ask, clock } = renderingsOf();
    const faults = collectFaults(t, "r");
    const broken = new Listed("a", many(200));
    const { content } = broken;
    broken.content = () => {
      if (broken.reads > 0) throw new Error("broken");
      return content.call(broken);
    };
    const [first, second] = [ask(broken), ask(new Listed("b", many(200)))];
    await eventually(async () => {
      await clock.advance(1);
      return first.isDone && second.isDone;
    }, "both");
    assert.equal(first.rendered, undefined);
    assert.notEqual(second.rendered, undefined);
    assert.equal(faults.length, 1);
  });
});
