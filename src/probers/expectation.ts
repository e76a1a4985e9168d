/**
 * What an HTTP answer must be. It is compiled when the check is declared, so that mistakes are reported then.
 *
 * Patterns are RE2's: they take time in proportion to the text. With JavaScript's own, a target could send a text that
 * blocks the event loop for an hour.
 */
import { createRequire } from "node:module";
import type { HttpResponse } from "../client/http-response.js";
import { HealthError, messageOf } from "../core/health-error.js";
import { FIELD_NAME } from "./http-request.js";
import type { Expectation } from "./options.js";
import { fail, PASS, type ProbeResult } from "./prober.js";

/** Evaluates an answer: a pass, or the first expectation that it does not fulfil. */
export type JudgeResponse = (response: HttpResponse) => ProbeResult;

/** Evaluates one expectation; `undefined` when the answer fulfils it. */
type JudgePart = (response: HttpResponse) => ProbeResult | undefined;

/** A pattern of at most so many steps takes less than half a second for 64 KiB. */
const MAX_PATTERN_STEPS = 300;

const load = createRequire(import.meta.url);

/**
 * Compiles what is expected.
 * @throws HealthError INVALID_OPTION for a status, a pattern or a path that is not valid
 */
export function compileExpectation(expect: Expectation = {}): JudgeResponse {
  const parts: JudgePart[] = [judgeStatus(expect.status ?? ["200-299"])];
  for (const [name, value] of Object.entries(expect.headers ?? {})) parts.push(judgeHeader(name, value));
  if (expect.body !== undefined) parts.push(judgeBody(expect.body));
  if (expect.json !== undefined) parts.push(judgeJson(expect.json));
  return (response) => {
    for (const judge of parts) {
      const failure = judge(response);
      if (failure !== undefined) return failure;
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
  if (!FIELD_NAME.test(name)) throw invalid("headers", `${JSON.stringify(name)} is not a valid header name`);
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
  // loaded only for a pattern, and synchronously: an invalid one is refused when the check is declared
  const { RE2JS } = load("re2js") as typeof import("re2js");
  let compiled: import("re2js").RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (cause) {
    throw invalid("body.matches", `is not a valid RE2 regular expression: ${messageOf(cause)}`, { cause });
  }
  if (compiled.programSize() > MAX_PATTERN_STEPS)
    throw invalid("body.matches", `is too large: the compiled pattern has more than ${MAX_PATTERN_STEPS} steps`);
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
      return fail("json", "the body is not JSON");
    }
    for (const { path, value, find } of paths) {
      const got = find(root);
      if (got !== value)
        return fail("json", `${path} is ${JSON.stringify(got) ?? "missing"}, expected ${JSON.stringify(value)}`);
    }
    return undefined;
  };
}

/** A name, an index, or a name in quotation marks (without escapes). */
const FIRST = /^(?:([^.[\]"\s]+)|\[(\d{1,6})\]|\["([^"\\]+)"\])/;
const NEXT = /^(?:\.([^.[\]"\s]+)|\[(\d{1,6})\]|\["([^"\\]+)"\])/;

/**
 * Compiles a path in JSON: `status`, `checks.db.ok`, `items[0].name`, `["a.b"].c`. The function that it returns finds the
 * value in a document, or `undefined`; inherited properties are not found.
 */
function compileJsonPath(path: string): (root: unknown) => unknown {
  const steps: string[] = [];
  let at = 0;
  do {
    const pattern = at === 0 ? FIRST : NEXT;
    const [whole, name, index, quoted] = pattern.exec(path.slice(at)) ?? [];
    const step = name ?? index ?? quoted;
    if (whole === undefined || step === undefined)
      throw invalid(
        "json",
        `${JSON.stringify(path)} is not a path; expected one such as checks.db.ok or items[0].name`,
      );
    steps.push(step);
    at += whole.length;
  } while (at < path.length);
  return (root) => steps.reduce<unknown>(inside, root);
}

function inside(value: unknown, step: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
  return Object(value)[step];
}

function invalid(setting: string, text: string, options?: ErrorOptions): HealthError {
  return new HealthError("INVALID_OPTION", `expect.${setting} ${text}`, options);
}
