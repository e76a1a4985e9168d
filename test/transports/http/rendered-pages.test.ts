/** Renderings that are used again: bounded in number, bytes and time. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SharedBytes, SharedBytesPool } from "../../../src/core/shared-bytes.js";
import { Registry } from "../../../src/registry/registry.js";
import { RenderedPages, Rendering } from "../../../src/transports/http/rendered-pages.js";
import { Snapshots } from "../../../src/transports/http/snapshot.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const MB = 1024 * 1024;

function kept() {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "kept" });
  const deps = { clock, pool: new SharedBytesPool() };
  const pages = new RenderedPages({ reader: registry, clock });
  const renderingOf = (...sizes: readonly number[]) => {
    const { version, statusVersion } = registry;
    const from = { snapshot: new Snapshots(registry).of(""), version, statusVersion };
    return new Rendering(
      from,
      sizes.map((size) => ({ bytes: Buffer.alloc(size, "x"), ends: [size] })),
      deps,
    );
  };
  return { clock, registry, pages, renderingOf };
}

describe("renderings that are used again", () => {
  test("are at most 64, those that were used least recently go first", () => {
    const { pages, renderingOf } = kept();
    for (let index = 0; index < 64; index += 1) pages.put(`p${index}`, renderingOf(1));
    assert.ok(pages.get("p0") !== undefined);
    for (let index = 64; index < 100; index += 1) pages.put(`p${index}`, renderingOf(1));
    const keys = Array.from({ length: 100 }, (_, index) => `p${index}`).filter((key) => pages.get(key) !== undefined);
    assert.deepEqual([keys.length, keys[0], keys[1]], [64, "p0", "p37"]);
  });

  test("have at most 24 MiB; a larger one is kept alone", () => {
    const { pages, renderingOf } = kept();
    for (const key of ["a", "b", "c"]) pages.put(key, renderingOf(10 * MB));
    assert.deepEqual(
      ["a", "b", "c"].map((key) => pages.get(key) !== undefined),
      [false, true, true],
    );
    pages.put("d", renderingOf(30 * MB));
    assert.deepEqual(
      ["b", "c", "d"].map((key) => pages.get(key) !== undefined),
      [false, false, true],
    );
    pages.put("e", renderingOf(1));
    assert.deepEqual(
      ["d", "e"].map((key) => pages.get(key) !== undefined),
      [false, true],
    );
  });

  test("count once under their key", () => {
    const { pages, renderingOf } = kept();
    pages.put("a", renderingOf(1 * MB));
    for (let round = 0; round < 100; round += 1) pages.put("b", renderingOf(10 * MB));
    assert.ok(pages.get("a") !== undefined && pages.get("b") !== undefined);
  });

  test("are gone after a second, and leave no timer", async () => {
    const { clock, pages, renderingOf } = kept();
    pages.put("a", renderingOf(1));
    await clock.advance(999);
    assert.ok(pages.get("a") !== undefined);
    pages.put("b", renderingOf(1));
    await clock.advance(1);
    assert.deepEqual([pages.get("a"), pages.get("b") !== undefined], [undefined, true]);
    await clock.advance(998);
    assert.ok(pages.get("b") !== undefined);
    await clock.advance(1);
    assert.equal(pages.get("b"), undefined);
    await clock.advance(2_000);
    assert.equal(clock.pendingTimers, 0);
  });

  test("of one slice are valid until anything changes, longer ones until a status does", () => {
    const { registry, pages, renderingOf } = kept();
    const report = {
      name: "db",
      state: "passing",
      critical: true,
      counted: true,
      startup: true,
      held: false,
      reason: undefined,
    } as const;
    registry.report({ ...report, latencyMs: 1, lastResultAt: 1, since: 1, services: [] });
    const putBoth = () => {
      pages.put("short", renderingOf(1));
      pages.put("long", renderingOf(1, 1));
    };
    const valid = () => ["short", "long"].filter((key) => pages.get(key) !== undefined);
    putBoth();
    assert.deepEqual(valid(), ["short", "long"]);
    registry.report({ ...report, latencyMs: 2, lastResultAt: 2, since: 1, services: [] });
    assert.deepEqual(valid(), ["long"]);
    putBoth();
    registry.set("a", "SERVING");
    assert.deepEqual(valid(), []);
  });
});

describe("a body", () => {
  test("is a string up to 16 KiB, else shared bytes", () => {
    const { renderingOf } = kept();
    assert.equal(renderingOf(3).body("<", ">"), "<xxx>");
    assert.equal(typeof renderingOf(16 * 1024 - 2).body("<", ">"), "string");
    const large = renderingOf(16 * 1024 - 1).body("<", ">");
    assert.ok(large instanceof SharedBytes);
    assert.equal(large.byteLength, 16 * 1024 + 1);
  });

  test("is one and the same for all who get the same texts around it", () => {
    const rendering = kept().renderingOf(20_000);
    assert.equal(rendering.body("a", "b"), rendering.body("a", "b"));
    const others = [rendering.body("ab", ""), rendering.body("", "ab"), rendering.body("a", "b")];
    assert.equal(new Set(others).size, 3);
  });
});
