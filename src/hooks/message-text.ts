/**
 * A message in words: a title, and a line for each change.
 *
 *     title   celery is NOT_SERVING
 *     line    celery: NOT_SERVING since 2026-01-05 10:00:03 UTC (refused: the target refused the connection);
 *             failing checks: broker (refused)
 *
 * The words are names, statuses, reason codes and times. No text of a target is among them.
 */
import { formatDuration } from "../core/duration.js";
import { printable } from "../core/printable.js";
import { REASONS } from "../core/reasons.js";
import type { Cause, Message, ToldChange } from "./webhook-message.js";

/** Names in a title. */
const MAX_NAMES = 3;

/** The name of a service as people read it. */
export function displayName(service: string): string {
  return service === "" ? "overall" : printable(service);
}

export function titleOf({ kind, changes }: Message): string {
  const [first] = changes;
  const failing = changes.filter(({ status }) => status === "NOT_SERVING");
  const ended = changes.length - failing.length;
  const still = kind === "reminder" ? "still " : "";
  if (first === undefined) return "changes were left out";
  if (changes.length === 1) return `${displayName(first.service)} ${endingOf(first, still)}`;
  const outages = failing.length === 0 ? [] : [`${namesOf(failing)} ${verb(failing.length)} ${still}NOT_SERVING`];
  const ends = ended === 0 ? [] : [`${countOf(ended)} ${verb(ended)} no longer failing`];
  return [...outages, ...ends].join("; ");
}

/** The lines of the changes, outages first. */
export function linesOf({ changes, omitted }: Message): readonly string[] {
  const failing = changes.filter(({ status }) => status === "NOT_SERVING");
  const ended = changes.filter(({ status }) => status !== "NOT_SERVING");
  const lines = [...failing, ...ended].map((change) => `${displayName(change.service)}: ${describe(change)}`);
  const left = `${omitted} ${omitted === 1 ? "change was" : "changes were"} left out: too many messages waited`;
  return omitted === 0 ? lines : [...lines, left];
}

/** One change in words, without the name of the service. */
export function describe(change: ToldChange): string {
  const { status, since, at, reason, causes } = change;
  switch (status) {
    case "NOT_SERVING": {
      const why = reason === undefined ? "" : ` (${describeReason(reason)})`;
      const failing = causes.length === 0 ? "" : `; failing checks: ${causes.map(describeCause).join(", ")}`;
      return `NOT_SERVING since ${timeText(since)}${why}${failing}`;
    }
    case "SERVING":
      return `SERVING again since ${timeText(at)}, after ${lasted(change)}`;
    case "SERVICE_UNKNOWN":
      return `no longer checked since ${timeText(at)}; it was NOT_SERVING for ${lasted(change)}`;
    default:
      return status satisfies never;
  }
}

/** The meaning of a reason code; `undefined` for one that is not of a check. */
export function meaningOf(reason: string): string | undefined {
  const meanings: Readonly<Record<string, string>> = REASONS;
  return Object.hasOwn(meanings, reason) ? meanings[reason] : undefined;
}

/** The lines that fit, with the number of those that do not. */
export function linesWithin(lines: readonly string[], maxCharacters: number): string {
  const shown: string[] = [];
  let left = maxCharacters;
  for (const line of lines) {
    left -= line.length + 1;
    if (left < -1) break; // the last line has no line break
    shown.push(line);
  }
  const more = lines.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join("\n");
}

function endingOf({ status }: ToldChange, still: string): string {
  switch (status) {
    case "NOT_SERVING":
      return `is ${still}NOT_SERVING`;
    case "SERVING":
      return "is SERVING again";
    case "SERVICE_UNKNOWN":
      return "is no longer checked";
    default:
      return status satisfies never;
  }
}

function namesOf(changes: readonly ToldChange[]): string {
  const names = changes.slice(0, MAX_NAMES).map(({ service }) => displayName(service));
  const more = changes.length - names.length;
  if (more > 0) return `${names.join(", ")} and ${more} more`;
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

function countOf(count: number): string {
  return `${count} ${count === 1 ? "service" : "services"}`;
}

function verb(count: number): string {
  return count === 1 ? "is" : "are";
}

function describeReason(reason: string): string {
  const meaning = meaningOf(reason);
  return meaning === undefined ? printable(reason) : `${reason}: ${meaning}`;
}

function describeCause({ check, reason }: Cause): string {
  return `${printable(check)}${reason === undefined ? "" : ` (${printable(reason)})`}`;
}

/** The length of an outage, in whole seconds. */
function lasted({ since, at }: ToldChange): string {
  return formatDuration(Math.max(1_000, Math.round((at - since) / 1_000) * 1_000));
}

function timeText(wallTime: number): string {
  return `${new Date(wallTime).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
