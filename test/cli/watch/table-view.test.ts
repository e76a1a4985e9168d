/** What of the rows a table shows, and how keys change it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Key } from "../../../src/cli/watch/keys.js";
import { FIRST_VIEW, pressed, type TableView, viewedRows } from "../../../src/cli/watch/table-view.js";
import { row } from "./rows.js";

const EXTENT = { rows: 100, page: 10 };

/** The view after these keys; a text is typed character by character. */
function after(...keys: readonly string[]): TableView | "quit" {
  return keys.reduce<TableView | "quit">((view, key) => {
    if (view === "quit") return view;
    const known = /^(?:up|down|page-up|page-down|home|end|enter|escape|backspace|clear-line)$/.test(key);
    const typed: readonly Key[] = known ? [key as Key] : Array.from(key, (text) => ({ text }));
    return typed.reduce<TableView | "quit">((each, one) => (each === "quit" ? each : pressed(each, one, EXTENT)), view);
  }, FIRST_VIEW);
}

describe("the keys of the table", () => {
  const rows: readonly (readonly [keys: readonly string[], expected: Partial<TableView> | "quit"])[] = [
    [["q"], "quit"],
    [["s"], { sort: "name" }],
    [["ssss"], { sort: "status" }],
    [["r"], { isReversed: true }],
    [["rr"], {}],
    [["down", "j"], { top: 2 }],
    [["up"], {}],
    [["page-down", " "], { top: 20 }],
    [["end"], { top: 90 }],
    [["G", "page-up", "k"], { top: 79 }],
    [["end", "page-down"], { top: 90 }],
    [["end", "home"], {}],
    [["end", "s"], { sort: "name" }],
    [["/ab q"], { filter: "ab q", isTyping: true }],
    [["/ab", "enter"], { filter: "ab" }],
    [["/ab", "enter", "escape"], {}],
    [["/ab", "escape"], {}],
    [["/a👩", "backspace"], { filter: "a", isTyping: true }],
    [["/abc", "clear-line"], { isTyping: true }],
    [["/a", "up"], { filter: "a", isTyping: true }],
    [[`/${"x".repeat(150)}`], { filter: "x".repeat(100), isTyping: true }],
    [["?"], { showsHelp: true }],
    [["?", "s"], {}],
    [["?q"], "quit"],
    [["x"], {}],
    [["enter", "backspace"], {}],
  ];
  for (const [keys, expected] of rows)
    test(JSON.stringify(keys).slice(0, 40), () => {
      assert.deepEqual(after(...keys), expected === "quit" ? expected : { ...FIRST_VIEW, ...expected });
    });

  test("a table that fits is not scrolled", () => {
    assert.deepEqual(pressed(FIRST_VIEW, "end", { rows: 5, page: 10 }), FIRST_VIEW);
  });
});

describe("the rows of the table", () => {
  const rows = [
    row("c", "SERVING", { changes: 3, since: 30 }),
    row("a", "SERVING", { degraded: true }),
    row("", "UNKNOWN", { since: 50 }),
    row("b", "NOT_SERVING", { reason: "Connection-Refused" }),
    row("d", "SERVICE_UNKNOWN", { changes: 1 }),
    row("e", undefined, { fault: "Check failed: INTERNAL" }),
    row("f", "7"),
  ];
  const names = (view: Partial<TableView>) =>
    viewedRows(rows, { ...FIRST_VIEW, ...view }).map(({ service }) => service);

  test("the worst statuses are first, then names", () => {
    assert.deepEqual(names({}), ["b", "e", "", "f", "d", "a", "c"]);
  });

  test("are sorted by name, by the newest change, and by the number of changes", () => {
    assert.deepEqual(names({ sort: "name" }), ["", "a", "b", "c", "d", "e", "f"]);
    assert.deepEqual(names({ sort: "since" }), ["", "c", "a", "b", "d", "e", "f"]);
    assert.deepEqual(names({ sort: "changes" }), ["c", "d", "", "a", "b", "e", "f"]);
    assert.deepEqual(names({ sort: "changes", isReversed: true }), ["f", "e", "b", "a", "", "d", "c"]);
  });

  test("are filtered by name, status and reason", () => {
    assert.deepEqual(names({ filter: "not_s" }), ["b"]);
    assert.deepEqual(names({ filter: "refused" }), ["b"]);
    assert.deepEqual(names({ filter: "internal" }), ["e"]);
    assert.deepEqual(names({ filter: "OVERALL" }), [""]);
    assert.deepEqual(names({ filter: "none" }), []);
  });

  test("the rows that were given are not changed", () => {
    const given = [...rows];
    names({ sort: "name", isReversed: true });
    assert.deepEqual(rows, given);
  });
});
