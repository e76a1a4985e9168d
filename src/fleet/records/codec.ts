/**
 * The records of a fleet as signed texts: beats, cells, heads and configurations.
 *
 *     FORMAT " " SIGNATURE " " BODY
 *                   |
 *     HMAC-SHA256(key, kind, format, run, check, body)       key = HKDF(secret, name of the fleet)
 *     |---- 16 bytes: signature ----|-- 8 bytes: share --|
 *
 * A record counts only at the place for which it was signed: a cell of another fleet, run, or check is refused, and so is
 * a cell with another sequence, definition or vote. The share of a cell is not written anywhere. The digest of all cells of
 * a run is the sum of their shares (see ledger.ts), so the signed head of a run vouches for the set of its cells: a writer
 * without the secret can neither add, nor change, nor remove a cell unnoticed.
 *
 * The envelope is the same in all formats, and so are `member`, `counter`, `hasLeft` and `notifier` in the body of a beat. So
 * a member sees that a member with a newer format is alive, or has left, and both agree on the one that sends to webhooks.
 *
 * Nothing here throws for what a store returns: it may be of any size and form.
 */
import { hkdfSync } from "node:crypto";
import { serviceNameFault } from "../../core/service-name.js";
import { isServingStatus } from "../../core/serving-status.js";
import type { Steps } from "../../core/turns.js";
import type { ReportedService } from "../../registry/ports.js";
import type { Run } from "../store/store.js";
import { type Beat, FORMAT } from "./beat.js";
import { beatOf } from "./beat-form.js";
import { isAmount, isCount, isName, isReason, parsed, recordOf } from "./record-form.js";
import { type DigestShare, type Signature, Signer } from "./signer.js";
import { type Cell, VOTE_STATES, type VoteState } from "./vote.js";

/**
 * Longer texts are refused before they are looked at. A cell may carry 1,000 services of a target. A beat may carry 64 orders of
 * maintenance and 256 members: 100,000 characters, when all that operators have written must be escaped.
 */
const MAX_LENGTHS = { beat: 131_072, cell: 1_048_576, head: 256, config: 67_108_864 } as const;

/** 12 bytes of base64url. */
const HASH_LENGTH = 16;

const MAX_REPORTED = 1_000;

/** Of a configuration. */
const CHECKS_A_STEP = 1_000;

type RecordKind = keyof typeof MAX_LENGTHS;

/** What a beat that was read turned out to be. */
export type OpenedBeat =
  | { readonly kind: "beat"; readonly beat: Beat }
  | {
      readonly kind: "other-format";
      readonly run: Run;
      readonly member: string;
      readonly counter: number;
      readonly hasLeft: boolean;
      readonly notifier: Run | undefined;
      readonly format: number;
    }
  | { readonly kind: "refused"; readonly cause: "signature" | "form" };

/** The state of all cells of a run. */
export interface Head extends DigestShare {
  /** Grows by one with each write. */
  readonly sequence: number;
}

export interface OpenedCell extends DigestShare {
  readonly run: Run;
  /** Of the write with which it came. */
  readonly sequence: number;
  readonly cell: Cell;
}

export interface SealedCell extends DigestShare {
  readonly text: string;
}

/** A text whose signature is right. */
interface Opened {
  readonly format: number;
  readonly body: string;
  readonly share: DigestShare;
}

export class FleetCodec {
  readonly #signer: Signer;
  readonly #hasher: Signer;

  /** @param secret `undefined`: only for a store that members alone write to. Signatures find damage then. */
  constructor(fleet: string, secret: string | undefined) {
    const key = (use: string) => Buffer.from(hkdfSync("sha256", secret ?? "", fleet, use, 32));
    this.#signer = new Signer(key("healthbridge fleet: signatures"));
    this.#hasher = new Signer(key("healthbridge fleet: digests"));
  }

  /** A short keyed hash, for digests of definitions and configurations: they tell nothing to readers of the store. */
  hash(text: string): string {
    return this.#hasher.sign(text).text.slice(0, HASH_LENGTH);
  }

  sealBeat(beat: Beat): string {
    const { format, run, heard, ...rest } = beat;
    return this.#seal("beat", place(run), JSON.stringify({ ...rest, heard: [...heard] }), format).text;
  }

  openBeat(run: Run, text: string): OpenedBeat {
    const opened = this.#open("beat", place(run), text);
    if (opened === undefined) return { kind: "refused", cause: "signature" };
    const { format } = opened;
    const body = recordOf(opened.body);
    const { member, counter } = body ?? {};
    const hasLeft = body?.hasLeft === true;
    if (!isName(member) || !isCount(counter)) return { kind: "refused", cause: "form" };
    const notifier = isName(body?.notifier) ? body.notifier : undefined;
    if (format !== FORMAT) return { kind: "other-format", run, member, counter, hasLeft, notifier, format };
    const beat = beatOf(run, { ...body, member, counter, hasLeft, notifier });
    return beat === undefined ? { kind: "refused", cause: "form" } : { kind: "beat", beat };
  }

  sealCell(run: Run, check: string, sequence: number, cell: Cell): SealedCell {
    const { definition, castAtMs, order, wallTime, vote } = cell;
    const reported = vote.reported?.map(({ name, status, reason }) => [name, status, reason ?? null]) ?? null;
    const fields = [vote.state, vote.reason ?? null, vote.ageMs ?? null, reported];
    const last = wallTime === undefined ? [] : [wallTime];
    const body = JSON.stringify([sequence, definition, castAtMs, order, ...fields, ...last]);
    const { text, signature } = this.#seal("cell", place(run, check), body);
    return { text, high: signature.high, low: signature.low };
  }

