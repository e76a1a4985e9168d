/**
 * The report of `healthbridge test`: what one probe did and found, as plain data. `--json` prints it as it is, so its keys
 * are stable; `docs/troubleshooting.md` describes them.
 */
import type { TlsSession, TraceStep } from "../client/trace.js";
import { messageOf } from "../core/health-error.js";
import { REASONS, type ReasonCode } from "../core/reasons.js";

/** `not-probed`: healthbridge could not probe, which says nothing about the target. */
export type TestVerdict = "pass" | "warn" | "fail" | "not-probed";

/** One probe. Times are in milliseconds; those of `lookups` and `attempts` that start do so after `startMs`. */
export interface TestReport {
  /** The name of the check; `null` for a URL. */
  readonly check: string | null;
  /** The URL without its secrets, or the program. */
  readonly target: string;
  readonly verdict: TestVerdict;
  /** The reason code; `null` for a plain pass. */
  readonly reason: string | null;
  /** What the reason means. */
  readonly meaning: string | null;
  readonly detail: string | null;
  readonly advice: string | null;
  /** What the answer had to be. */
  readonly expected: readonly string[];
  readonly lookups: readonly LookupReport[];
  readonly attempts: readonly AttemptReport[];
  /** `null` without TLS, and where the handshake was not completed. */
  readonly tls: TlsReport | null;
  readonly times: Times;
  readonly timeoutMs: number;
  /** Wall time of the start, as ISO 8601. */
  readonly startedAt: string;
}

export interface LookupReport {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly error: string | null;
  readonly startMs: number;
  readonly durationMs: number | null;
}

export interface AttemptReport {
  /** Address and port. */
  readonly address: string;
  /** `unfinished`: another attempt was faster, or the time was over. */
  readonly outcome: "connected" | "failed" | "unfinished";
  readonly error: string | null;
  readonly startMs: number;
  readonly durationMs: number | null;
}

export interface TlsReport extends Omit<TlsSession, "chain" | "protocol" | "serverName"> {
  readonly protocol: string | null;
  readonly serverName: string | null;
  /** Whether the certificate is trusted, with its name and its time; `null` when the handshake ended before that. */
  readonly trusted: boolean | null;
  /** Why it is not trusted. */
  readonly error: string | null;
  readonly chain: readonly CertificateReport[];
}

export interface CertificateReport {
  readonly subject: string;
  readonly issuer: string;
  readonly names: readonly string[];
  /** ISO 8601. */
  readonly validFrom: string;
  readonly validTo: string;
  readonly daysLeft: number;
}

/** How long each part took; `null` for a part that did not happen, or did not end. */
export interface Times {
  readonly dnsMs: number | null;
  readonly connectMs: number | null;
  readonly tlsMs: number | null;
  /** From the end of connecting, or of TLS, to the first byte of the answer. */
  readonly firstByteMs: number | null;
  readonly totalMs: number;
}

/** A step with its time since the start of the probe. */
export interface TimedStep {
  readonly step: TraceStep;
  readonly atMs: number;
}

/** How a probe ended. */
export interface ProbeEnd {
  readonly verdict: TestVerdict;
  readonly reason?: string | undefined;
  readonly detail?: string | undefined;
  readonly advice?: string | undefined;
}

/** The probe that a report is about. */
export interface Tested {
  readonly check: string | undefined;
  readonly target: string;
  readonly expected: readonly string[];
  readonly timeoutMs: number;
  /** Wall time. */
  readonly startedAt: number;
  readonly totalMs: number;
  /** Masks the secrets of the target in a text. */
  readonly mask: (text: string) => string;
}

/** Makes the report of a probe from its steps and its end. */
export function reportOf(tested: Tested, steps: readonly TimedStep[], end: ProbeEnd): TestReport {
  const { mask } = tested;
  const masked = (text: string | undefined) => (text === undefined ? null : mask(text));
  return {
    check: tested.check ?? null,
    target: tested.target,
    verdict: end.verdict,
    reason: end.reason ?? null,
    meaning: meaningOf(end.reason),
    detail: masked(end.detail ?? answerOf(steps)),
    advice: masked(end.advice),
    expected: tested.expected.map(mask),
    lookups: lookupsOf(steps),
    attempts: attemptsOf(steps),
    tls: tlsOf(steps, tested.startedAt),
    times: timesOf(steps, tested.totalMs),
    timeoutMs: tested.timeoutMs,
    startedAt: new Date(tested.startedAt).toISOString(),
  };
}

function meaningOf(reason: string | undefined): string | null {
  return reason !== undefined && Object.hasOwn(REASONS, reason) ? REASONS[reason as ReasonCode] : null;
}

