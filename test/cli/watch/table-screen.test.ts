/** The lines of the live table in every width, and what is written to change them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { layoutOf, rowLine, sinceText, statusText, titleLine } from "../../../src/cli/watch/table-layout.js";
import { changesOf, type ScreenContent, screenLines } from "../../../src/cli/watch/table-screen.js";
import { FIRST_VIEW } from "../../../src/cli/watch/table-view.js";
import { widthOf } from "../../../src/cli/watch/text-width.js";
import { row } from "./rows.js";

const NOW = Date.UTC(2026, 10, 27, 9, 20, 5);

const ROWS = [
  row("", "SERVING", { since: NOW - 86_400_000 }),
  row("acme.orders.v1.Orders", "NOT_SERVING", { reason: "connection-refused", changes: 12, since: NOW - 2_000 }),
  row("acme.payments.v1.Payments", "SERVING", { isCurrent: false }),
  row("x", undefined, { fault: "Check failed: INTERNAL" }),
];

function content(fields: Partial<ScreenContent> = {}): ScreenContent {
  return {
    ...{ addr: "orders:443", rows: ROWS, view: FIRST_VIEW, size: { columns: 100, rows: 8 }, now: NOW },
    ...{ hasColour: false, hasKeys: true },
    connection: { state: "connected", since: NOW, cause: undefined, polledAt: NOW },
    ...fields,
  };
}

describe("the screen", () => {
  test("has the connection, the counts, a row for each service, and the keys", () => {
    assert.deepEqual(screenLines(content()), [
      "orders:443: connected, asked at 09:20:05 UTC",
      "4 services: 1 NOT_SERVING, 1 SERVING, 2 not known; sorted by status",
      "SERVICE                    STATUS       SINCE        CHANGES  REASON",
      "acme.orders.v1.Orders      NOT_SERVING  09:20:03          12  connection-refused",
      "x                          ?                               0  Check failed: INTERNAL",
      "(overall)                  SERVING      11-26 09:20        0",
      "acme.payments.v1.Payments  was SERVING                     0",
      `q quit  s sort  r reverse  / filter  ? help${" ".repeat(48)} 1-4 of 4`.padEnd(100).trimEnd(),
    ]);
  });

  test("has exactly the size of the terminal, whatever it is", () => {
    for (const showsHelp of [false, true])
      for (let columns = 1; columns <= 130; columns += 1)
        for (const rows of [1, 2, 3, 4, 5, 8, 30]) {
          const lines = screenLines(content({ size: { columns, rows }, view: { ...FIRST_VIEW, showsHelp } }));
          assert.equal(lines.length, rows);
          for (const line of lines) assert.ok(widthOf(line) <= columns, `${columns} columns: ${JSON.stringify(line)}`);
        }
  });

  test("the connection stands in the first line, however small the terminal is", () => {
    const connection = { state: "disconnected", since: NOW, cause: "refused", polledAt: NOW } as const;
    assert.deepEqual(screenLines(content({ connection, size: { columns: 100, rows: 1 } })), [
      "orders:443: disconnected since 09:20:05 UTC: refused",
    ]);
  });

  test("nothing from outside controls the terminal", () => {
    const evil = "\u001b[2J\u0007\r\n";
    const rows = [row(evil, evil, { reason: evil, changes: 1 }), row("b", undefined, { fault: evil })];
    const connection = { state: "connecting", since: NOW, cause: evil, polledAt: undefined } as const;
    const view = { ...FIRST_VIEW, filter: evil, isTyping: true };
    for (const each of [content({ rows, connection, addr: evil }), content({ rows, view }), content({ view })])
      for (const line of screenLines(each)) assert.match(line, /^[\x20-\x7e]*$/);
  });

  test("without a connection and a row it says that there is no answer yet", () => {
    const connection = { state: "connecting", since: NOW, cause: undefined, polledAt: undefined } as const;
    const [first, second] = screenLines(content({ rows: [], connection }));
    assert.deepEqual([first, second], ["orders:443: connecting since 09:20:05 UTC", "no answer yet; sorted by status"]);
  });

  test("the last page is full, although rows have vanished", () => {
    const lines = screenLines(content({ view: { ...FIRST_VIEW, top: 50 } }));
    assert.match(lines.at(-1) ?? "", /1-4 of 4$/);
  });
});

describe("a row", () => {
  const line = (columns: number) => {
    const layout = layoutOf(ROWS, columns);
    return [titleLine(layout), ...ROWS.map((each) => rowLine(each, layout, NOW, (text) => text))];
  };

  test("has all columns at 60 columns", () => {
    assert.deepEqual(line(60), [
      "SERVICE                STATUS       SINCE  CHG  REASON",
      "(overall)              SERVING      11-26    0",
      "acme.orders.v1.Orders  NOT_SERVING  09:20   12  connection..",
      "..ayments.v1.Payments  was SERVING           0",
      "x                      ?                     0  Check fail..",
    ]);
  });

  test("loses the changes first, then the time, and never the status", () => {
    assert.match(line(50)[0] ?? "", /^SERVICE +STATUS +SINCE +REASON$/);
    assert.match(line(42)[0] ?? "", /^SERVICE +STATUS +REASON$/);
    assert.match(line(34)[2] ?? "", /NOT_SERVING/);
  });

  test("a status that is not current is never shown as one that is", () => {
    assert.equal(statusText(row("a", "SERVING")), "SERVING");
    assert.equal(statusText(row("a", "SERVING", { isCurrent: false })), "was SERVING");
    assert.equal(statusText(row("a", "SERVING", { degraded: true })), "SERVING degraded");
    assert.equal(statusText(row("a", undefined)), "?");
  });

  test("a time that is none is empty", () => {
    assert.equal(sinceText(undefined, NOW, false), "");
    assert.equal(sinceText(1e20, NOW, false), "");
    assert.equal(sinceText(NOW, NOW, true), "09:20");
  });
});

describe("the changes of a screen", () => {
  test("only lines that differ are written", () => {
    assert.equal(changesOf(["a", "b", "c"], ["a", "x", "c"]), "\u001b[2;1Hx\u001b[K");
    assert.equal(changesOf(["a"], ["a"]), "");
    assert.equal(changesOf([], ["a", ""]), "\u001b[1;1Ha\u001b[K\u001b[2;1H\u001b[K");
  });
});
