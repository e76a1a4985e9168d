/**
 * `/history/<service>`: what a service was, as JSON, and its uptime for a badge.
 *
 *     ?hours=24 (default), or ?from= and ?to=  --> buckets, their sum, the transitions that are kept
 */
import { type AccessToken, isAuthorized } from "../../core/bearer-token.js";
import { printable } from "../../core/printable.js";
import { storedName } from "../../core/service-name.js";
import { COLOURS } from "../../core/status-colours.js";
import { percentText } from "../../core/status-words.js";
import type { StatusReader } from "../../registry/ports.js";
import { type Bucket, noTimes, PARTS } from "../../telemetry/history/bucket-series.js";
import type { Latency } from "../../telemetry/history/latency.js";
import type { PastOfService, ServiceHistory } from "../../telemetry/history/service-history.js";
import { eventId, type TransitionHistory } from "../../telemetry/history/transition-history.js";
import type { HttpAnswer, HttpRequest } from "../../wire/http-message.js";
import { jsonHeaders, methodNotAllowed, textAnswer, unauthenticated } from "./answers.js";
import { type Badge, badgeAnswer, labelOf } from "./badge.js";
import { transitionJson } from "./event-text.js";
import { type HistoryRoute, UPTIMES, type Uptime } from "./history-range.js";
import { uptimeOf } from "./uptime.js";

export interface HistoryDeps {
  readonly reader: StatusReader;
  readonly transitions: TransitionHistory;
  readonly services: ServiceHistory;
}

const HOUR_MS = 3_600_000;
const MS_PER_SECOND = 1_000;

/** The newest transitions of a range that are shown. */
const MAX_TRANSITIONS = 1_000;

/** The answer to a client that must not see the history; `undefined` for any other. */
export function refuseHistory(request: HttpRequest, token: AccessToken | string | undefined): HttpAnswer | undefined {
  if (request.method !== "GET" && request.method !== "HEAD") return methodNotAllowed("GET, HEAD");
  return isAuthorized(request.authorization, token) ? undefined : unauthenticated();
}

/** Answers a request for the history of one service. */
export function answerHistory(deps: HistoryDeps, route: HistoryRoute, now: number): HttpAnswer {
  const name = storedName(route.service);
  const { from = now - (route.hours ?? 24) * HOUR_MS, to = now } = route;
  const past = deps.services.read(name, from, to);
  if (past === undefined && deps.reader.read(name) === undefined) return textAnswer(404, "SERVICE_UNKNOWN");
  const known = past ?? emptyPast(from, to);
  const body = printable(JSON.stringify(historyJson(deps, name, known)));
  return { status: 200, headers: jsonHeaders("application/json"), body };
}

/** Answers a request for the badge of a service's uptime. */
export function answerUptimeBadge(
  { reader, services }: HistoryDeps,
  { service, uptime }: { readonly service: string; readonly uptime: Uptime },
  now: number,
): HttpAnswer {
  const name = storedName(service);
  const past = services.read(name, now - UPTIMES[uptime] * HOUR_MS, now);
  if (past === undefined && reader.read(name) === undefined)
    return badgeAnswer(404, { label: "uptime", message: "no such service", colour: COLOURS.unknown });
  return badgeAnswer(200, { label: `${labelOf(name)} ${uptime}`, ...uptimeMessage(past && uptimeOf(past)) });
}

function uptimeMessage(uptime: number | undefined): Omit<Badge, "label"> {
  if (uptime === undefined) return { message: "no data", colour: COLOURS.unknown };
  const message = percentText(uptime);
  return { message, colour: uptime >= 0.99 ? COLOURS.good : uptime >= 0.95 ? COLOURS.warning : COLOURS.bad };
}

function emptyPast(from: number, to: number): PastOfService {
  return { from, to: Math.max(from, to), bucketMs: HOUR_MS, buckets: [], parts: noTimes() };
}

function historyJson({ transitions }: HistoryDeps, service: string, past: PastOfService): object {
  const { from, to, bucketMs, buckets, parts } = past;
  return {
    service,
    ...{ from: isoTime(from), to: isoTime(to), bucketSeconds: bucketMs / MS_PER_SECOND },
    uptime: uptimeOf(past) ?? null,
    seconds: secondsOf(parts, to - from),
    buckets: buckets.map((bucket) => bucketJson(bucket, Math.min(bucketMs, to - bucket.at))),
    transitions: transitionsOf(transitions, service, past),
  };
}

function bucketJson({ at, parts, latency }: Bucket, lengthMs: number): object {
  return { at: isoTime(at), seconds: secondsOf(parts, lengthMs), ...(latency && { latencyMs: latencyJson(latency) }) };
}

/** The parts in seconds, and the rest, in which there is no data. */
function secondsOf(parts: Bucket["parts"], lengthMs: number): object {
  const covered = PARTS.reduce((sum, part) => sum + parts[part], 0);
  const seconds = PARTS.map((part) => [part, Math.round(parts[part]) / MS_PER_SECOND]);
  return { ...Object.fromEntries(seconds), noData: Math.max(0, Math.round(lengthMs - covered)) / MS_PER_SECOND };
}

function latencyJson({ count, ...values }: Latency): object {
  return { count, ...Object.fromEntries(Object.entries(values).map(([key, ms]) => [key, Math.round(ms * 100) / 100])) };
}

function transitionsOf(history: TransitionHistory, service: string, { from, to }: PastOfService): readonly object[] {
  const shown: object[] = [];
  for (const { epoch, transition } of history.newestFirst()) {
    const { name, at, subject, sequence } = transition;
    if (subject !== "service" || name !== service || at < from || at > to) continue;
    shown.push({ id: eventId(epoch, sequence), ...transitionJson(transition, true) });
    if (shown.length === MAX_TRANSITIONS) break;
  }
  return shown.reverse();
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