  openCell(run: Run, check: string, text: string): OpenedCell | undefined {
    const opened = this.#open("cell", place(run, check), text);
    if (opened?.format !== FORMAT) return undefined;
    const fields = parsed(opened.body);
    if (!Array.isArray(fields)) return undefined;
    const [sequence, definition, castAtMs, order, state, reason, ageMs, services, wallTime] =
      fields as readonly unknown[];
    if (!isCount(sequence) || !isName(definition) || !isAmount(castAtMs) || !isAmount(order)) return undefined;
    if (!isVoteState(state) || !isReason(reason) || !(ageMs === null || isAmount(ageMs))) return undefined;
    const reported = services === null ? undefined : reportedOf(services);
    if (services !== null && reported === undefined) return undefined;
    if (wallTime !== undefined && !isAmount(wallTime)) return undefined;
    const vote = { state, reason: reason ?? undefined, ageMs: ageMs ?? undefined, reported };
    const { high, low } = opened.share;
    return { run, sequence, cell: { definition, castAtMs, order, wallTime, vote }, high, low };
  }

  sealHead(run: Run, { sequence, high, low }: Head): string {
    return this.#seal("head", place(run), `${sequence} ${hex(high)}${hex(low)}`).text;
  }

  openHead(run: Run, text: string): Head | undefined {
    const opened = this.#open("head", place(run), text);
    const [, sequence, high, low] = /^(\d{1,15}) ([0-9a-f]{8})([0-9a-f]{8})$/.exec(opened?.body ?? "") ?? [];
    if (opened?.format !== FORMAT || high === undefined || low === undefined) return undefined;
    return { sequence: Number(sequence), high: Number.parseInt(high, 16) | 0, low: Number.parseInt(low, 16) | 0 };
  }

  /** @param definitions of each check, the digest of its definition */
  *sealConfig(config: string, definitions: Iterable<readonly [check: string, digest: string]>): Steps<string> {
    const parts: string[] = [];
    for (const definition of definitions) {
      parts.push(JSON.stringify(definition));
      if (parts.length % CHECKS_A_STEP === 0) yield;
    }
    const body = `[${parts.join()}]`;
    yield;
    return this.#seal("config", config, body).text;
  }

  *openConfig(config: string, text: string): Steps<ReadonlyMap<string, string> | undefined> {
    const opened = this.#open("config", config, text);
    if (opened?.format !== FORMAT) return undefined;
    yield;
    const entries = parsed(opened.body);
    if (!Array.isArray(entries)) return undefined;
    yield;
    const definitions = new Map<string, string>();
    for (const [index, entry] of entries.entries()) {
      if (!isDefinition(entry)) return undefined;
      definitions.set(...entry);
      if (index % CHECKS_A_STEP === 0) yield;
    }
    return definitions;
  }

  #seal(
    kind: RecordKind,
    at: string,
    body: string,
    format: number = FORMAT,
  ): { readonly text: string; readonly signature: Signature } {
    const signature = this.#signer.sign(signedText(kind, format, at, body));
    return { text: `${format} ${signature.text} ${body}`, signature };
  }

  #open(kind: RecordKind, at: string, text: string): Opened | undefined {
    if (text.length > MAX_LENGTHS[kind]) return undefined;
    // of the last one of 22 characters, two bits count
    const [start, version, given] = /^(\d{1,9}) ([\w-]{21}[AQgw]) /.exec(text) ?? [];
    if (start === undefined || given === undefined) return undefined;
    const format = Number(version);
    const body = text.slice(start.length);
    const share = this.#signer.verify(signedText(kind, format, at, body), given);
    return share && { format, body, share };
  }
}

/** The length tells where the place ends and the body starts: no two records have the same text here. */
function signedText(kind: RecordKind, format: number, at: string, body: string): string {
  return `${kind} ${format} ${at.length} ${at}${body}`;
}

/** The sequence of a head. Its signature is not looked at: for the order in a store. */
export function sequenceOf(head: string): number {
  return Number(/^\d+ [\w-]{22} (\d{1,15}) /.exec(head)?.[1] ?? 0);
}

/** The length tells where the run ends and the check starts. */
function place(run: Run, check = ""): string {
  return `${run.length} ${run}${check}`;
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}

function reportedOf(value: unknown): readonly ReportedService[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_REPORTED) return undefined;
  const reported: ReportedService[] = [];
  for (const service of value as readonly unknown[]) {
    const [name, status, reason] = Array.isArray(service) ? (service as readonly unknown[]) : [];
    if (typeof name !== "string" || serviceNameFault(name) !== undefined) return undefined;
    if (!isServingStatus(status) || !isReason(reason)) return undefined;
    reported.push({ name, status, reason: reason ?? undefined });
  }
  return reported;
}

function isDefinition(value: unknown): value is [string, string] {
  return Array.isArray(value) && value.length === 2 && isCheck(value[0]) && isName(value[1]);
}

/** A name that a configuration may give to a check: it may have marks of text direction. */
function isCheck(value: unknown): value is string {
  return value !== "" && serviceNameFault(value) === undefined;
}

function isVoteState(value: unknown): value is VoteState {
  return (VOTE_STATES as readonly unknown[]).includes(value);
}
