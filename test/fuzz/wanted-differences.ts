/**
 * Where our two engines answer differently, and why. Everything else that differs is a fault.
 *
 * grpc-js reads the message of a request by itself; what our gate in front of it can't know, it takes as it always does.
 */
import type { Answer } from "./answers.js";
import type { Request } from "./requests.js";

/** What of an answer has to be the same. */
export interface Essence {
  readonly fields: Readonly<Record<string, string>>;
  readonly data: string;
  readonly ended: boolean;
  readonly reset: number | undefined;
}

const NO_ERROR = 0;

/** Fields that say nothing of the answer: the time, and what encodings the server knows. */
const PASSED_OVER = ["date", "grpc-accept-encoding", "grpc-encoding"];

/** What our own engine says where grpc-js has words of its own, or takes what should not be taken. */
interface Wanted {
  readonly row: string;
  readonly why: string;
  /** Part of the label of a request. */
  readonly of: RegExp;
  readonly code: number;
  readonly text: string;
}

const WANTED: readonly Wanted[] = [
  {
    row: "B21",
    why: "grpc-js answers what is there before its timer fires",
    of: /, 0[Sn]:/,
    code: 4,
    text: "deadline exceeded",
  },
  {
    row: "B14",
    why: "grpc-js reads it as if it were not compressed",
    of: /flag 1 without/,
    code: 13,
    text: "compressed flag set without encoding",
  },
  { row: "B15", why: "grpc-js takes any flag", of: /flag 2/, code: 13, text: "bad compression flag" },
  {
    row: "B17, A50",
    why: "grpc-js says UNIMPLEMENTED, which a Watch must not",
    of: /two messages/,
    code: 13,
    text: "too many messages",
  },
  {
    row: "B18, A50",
    why: "grpc-js says UNIMPLEMENTED, which a Watch must not",
    of: /no message|half a message/,
    code: 13,
    text: "no request message",
  },
  { row: "B12", why: "grpc-js has other words", of: /gzip of garbage/, code: 13, text: "failed to decompress" },
  { row: "B9", why: "grpc-js names its limit", of: /5,000 bytes/, code: 8, text: "message too large" },
];

/** An answer of our own engine, as it is compared. */
export function essenceOf(answer: Answer): Essence {
  const { data, ended } = answer;
  // after a whole answer it only says that the rest of the request is not needed; whether it has come by then is chance
  const reset = ended && answer.reset === NO_ERROR ? undefined : answer.reset;
  const kept = Object.entries(answer.fields).filter(([name]) => !PASSED_OVER.includes(name));
  return { fields: Object.fromEntries(kept), data, ended, reset };
}

/** What our own engine has to answer where grpc-js has given this answer. */
export function wantedOf(request: Request, answer: Answer): Essence {
  const essence = essenceOf(answer);
  const { "content-type": type = "", "grpc-message": message, "grpc-status": status, ...fields } = essence.fields;
  if (!type.startsWith("application/grpc")) return essence;
  const text = message === undefined ? undefined : decodeURIComponent(message);
  const common = { ...fields, "content-type": "application/grpc" };
  const wanted = WANTED.find(({ of }) => of.test(request.label));
  if (wanted !== undefined && !isOurs(text))
    return { ...essence, fields: { ...common, ...statusOf(wanted.code, wanted.text) }, data: "", ended: true };
  if (status === undefined) return { ...essence, fields: common };
  // grpc-js says `OK` in words too
  return { ...essence, fields: { ...common, ...statusOf(Number(status), text) } };
}

/** What the gate in front of grpc-js refuses, in our words, never reaches grpc-js. */
function isOurs(text: string | undefined): boolean {
  return text === "invalid grpc-timeout" || text === "unknown method";
}

function statusOf(code: number, text: string | undefined): Record<string, string> {
  return code === 0 || text === undefined
    ? { "grpc-status": String(code) }
    : { "grpc-status": String(code), "grpc-message": text };
}
