/**
 * What an HTTP answer must be: compiled once, when the check is declared, and judged without a surprise afterwards.
 *
 * Patterns are RE2's (linear in the text that they are run on): a target could otherwise find, for a pattern that
 * somebody wrote without a thought of it, the text that stops our loop for an hour.
 */
import { createRequire } from "node:module";
import type { HttpAnswer } from "../client/http-answer.js";
import { HealthError, messageOf } from "../core/health-error.js";
import { FIELD_NAME } from "./http-request.js";
import { compileJsonPath } from "./json-path.js";
import type { Expectation } from "./options.js";
import { fail, PASS, type ProbeResult } from "./prober.js";

/** Judges an answer: a pass, or the first thing that is not as it should be. */
export type JudgeAnswer = (answer: HttpAnswer) => ProbeResult;

/** Judges a part of an answer; `undefined` when it is as it should be. */
type JudgePart = (answer: HttpAnswer) => ProbeResult | undefined;

/** The most steps that a pattern may be compiled to: so many take less than half a second for 64 KiB at the worst. */
const MAX_PATTERN_STEPS = 300;

const load = createRequire(import.meta.url);

/**
 * Compiles what is expected.
 * @throws HealthError INVALID_OPTION for a status, pattern or path that can't be read
 */
export function compileExpectation(expect: Expectation = {}): JudgeAnswer {
  const parts: JudgePart[] = [judgeStatus(expect.status ?? ["200-299"])];
  for (const [name, value] of Object.entries(expect.headers ?? {})) parts.push(judgeHeader(name, value));
  if (expect.body !== undefined) parts.push(judgeBody(expect.body));
  if (expect.json !== undefined) parts.push(judgeJson(expect.json));
  return (answer) => {
    for (const judge of parts) {
      const flaw = judge(answer);
      if (flaw !== undefined) return flaw;
    }
    return PASS;
  };
}

function judgeStatus(given: readonly (number | string)[]): JudgePart {
  if (given.length === 0) throw invalid("status", "must name at least one status");
  const ranges = given.map(readRange);
  const text = given.join(", ");
  return ({ status }) => {
    if (ranges.some(([first, last]) => status >= first && status <= last)) return undefined;
    const reason = status >= 300 && status <= 399 ? "redirect" : "status";
    return fail(reason, `HTTP status ${status}, expected ${text}`);
  };
}

function readRange(given: number | string): readonly [first: number, last: number] {
  const [, first, last = first] = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(String(given)) ?? [];
  if (first === undefined || Number(first) > Number(last))
    throw invalid("status", `must be statuses and ranges such as 204 or "200-299"; got ${JSON.stringify(given)}`);
  return [Number(first), Number(last)];
}

function judgeHeader(name: string, expected: string): JudgePart {
  if (!FIELD_NAME.test(name)) throw invalid("headers", `${JSON.stringify(name)} is no name of a header`);
  const key = name.toLowerCase();
  return ({ headers }) => {
    const got = headers.get(key);
    if (got === expected.trim()) return undefined;
    return fail("header", `header ${key} is ${JSON.stringify(got ?? null)}, expected ${JSON.stringify(expected)}`);
  };
}

function judgeBody(expected: NonNullable<Expectation["body"]>): JudgePart {
  const isText = typeof expected === "string";
  const matches = isText ? (body: string) => body.includes(expected) : compilePattern(expected.matches);
  const what = isText ? `text ${JSON.stringify(expected)}` : `pattern ${expected.matches}`;
  return ({ body, isCut }) => {
    if (matches(body.toString("utf8"))) return undefined;
    return fail("body", `${what} not found in ${isCut ? `first ${body.length} bytes` : "the body"}`);
  };
}

function compilePattern(pattern: string): (text: string) => boolean {
  // loaded by who has a pattern, and at once, so that a bad one is refused when the check is declared
  const { RE2JS } = load("re2js") as typeof import("re2js");
  let compiled: import("re2js").RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (cause) {
    throw invalid("body", `matches is no pattern of RE2's: ${messageOf(cause)}`, { cause });
  }
  if (compiled.programSize() > MAX_PATTERN_STEPS)
    throw invalid("body", `matches is too large a pattern: it has more than ${MAX_PATTERN_STEPS} steps`);
  return (text) => compiled.matcher(text).find();
}

function judgeJson(expected: NonNullable<Expectation["json"]>): JudgePart {
  const paths = Object.entries(expected).map(([path, value]) => ({ path, value, find: compileJsonPath(path) }));
  return ({ body, isCut }) => {
    if (isCut) return fail("json", `the body is longer than ${body.length} bytes`);
    let root: unknown;
    try {
      root = JSON.parse(body.toString("utf8"));
    } catch {
      return fail("json", "the body is no JSON");
    }
    for (const { path, value, find } of paths) {
      const got = find(root);
      if (got !== value)
        return fail("json", `${path} is ${JSON.stringify(got) ?? "missing"}, expected ${JSON.stringify(value)}`);
    }
    return undefined;
  };
}

function invalid(setting: string, text: string, options?: ErrorOptions): HealthError {
  return new HealthError("INVALID_OPTION", `expect.${setting} ${text}`, options);
}
