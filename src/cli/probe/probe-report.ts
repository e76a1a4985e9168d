/**
 * What a probe prints: a line on stderr for each service, as grpc_health_probe does, or with `-json` an object on stdout.
 * With several services, the name of the service stands before each line, and the worst exit code counts.
 */
import { printable } from "../../core/printable.js";
import { formatGoDuration, goDurationOf, goQuote } from "./go-format.js";
import { exitCodeOf, lineOf, type ServiceOutcome, shownStatus } from "./probe-outcome.js";
import type { ProbeSettings } from "./probe-settings.js";

/** One service, and how its probe ended. */
export interface ServiceReport {
  readonly service: string;
  readonly outcome: ServiceOutcome;
  readonly connectMs?: number | undefined;
  readonly rpcMs?: number | undefined;
}

/** The lines of one attempt, without line breaks. */
export interface ProbeReport {
  readonly exitCode: number;
  /** Lines for stdout: those of `-list` and `-json`. */
  readonly lines: readonly string[];
  /** All other lines. */
  readonly errors: readonly string[];
}

/** From the worst to the best: of a failed call nothing is known. */
const SEVERITY: readonly number[] = [20, 1, 2, 3, 4, 0];

/** The worst of several exit codes. */
export function worstOf(exitCodes: readonly number[]): number {
  return SEVERITY.find((exitCode) => exitCodes.includes(exitCode)) ?? 0;
}

/** The lines of a probe of one service or more. */
export function reportOf(services: readonly ServiceReport[], settings: ProbeSettings): ProbeReport {
  const exitCode = worstOf(services.map(({ outcome }) => exitCodeOf(outcome)));
  if (settings.isJson) return { exitCode, errors: [], lines: services.map((each) => jsonOf(each, settings)) };
  const [first] = services;
  // without a connection, all services have the same line
  const hasOneLine = services.every(({ outcome }) => outcome === first?.outcome);
  const shown = hasOneLine ? services.slice(0, 1) : services;
  return { exitCode, lines: [], errors: shown.flatMap((each) => textOf(each, settings, !hasOneLine)) };
}

function textOf(
  { service, outcome, connectMs = 0, rpcMs = 0 }: ServiceReport,
  settings: ProbeSettings,
  isNamed: boolean,
) {
  const prefix = isNamed ? `${goQuote(service)}: ` : "";
  const line = `${prefix}${lineOf(outcome, settings)}`;
  if (!settings.isVerbose || exitCodeOf(outcome) !== 0) return [line];
  return [`${prefix}time elapsed: connect=${shownMs(connectMs)} rpc=${shownMs(rpcMs)}`, line];
}

function shownMs(milliseconds: number): string {
  return formatGoDuration(goDurationOf(milliseconds));
}

function jsonOf({ service, outcome, connectMs, rpcMs }: ServiceReport, settings: ProbeSettings): string {
  const exitCode = exitCodeOf(outcome);
  const json = JSON.stringify({
    addr: settings.addr,
    service,
    status: shownStatus(outcome) ?? null,
    exitCode,
    ...(exitCode === 0 || shownStatus(outcome) !== undefined ? {} : { error: lineOf(outcome, settings) }),
    ...(connectMs === undefined ? {} : { connectMs: rounded(connectMs) }),
    ...(rpcMs === undefined ? {} : { rpcMs: rounded(rpcMs) }),
  });
  return printable(json); // an escape of JSON has the same form
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1_000) / 1_000;
}
