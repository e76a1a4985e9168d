/**
 * A dialogue with a target: the steps of the option `dialogue`, compiled when the check is declared.
 *
 *     { send: "PING\r\n", expect: "+PONG" }     send, then read until the answer contains the text
 *     { expect: { matches: "^220 .*ESMTP" } }   an RE2 pattern; { hex: "0d0a" } is bytes
 *     { send: { hex: "1b" }, expect: { matches: "^\\x1c" } }   after bytes, a pattern is about bytes too
 *     { startTls: smtp }                        the protocol's own way to TLS, see `starttls`
 *
 * `blackbox_exporter` calls this `query_response`.
 */
import { HealthError } from "../core/health-error.js";
import type { DialogueBytes, DialogueExpectation, DialogueStep } from "./options.js";
import { compilePattern } from "./pattern.js";
import type { ProbeResult } from "./prober.js";
import { START_TLS, START_TLS_PROTOCOLS } from "./starttls.js";

/** One thing to do: bytes to send, then what to wait for. */
export interface Turn {
  /** How an error names it: `step 2`. */
  readonly name: string;
  readonly send?: Buffer | undefined;
  /** Where the expected part of the bytes ends; `undefined` while it is not there; a failure if it will not come. */
  readonly find?: ((bytes: Buffer) => number | ProbeResult | undefined) | undefined;
  /** `send` was given as bytes, not as a text. */
  readonly isBinary?: boolean;
  /** What `find` looks for, for an error. */
  readonly expected?: string | undefined;
  /** `find` takes much longer than a search of a text does. */
  readonly isPattern?: boolean;
  /** Start TLS after it. */
  readonly startsTls?: boolean;
}

/** More bytes are not sent in one dialogue, nor in one UDP datagram. */
const MAX_SENT_BYTES = 65_507;

const MAX_STEPS = 50;

const STEP_KEYS = ["send", "expect", "startTls"] as const;

/**
 * Compiles a dialogue.
 * @throws HealthError INVALID_OPTION
 */
export function compileDialogue(steps: readonly DialogueStep[]): readonly Turn[] {
  if (!Array.isArray(steps) || steps.length === 0 || steps.length > MAX_STEPS)
    throw invalid(`must be a list of 1 to ${MAX_STEPS} steps, such as { send: "PING\\r\\n", expect: "PONG" }`);
  let sent: DialogueBytes | undefined;
  const turns = steps.flatMap((step, index) => {
    sent = step?.send ?? sent;
    return compileStep(step, index, typeof sent === "object");
  });
  const sentBytes = turns.reduce((sum, { send }) => sum + (send?.length ?? 0), 0);
  if (sentBytes > MAX_SENT_BYTES) throw invalid(`sends ${sentBytes} bytes; the limit is ${MAX_SENT_BYTES}`);
  return turns;
}

/** Whether a dialogue starts TLS by itself. */
export function startsTls(steps: readonly DialogueStep[] = []): boolean {
  // what is not a list is refused by `compileDialogue`
  return Array.isArray(steps) && steps.some((step) => step?.startTls !== undefined);
}

/** @throws HealthError INVALID_OPTION where another scheme than `tcp` would start TLS */
export function refuseStartTls(steps: readonly DialogueStep[] | undefined, scheme: string): void {
  if (startsTls(steps))
    throw invalid(`must not have startTls with ${scheme}://; only targets of tcp:// start TLS later`);
}

/** @param isBinary the last thing that was sent is bytes, so the answer is not read as a text */
function compileStep(step: DialogueStep, index: number, isBinary: boolean): readonly Turn[] {
  const at = `[${index}]`;
  const keys = Object.entries(Object(step)).flatMap(([key, value]) => (value === undefined ? [] : [key]));
  const unknown = keys.find((key) => !STEP_KEYS.some((known) => known === key));
  if (unknown !== undefined) throw invalid(`${at} has no ${unknown}; a step has ${STEP_KEYS.join(", ")}`);
  if (keys.length === 0) throw invalid(`${at} must have send, expect or startTls`);
  const { send, expect, startTls } = step;
  const name = `step ${index + 1}`;
  if (startTls === undefined) {
    const expectation = expect === undefined ? {} : compileExpectation(expect, `${at}.expect`, isBinary);
    if (send === undefined) return [{ name, ...expectation }];
    return [{ name, send: bytesOf(send, `${at}.send`), isBinary, ...expectation }];
  }
  if (keys.length > 1) throw invalid(`${at} must have nothing beside startTls`);
  if (index > 0) throw invalid(`${at}.startTls must be the first step: it reads the server's greeting itself`);
  if (!Object.hasOwn(START_TLS, startTls))
    throw invalid(`${at}.startTls must be one of ${START_TLS_PROTOCOLS.join(", ")}`);
  const turns = START_TLS[startTls].map((turn) => ({ ...turn, name: `startTls ${startTls}` }));
  return turns.map((turn, place) => (place === turns.length - 1 ? { ...turn, startsTls: true } : turn));
}

function compileExpectation(
  expect: DialogueExpectation,
  setting: string,
  isBinary: boolean,
): Pick<Turn, "find" | "expected" | "isPattern"> {
  if (typeof expect === "object" && expect !== null && "matches" in expect) {
    if (Object.keys(expect).length > 1) throw notBytes(setting);
    const findText = compilePattern(expect.matches, `dialogue${setting}.matches`);
    if (findText("") !== undefined) throw invalid(`${setting}.matches must not match an empty answer`);
    // read as UTF-8, two bytes of a binary answer can be one character
    const find = isBinary ? (bytes: Buffer) => findText(bytes.toString("latin1")) : findText;
    return { find, expected: `pattern ${expect.matches}`, isPattern: true };
  }
  const wanted = bytesOf(expect, setting);
  const find = (bytes: Buffer) => {
    const at = bytes.indexOf(wanted);
    return at === -1 ? undefined : at + wanted.length;
  };
  return { find, expected: typeof expect === "string" ? `text ${JSON.stringify(expect)}` : `hex ${expect.hex}` };
}

/** @throws HealthError INVALID_OPTION; the text may be a secret, so it is not shown */
function bytesOf(given: DialogueBytes, setting: string): Buffer {
  if (typeof given === "string" && given !== "") return Buffer.from(given);
  const hex: unknown = Object(given).hex;
  const digits = typeof hex === "string" ? hex.replaceAll(/\s/g, "") : "";
  const isOneKey = Object.keys(Object(given)).length === 1;
  if (typeof given !== "string" && isOneKey && /^(?:[0-9a-f]{2})+$/i.test(digits)) return Buffer.from(digits, "hex");
  throw notBytes(setting);
}

function notBytes(setting: string): HealthError {
  const pattern = setting.endsWith("expect") ? ' or { matches: "^ok" }' : "";
  return invalid(`${setting} must be a text that is not empty, or bytes such as { hex: "0d 0a" }${pattern}`);
}

function invalid(text: string): HealthError {
  return new HealthError("INVALID_OPTION", `dialogue${text.startsWith("[") ? "" : " "}${text}`);
}