function lookupsOf(steps: readonly TimedStep[]): readonly LookupReport[] {
  return steps.flatMap(({ step, atMs }, index): readonly LookupReport[] => {
    if (step.kind !== "resolving") return [];
    const { name } = step;
    const ends = steps
      .slice(index)
      .filter(
        (later) => (later.step.kind === "resolved" || later.step.kind === "unresolved") && later.step.name === name,
      );
    // the addresses of one family may come before those of the other
    const [first, last] = [ends[0], ends.at(-1)];
    return [
      {
        name,
        addresses: last?.step.kind === "resolved" ? last.step.addresses : [],
        error: last?.step.kind === "unresolved" ? textOf(last.step.error) : null,
        startMs: round(atMs),
        durationMs: first === undefined ? null : round(first.atMs - atMs),
      },
    ];
  });
}

function attemptsOf(steps: readonly TimedStep[]): readonly AttemptReport[] {
  return steps.flatMap(({ step, atMs }, index): readonly AttemptReport[] => {
    if (step.kind !== "connecting") return [];
    const { address } = step;
    const end = steps
      .slice(index)
      .find(
        (later) =>
          (later.step.kind === "connected" || later.step.kind === "unconnected") && later.step.address === address,
      );
    const failure = end?.step.kind === "unconnected" ? end.step.error : undefined;
    return [
      {
        address,
        outcome: end?.step.kind === "connected" ? "connected" : failure === undefined ? "unfinished" : "failed",
        error: failure === undefined ? null : textOf(failure),
        startMs: round(atMs),
        durationMs: end === undefined ? null : round(end.atMs - atMs),
      },
    ];
  });
}

/** What the target has answered, where the result does not say it. */
function answerOf(steps: readonly TimedStep[]): string | undefined {
  const answered = lastOf(steps, "answered")?.step;
  return answered?.kind === "answered" ? answered.text : undefined;
}

const DAY_MS = 86_400_000;

/** Of several connections, the last one counts: it gave the answer. */
function tlsOf(steps: readonly TimedStep[], now: number): TlsReport | null {
  const secured = lastOf(steps, "secured");
  if (secured?.step.kind !== "secured") return null;
  const { chain, protocol, serverName, ...session } = secured.step.tls;
  const verified = lastOf(steps, "verified");
  const error = verified?.step.kind === "verified" ? (verified.step.error ?? null) : null;
  return {
    ...session,
    protocol: protocol ?? null,
    serverName: serverName ?? null,
    trusted: verified === undefined ? null : error === null,
    error,
    chain: chain.map(({ validFrom, validTo, ...certificate }) => ({
      ...certificate,
      validFrom: isoOf(validFrom),
      validTo: isoOf(validTo),
      daysLeft: Math.floor((validTo - now) / DAY_MS),
    })),
  };
}

function timesOf(steps: readonly TimedStep[], totalMs: number): Times {
  const at = (kind: TraceStep["kind"]) => lastOf(steps, kind)?.atMs;
  const between = (from: number | undefined, to: number | undefined) =>
    from === undefined || to === undefined || to < from ? null : round(to - from);
  const firstAt = (kind: TraceStep["kind"]) => steps.find(({ step }) => step.kind === kind)?.atMs;
  return {
    dnsMs: between(firstAt("resolving"), firstAt("resolved") ?? firstAt("unresolved")),
    connectMs: between(firstAt("connecting"), at("connected")),
    tlsMs: between(at("connected"), at("secured")),
    firstByteMs: between(at("secured") ?? at("connected"), at("received")),
    totalMs: round(totalMs),
  };
}

function lastOf(steps: readonly TimedStep[], kind: TraceStep["kind"]): TimedStep | undefined {
  return steps.findLast(({ step }) => step.kind === kind);
}

function isoOf(time: number): string {
  return Number.isNaN(time) ? "unknown" : new Date(time).toISOString();
}

function textOf(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const message = messageOf(error);
  return code === undefined || message.includes(code) ? message : `${code} ${message}`;
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/** What the probe was doing after its last step; `undefined` without a step. */
export function phaseOf(steps: readonly TimedStep[], isTls: boolean): string | undefined {
  const step = steps.at(-1)?.step;
  switch (step?.kind) {
    case undefined:
      return undefined;
    case "resolving":
      return `while ${step.name} was resolved`;
    case "resolved":
    case "unresolved":
    case "connecting":
    case "unconnected":
      return "while connecting";
    case "connected":
      return isTls ? "within the TLS handshake, to which the target has not answered" : "after connecting";
    case "secured":
    case "verified":
      return "after the TLS handshake";
    case "received":
    case "answered":
      return "after the first bytes of the answer";
    default:
      return step satisfies never;
  }
}
