/**
 * The text of `/events`: Server-Sent Events (HTML Standard, section 9.2).
 *
 *     id: m3k1x9ab-57
 *     event: transition
 *     data: {"subject":"service","name":"orders","from":"SERVING","to":"NOT_SERVING", ... }
 *
 * JSON has no line break of its own, so each event has one line of data. An empty `id` makes a client forget its last ID:
 * its next request is answered by a snapshot.
 */
import { printable } from "../../core/printable.js";
import { isView } from "../../core/service-name.js";
import type { CheckReport, FleetState, ServiceStatus } from "../../registry/ports.js";
import type { KeptTransition, TransitionHistory } from "../../telemetry/history/transition-history.js";
import type { Snapshot } from "./snapshot.js";

/** What one client may see, and wants to see. */
export interface EventFilter {
  /** The services that the client asks for; `undefined`: all services and checks. */
  readonly names: ReadonlySet<string> | undefined;
  /** Checks and reason codes are shown. */
  readonly detailed: boolean;
}

/** Milliseconds after which a client connects again when its stream ends. */
const RETRY_MS = 2_000;

/** The first bytes: a client sees at once that its stream is open. */
export const OPENING = Buffer.from(`retry: ${RETRY_MS}\n\n`);

/** A comment, which clients ignore. It keeps proxies from closing a silent connection, and finds clients that are gone. */
export const HEARTBEAT = Buffer.from(": heartbeat\n\n");

/** The last bytes of a stream that the server ends. */
export const CLOSING = Buffer.from(": closing\n\n");

/** A piece is closed when it has so many characters. */
const MAX_PIECE_LENGTH = 16 * 1024;

/** The events after a sequence, as far as they fit into one piece. */
export interface EventPiece {
  readonly text: string;
  /** The sequence of the last transition that was read for it. */
  readonly last: number;
}

/** Writes the transitions after `sequence` that a client may see. The history must be able to continue from there. */
export function eventsAfter(history: TransitionHistory, sequence: number, filter: EventFilter): EventPiece {
  let text = "";
  let last = sequence;
  while (last < history.last && text.length < MAX_PIECE_LENGTH) {
    last += 1;
    const transition = history.at(last);
    if (transition === undefined || !isVisible(transition, filter)) continue;
    const data = transitionJson(transition, filter.detailed);
    text += `id: ${history.idOf(last)}\nevent: transition\ndata: ${printable(JSON.stringify(data))}\n\n`;
  }
  return { text, last };
}

/** Views are names beside the services. They are shown to clients that ask for them. */
function isVisible({ subject, name }: KeptTransition, { names, detailed }: EventFilter): boolean {
  if (subject === "check" && !detailed) return false;
  return names === undefined ? !isView(name) : names.has(name);
}

/** A transition as clients see it. */
export function transitionJson(transition: KeptTransition, detailed: boolean): object {
  const { subject, name, from, to, degraded, reason, at } = transition;
  const fields = { subject, name, from, to, degraded, at: new Date(at).toISOString() };
  return detailed && reason !== undefined ? { ...fields, reason } : fields;
}

/** The text around the services and checks of a snapshot. */
export function snapshotAround(
  history: TransitionHistory,
  { sequence, draining, stalledMs }: Pick<Snapshot, "sequence" | "draining" | "stalledMs">,
): { readonly before: string; readonly after: string } {
  const id = sequence === undefined ? "" : ` ${history.idOf(sequence)}`;
  const stalled = stalledMs === undefined ? "" : ',"stalled":true';
  return { before: `id:${id}\nevent: snapshot\ndata: {"draining":${draining}${stalled},"services":[`, after: "]}\n\n" };
}

/** The fleet as JSON. Members that have not changed make the same text. */
export function fleetJson(fleet: FleetState): string {
  return printable(JSON.stringify(fleet));
}

/** The event that says what the fleet is now. It has no ID: a client continues after the last transition. */
export function fleetEvent(fleet: FleetState): string {
  return `event: fleet\ndata: ${fleetJson(fleet)}\n\n`;
}

/** All services and checks of a snapshot, in pieces. */
export function* snapshotPieces({ services, checks }: Snapshot): IterableIterator<string> {
  let separator = "";
  for (const [name, status] of services) {
    yield `${separator}${serviceJson(name, status, true)}`;
    separator = ",";
  }
  separator = '],"checks":[';
  if (checks.all.length === 0) yield separator;
  for (const check of checks.all) {
    yield `${separator}${checkJson(check)}`;
    separator = ",";
  }
}

/** One service of a snapshot. */
export function serviceJson(
  name: string,
  { status, degraded, reason, since }: ServiceStatus,
  detailed: boolean,
): string {
  const details = { since: new Date(since).toISOString(), ...(reason === undefined ? {} : { reason }) };
  return printable(JSON.stringify({ name, status, degraded, ...(detailed ? details : {}) }));
}

/** One check of a snapshot. */
export function checkJson({ name, state, critical, drained, since, reason }: CheckReport): string {
  const fields = { name, state, critical, since: new Date(since).toISOString() };
  return printable(JSON.stringify({ ...fields, ...(drained ? { drained } : {}), ...(reason && { reason }) }));
}
