/** Every fault is in our own words: none of the YAML parser's, none of the schema library's. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ErrorCode } from "yaml";
import { syntaxFault } from "../../src/config/yaml-errors.js";
import { configKeys } from "../support/config-table.js";
import { faultsOf } from "./reading.js";

/** Words of valibot, of yaml and of JavaScript. */
const FOREIGN =
  /Invalid (?:type|key|length|format)|Expected |received |undefined|\[object|flow|Implicit|Block |Plain value|Nested mapping|Source contains|YAML\.parse|Map keys|TypeError|Cannot /;

/** A text for each code of the parser that a text can cause, and what is said about it. */
const SYNTAX: readonly (readonly [code: ErrorCode, text: string, expected: RegExp])[] = [
  ["ALIAS_PROPS", "paths: [&a x]\nlisten: &b *a\n", /^2:12: an alias \(\*NAME\) cannot have an anchor or a tag$/],
  ["BAD_ALIAS", "paths: *\n", /^1:8: an anchor \(&NAME\) and an alias/],
  ["BAD_DIRECTIVE", "%TAG x\n---\nchecks: {}\n", /a line that begins with % is a directive/],
  ["BAD_DQ_ESCAPE", 'paths: ["\\q"]\n', /^1:10: unknown escape sequence; in double quotes write/],
  ["BAD_INDENT", "checks:\n  a: x\n b: y\n", /^3:1: wrong indentation/],
  ["BAD_INDENT", "paths: [a\n", /\] is missing/],
  ["BAD_INDENT", "checks: {a: b\n", /\} is missing/],
  ["BAD_PROP_ORDER", "checks:\n  &a\n  ? a\n  : b\n", /./],
  ["BAD_SCALAR_START", "paths: @a\n", /^1:8: a text that begins with this character must be in quotes$/],
  ["BAD_SCALAR_START", "paths: `a`\n", /must be in quotes$/],
  ["BAD_SCALAR_START", "paths: %a\n", /must be in quotes$/],
  ["BLOCK_AS_IMPLICIT_KEY", "checks: a: b\n", /^1:9: a text with a colon and a space must be in quotes/],
  ["BLOCK_IN_FLOW", "checks: { a: b: c }\n", /inside \{ \} and \[ \], a table is written/],
  ["MISSING_CHAR", 'paths: "a\n', /this text is not closed: " is missing$/],
  ["MISSING_CHAR", "paths: 'a\n", /this text is not closed: ' is missing$/],
  ["MISSING_CHAR", "checks: {}#x\n", /a comment needs a space before its #$/],
  ["MISSING_CHAR", "checks:\n  a: x\n  b\n", /a key needs a colon and a space after it$/],
  ["MISSING_CHAR", 'paths: [ "a" "b" ]\n', /a comma is missing between two items$/],
  ["MULTILINE_IMPLICIT_KEY", "a\nb: 1\n", /^1:1: a key must be on one line, with a colon after it$/],
  ["MULTIPLE_ANCHORS", "paths: &a &b [x]\n", /one anchor/],
  ["MULTIPLE_DOCS", "checks: {}\n---\nchecks: {}\n", /^2:1: a file is one document; a second one begins here \(---\)$/],
  ["MULTIPLE_TAGS", "paths: !!seq !!seq [x]\n", /one tag/],
  ["RESOURCE_EXHAUSTION", `paths: ${"[".repeat(20_000)}${"]".repeat(20_000)}\n`, /nested too deeply/],
  ["TAB_AS_INDENT", "checks:\n\ta: x\n", /^2:1: a tab cannot indent a line; use spaces$/],
  ["TAG_RESOLVE_FAILED", "listen: !!binary aGk=\n", /^1:18: listen: this tag is not supported; remove it/],
  ["TAG_RESOLVE_FAILED", "paths: !odd /x\n", /this tag is not supported; remove it$/],
  ["UNEXPECTED_TOKEN", "paths: [a]]\n", /there is no open bracket for this one$/],
  ["UNEXPECTED_TOKEN", "paths: [a,,b]\n", /an item is missing before this comma$/],
  ["UNEXPECTED_TOKEN", "paths: 'a' b\n", /unexpected text after a value/],
  ["UNEXPECTED_TOKEN", "paths: - b\n", /a list begins on the line after its key/],
];

describe("syntax", () => {
  for (const [code, text, expected] of SYNTAX)
    test(`${code}: ${JSON.stringify(text.slice(0, 40))}`, () => {
      const faults = faultsOf(text);
      assert.match(faults.join("\n"), expected);
      for (const fault of faults) {
        assert.match(fault, /^\d+:\d+: /);
        assert.doesNotMatch(fault, FOREIGN);
      }
    });

  test("a code or a message that a later version of the parser may have is not shown", () => {
    assert.doesNotMatch(syntaxFault("IMPOSSIBLE", "Implicit flow"), FOREIGN);
    assert.doesNotMatch(syntaxFault("NEW_CODE" as ErrorCode, "Implicit flow"), FOREIGN);
  });

  test("one line has one error: the first is the cause of the others", () => {
    const lines = faultsOf("paths: [\n- a\n]\n").map((fault) => fault.split(":")[0]);
    assert.equal(new Set(lines).size, lines.length);
  });
});

describe("shape", () => {
  const WRONG = [
    "",
    "[]",
    "{}",
    "1",
    "-1.5",
    "true",
    "text",
    "[1]",
    "[[]]",
    "[{}]",
    "{ a: 1 }",
    "{ a: {} }",
    "[null]",
    ".nan",
  ];
  /** The file in which a key has a value. */
  const fileOf = (path: string, value: string) => {
    const steps = path.split(".");
    const inner = steps.reduceRight((text, step) => `{ ${step}: ${text} }`, value);
    return path.includes("target") || !path.startsWith("checks.NAME.")
      ? inner
      : inner.replace("{ NAME: {", '{ NAME: { target: "http://h/", ');
  };
  for (const [path] of configKeys())
    test(path, () => {
      for (const value of WRONG) {
        const text = fileOf(path, value);
        for (const fault of faultsOf(text)) {
          assert.match(fault, /^\d+:\d+: /, text);
          assert.doesNotMatch(fault.replace(/known: .*/, ""), FOREIGN, text);
        }
      }
    });
});
