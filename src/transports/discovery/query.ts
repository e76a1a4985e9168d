/**
 * The query of a request: what Consul's clients may ask, and what is refused.
 *
 *     ?index=17&wait=5m     answer when the index is another one than 17, or after 5 minutes (a blocking query)
 *     ?passing&tag=a&tag=b  the passing instances with both tags
 *     ?stale, ?cached, ?near=_agent, ?dc=, ?pretty         accepted without effect: there is one copy of the data
 *     ?filter=, ?node-meta=, ?ns=, ?partition=, ?peer=     refused: to ignore them would answer another question
 *
 * Sources: agent/http.go of Consul (parseWait, parseConsistency), agent/health_endpoint.go (getBoolQueryParam).
 */

/** What a request asks for beside its path. */
export interface ListQuery {
  /** The index that the client has; 0: it has none. */
  readonly index: number;
  /** How long to wait for another index, in milliseconds, without jitter. */
  readonly waitMs: number;
  readonly passing: boolean;
  /** An instance must have all of them. */
  readonly tags: readonly string[];
}

const DEFAULT_WAIT_MS = 300_000;

const MAX_WAIT_MS = 600_000;

const MAX_UINT64 = 2n ** 64n - 1n;

/** What Go reads as a boolean. */
const TRUE_WORDS: ReadonlySet<string> = new Set(["", "1", "t", "T", "TRUE", "true", "True"]);
const FALSE_WORDS: ReadonlySet<string> = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** The units of Go's durations in milliseconds. */
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "\u00b5s": 1e-3,
  "\u03bcs": 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Digits match in one way only: else a long row of them would take quadratic time. */
const DURATION = /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$/;
const DURATION_PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/g;

/** Parameters that select a part of the data. They are refused, unless they are empty or select all. */
const SELECTORS: Readonly<Record<string, readonly string[]>> = {
  filter: [],
  "node-meta": [],
  peer: [],
  ns: ["default"],
  partition: ["default"],
};

/** Reads a query. Returns the text of a fault, which holds no word of the client's. */
export function parseQuery(params: URLSearchParams): ListQuery | string {
  for (const [name, accepted] of Object.entries(SELECTORS))
    for (const value of params.getAll(name))
      if (value !== "" && !accepted.includes(value)) return `healthbridge does not support ?${name}`;
  if (params.has("stale") && params.has("consistent")) return "Use only one of ?stale and ?consistent";
  const waitMs = parseWait(params.get("wait") ?? "");
  if (waitMs === undefined) return "Invalid wait time: use a number with a unit, such as 30s or 5m";
  const index = parseIndex(params.get("index") ?? "");
  if (index === undefined) return "Invalid index: use the number of the last X-Consul-Index";
  const passing = params.get("passing");
  if (passing !== null && !TRUE_WORDS.has(passing) && !FALSE_WORDS.has(passing))
    return "Invalid value for ?passing: use true or false";
  const tags = params.getAll("tag").filter((tag) => tag !== "");
  return { index, waitMs, passing: passing !== null && TRUE_WORDS.has(passing), tags };
}

/** None, zero and negative ones mean the default, as in Consul. */
function parseWait(text: string): number | undefined {
  if (text === "" || /^[+-]?0$/.test(text)) return DEFAULT_WAIT_MS;
  if (!DURATION.test(text)) return undefined;
  let ms = 0;
  for (const [, count, unit = ""] of text.matchAll(DURATION_PART)) ms += Number(count) * (UNIT_MS[unit] ?? 0);
  return ms <= 0 || text.startsWith("-") ? DEFAULT_WAIT_MS : Math.min(ms, MAX_WAIT_MS);
}

/** An unsigned number of 64 bits. Our own indexes are far below the numbers that lose digits here. */
function parseIndex(text: string): number | undefined {
  if (text === "") return 0;
  return /^\d{1,20}$/.test(text) && BigInt(text) <= MAX_UINT64 ? Number(text) : undefined;
}
