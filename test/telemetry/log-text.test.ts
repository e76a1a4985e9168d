/** Log lines for a person at a terminal. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { textLine } from "../../src/telemetry/log-text.js";

const AT = new Date(2026, 0, 2, 3, 4, 5);
const line = (fields: object) => JSON.stringify({ time: AT.toISOString(), ...fields });
const PLAIN = { isTerminal: true, hasColours: false };
const GRAY = "\u001b[90m03:04:05\u001b[39m";

describe("a log line at a terminal", () => {
  const rows: readonly (readonly [string, object, string])[] = [
    ["has the local time, the level and the words", { level: "info", msg: "serving" }, "03:04:05 info  serving\n"],
    ["pads a short level", { level: "warn", msg: "a" }, "03:04:05 warn  a\n"],
    [
      "leaves the fields out",
      { level: "debug", event: "probe", check: "db", msg: "db: fail" },
      "03:04:05 debug db: fail\n",
    ],
    [
      "tells an error's message",
      { level: "error", msg: "fault", err: { message: "boom", stack: "s" } },
      "03:04:05 error fault: boom\n",
    ],
    [
      "tells nothing of an error without a message",
      { level: "error", msg: "fault", err: {} },
      "03:04:05 error fault\n",
    ],
    [
      "has the detail of a failure, escaped",
      { level: "warn", msg: 'check "db": passing -> failing (auth)', detail: "WRONGPASS\n\u001b[2J" },
      '03:04:05 warn  check "db": passing -> failing (auth): WRONGPASS\\u000a\\u001b[2J\n',
    ],
    ["may have no words", { level: "info" }, "03:04:05 info  \n"],
  ];
  for (const [label, fields, text] of rows) test(label, () => assert.equal(textLine(line(fields), PLAIN), text));

  const styles: readonly (readonly [string, string])[] = [
    ["debug", "\u001b[90mdebug\u001b[39m"],
    ["info", "\u001b[32minfo \u001b[39m"],
    ["warn", "\u001b[33mwarn \u001b[39m"],
    ["error", "\u001b[31merror\u001b[39m"],
    ["fatal", "\u001b[37mfatal\u001b[39m"],
  ];
  for (const [level, painted] of styles) {
    test(`${level} has its colour if colours are enabled`, () => {
      assert.equal(
        textLine(line({ level, msg: "a" }), { isTerminal: true, hasColours: true }),
        `${GRAY} ${painted} a\n`,
      );
    });
  }

  test("has date and time in UTC in a file or a pipe", () => {
    const text = textLine(line({ level: "info", msg: "a" }), { isTerminal: false, hasColours: false });
    assert.equal(text, `${AT.toISOString()} info  a\n`);
  });
});
