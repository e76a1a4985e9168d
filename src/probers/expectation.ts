/**
 * What an HTTP answer must be. It is compiled when the check is declared, so that mistakes are reported then.
 */
import { type HttpContent, textOf } from "../client/http-content.js";
import { separatorOf } from "../client/http-head.js";
import { OptionError, type Path } from "../core/option-error.js";
import { TOKEN } from "./http-request.js";
import type { Expectation, HeaderExpectation } from "./options.js";
import { compilePattern } from "./pattern.js";
import { fail, PASS, type ProbeResult } from "./prober.js";

/** What decides about an answer. */
export interface HttpJudgement {
  /** Evaluates an answer: a pass, or the first expectation that it does not fulfil. */
  readonly evaluate: (response: HttpContent) => ProbeResult;
  /** Whether the body decides too: then its content coding has to be decoded. */
  readonly needsBody: boolean;
}

/** Evaluates one expectation; `undefined` when the answer fulfils it. */
type JudgePart = (response: HttpContent) => ProbeResult | undefined;

/**
 * Compiles what is expected.
 * @throws HealthError INVALID_OPTION for a status, a pattern or a path that is not valid
 */
export function compileExpectation(expect: Expectation = {}): HttpJudgement {
  const parts: JudgePart[] = [judgeStatus([expect.status ?? "200-299"].flat())];
  for (const [name, value] of Object.entries(expect.headers ?? {})) parts.push(judgeHeader(name, value));
  if (expect.body !== undefined) parts.push(judgeBody(expect.body));
  if (expect.json !== undefined) parts.push(judgeJson(expect.json));
  const evaluate = (response: HttpContent) => {
    for (const evaluate of parts) {
      const failure = evaluate(response);
      if (failure !== undefined) return failure;
    }
    return PASS;
  };
  return { evaluate, needsBody: expect.body !== undefined || expect.json !== undefined };
}

function judgeStatus(given: readonly (number | string)[]): JudgePart {
  if (given.length === 0) throw invalid(["status"], "must name at least one status");
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
    throw invalid(["status"], `must be statuses and ranges such as 204 or "200-299"; got ${JSON.stringify(given)}`);
  return [Number(first), Number(last)];
}

function judgeHeader(name: string, expected: HeaderExpectation): JudgePart {
  if (!TOKEN.test(name)) throw invalid(["headers", name], "is not a valid name of a header");
  const key = name.toLowerCase();
  const { matches, what } = compileHeader(key, expected);
  return ({ headers }) => {
    const got = headers.get(key);
    if (matches(got)) return undefined;
    return fail("header", `header ${key} is ${JSON.stringify(got ?? null)}, expected ${what}`);
  };
}

interface HeaderRule {
  readonly matches: (got: string | undefined) => boolean;
  /** The rule in words. */
  readonly what: string;
}

function compileHeader(name: string, expected: HeaderExpectation): HeaderRule {
  if (expected === null) return { matches: (got) => got === undefined, what: "no such header" };
  if (typeof expected !== "string") {
    if (typeof Object(expected).matches !== "string")
      throw invalid(["headers", name], "must be text, { matches: PATTERN }, or null");
    const matches = compileMatch(expected.matches, ["headers", name, "matches"]);
    return {
      matches: (got) => got !== undefined && (matches(got) || splitValues(name, got).some(matches)),
      what: `the pattern ${expected.matches}`,
    };
  }
  const isEqual = name === "content-type" ? compileMediaType(expected) : undefined;
  const listOf = (value: string) => `,${splitValues(name, value).join(",")},`;
  const list = listOf(expected);
  const matches = (got: string) => got === expected.trim() || isEqual?.(got) === true || listOf(got).includes(list);
  return { matches: (got) => got !== undefined && matches(got), what: JSON.stringify(expected) };
}

/** The values of a field that may be repeated. A date of Set-Cookie has a comma, which separates nothing. */
function splitValues(name: string, value: string): readonly string[] {
  return separatorOf(name) === "\n" ? value.split("\n") : splitList(value);
}

/** The members of a list. Commas in quotation marks are no separators (RFC 9110, section 5.6.1). */
function splitList(value: string): readonly string[] {
  if (!value.includes(",")) return [value.trim()];
  return (value.match(/(?:[^,"]|"(?:[^"\\]|\\.?)*(?:"|$))+/g) ?? []).map((member) => member.trim());
}

/** The type and the parameters that are expected must be there; others may be (RFC 9110, section 8.3.1). */
function compileMediaType(expected: string): (got: string) => boolean {
  const [type, ...parameters] = readMediaType(expected);
  return (got) => {
    const [gotType, ...gotParameters] = readMediaType(got);
    return gotType === type && parameters.every((parameter) => gotParameters.includes(parameter));
  };
}

/** `text/plain`, then each parameter as `name=value`. A charset is case-insensitive, as the names are. */
function readMediaType(value: string): readonly string[] {
  const [type = "", ...parameters] = value.split(";").map((part) => part.trim());
  const named = parameters.map((parameter) => {
    const [name = "", ...rest] = parameter.split("=");
    const text = rest.join("=").replace(/^"(.*)"$/, "$1");
    return name.toLowerCase() === "charset" ? `charset=${text.toLowerCase()}` : `${name.toLowerCase()}=${text}`;
  });
  return [type.toLowerCase(), ...named];
}

function judgeBody(expected: NonNullable<Expectation["body"]>): JudgePart {
  const isText = typeof expected === "string";
  const matches = isText
    ? (body: string) => body.includes(expected)
    : compileMatch(expected.matches, ["body", "matches"]);
  const what = isText ? `text ${JSON.stringify(expected)}` : `pattern ${expected.matches}`;
  return (response) => {
    const { body, isCut, bodyFault } = response;
    if (bodyFault !== undefined) return fail("body", bodyFault);
    if (matches(textOf(response))) return undefined;
    return fail("body", `${what} not found in ${isCut ? `first ${body.length} bytes` : "the body"}`);
  };
}

/** Whether a text has a match. */
function compileMatch(pattern: string, path: Path): (text: string) => boolean {
  const matchEnd = compilePattern(pattern, ["expect", ...path]);
  return (text) => matchEnd(text) !== undefined;
}

function judgeJson(expected: NonNullable<Expectation["json"]>): JudgePart {
  const paths = Object.entries(expected).map(([path, value]) => ({ path, value, find: compileJsonPath(path) }));
  return (response) => {
    const { body, isCut, bodyFault } = response;
    if (bodyFault !== undefined) return fail("json", bodyFault);
    if (isCut) return fail("json", `the body is longer than ${body.length} bytes`);
    let root: unknown;
    try {
      root = JSON.parse(textOf(response));
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
      throw invalid(["json", path], "is not a path; expected one such as checks.db.ok or items[0].name");
    steps.push(step);
    at += whole.length;
  } while (at < path.length);
  return (root) => steps.reduce<unknown>(inside, root);
}

function inside(value: unknown, step: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
  return Object(value)[step];
}

function invalid(path: Path, text: string): OptionError {
  return new OptionError(["expect", ...path], text);
}
