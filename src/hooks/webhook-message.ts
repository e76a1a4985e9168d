/**
 * What a webhook tells: changes of services, in messages.
 *
 *     transitions of one outage --> changes --> one message --> one request
 *     several messages that must become fewer --> fold --> one message: the last change of each service
 */

/** What is told of a service. SERVICE_UNKNOWN: it was failing, and is no longer checked. */
export type ToldStatus = "NOT_SERVING" | "SERVING" | "SERVICE_UNKNOWN";

/** A failing check that makes a service NOT_SERVING. */
export interface Cause {
  readonly check: string;
  readonly reason: string | undefined;
}

/** One change of one service. */
export interface ToldChange {
  /** `EPOCH-SEQUENCE` of the transition. It stays the same over retries and restarts. */
  readonly id: string;
  /** `""` is the server as a whole. */
  readonly service: string;
  readonly status: ToldStatus;
  /** Wall time of the change, in milliseconds since 1970. */
  readonly at: number;
  /** Wall time at which the outage has begun: `at`, unless the outage is over. */
  readonly since: number;
  readonly reason: string | undefined;
  readonly causes: readonly Cause[];
  /** `warning`: a check with `critical: false`. The end of an outage has the severity of its beginning. */
  readonly severity: "critical" | "warning";
}

/** What is sent in one request. */
export interface Message {
  /** The id of its first change. The receiver can ignore a message whose id it has seen. */
  readonly id: string;
  readonly kind: "change" | "reminder";
  /** Wall time at which it was made. */
  readonly at: number;
  readonly changes: readonly ToldChange[];
  /** Changes that it does not have, because too many messages waited. */
  readonly omitted: number;
}

/**
 * One message in place of two that follow each other. A service with an even number of changes is after them what it was
 * before them, so it has none; otherwise its last change counts. So the receiver never gets two outages of a service
 * without a recovery in between.
 */
export function fold(first: Message, second: Message): Message {
  const last = new Map<string, ToldChange>();
  for (const change of [...first.changes, ...second.changes]) {
    if (!last.delete(change.service)) last.set(change.service, change);
  }
  const changes = [...last.values()];
  const dropped = first.changes.length + second.changes.length - changes.length;
  const { at, id } = second;
  const omitted = first.omitted + second.omitted + dropped;
  return { id: changes[0]?.id ?? id, kind: "change", at, changes, omitted };
}

/** A value of the journal as a message; `undefined` for what another version has written in another form. */
export function readMessage(value: unknown): Message | undefined {
  const { id, at, changes, omitted }: Unknown<Message> = Object(value);
  if (!isId(id) || typeof at !== "number" || !Array.isArray(changes)) return undefined;
  const read = changes.flatMap((change) => readChange(change) ?? []);
  return { id, kind: "change", at, changes: read, omitted: typeof omitted === "number" ? omitted : 0 };
}

/** The same of a change. */
export function readChange(value: unknown): ToldChange | undefined {
  const { id, service, status, at, since, reason, causes, severity }: Unknown<ToldChange> = Object(value);
  if (!isId(id) || typeof service !== "string" || typeof at !== "number") return undefined;
  if (status !== "NOT_SERVING" && status !== "SERVING" && status !== "SERVICE_UNKNOWN") return undefined;
  return {
    ...{ id, service, status, at },
    since: typeof since === "number" ? since : at,
    reason: textOf(reason),
    causes: Array.isArray(causes) ? causes.flatMap(readCause) : [],
    severity: severity === "warning" ? "warning" : "critical",
  };
}

/** An object of which nothing is known but the names of its fields. */
type Unknown<Type> = { readonly [Key in keyof Type]?: unknown };

function readCause(value: unknown): readonly Cause[] {
  const { check, reason }: Unknown<Cause> = Object(value);
  return typeof check === "string" ? [{ check, reason: textOf(reason) }] : [];
}

/** An id is the value of a header. */
function isId(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]{1,200}$/.test(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
