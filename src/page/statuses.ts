/**
 * The statuses that the events report. They replace what the HTML of the page says, because they are newer.
 *
 *     snapshot ---> [ all services ] <--- transition: one of them
 *                          |
 *                          '--> names that have changed since they were taken --> rows of the page
 *
 * Each check is a service of its own name, so the events of checks are not needed. A field that is missing or of another
 * type is read as empty: the server may be of another version than this page.
 */
import type { ServerEvent } from "./event-parser.js";

export interface LiveStatus {
  /** `SERVING` and so on. */
  readonly status: string;
  readonly degraded: boolean;
  /** A reason code; `""` when there is none. */
  readonly reason: string;
  /** ISO 8601. */
  readonly since: string;
}

/** Changes since they were taken last. */
export interface StatusChanges {
  readonly names: ReadonlySet<string>;
  /** A service appeared or disappeared. */
  readonly isListChanged: boolean;
  /** There was a snapshot: it may differ by what changed long ago. */
  readonly hasSnapshot: boolean;
}

export class Statuses {
  readonly #services = new Map<string, LiveStatus>();
  #names = new Set<string>();
  #isListChanged = false;
  #hasSnapshot = false;
  /** A snapshot has arrived. */
  isKnown = false;
  isDraining = false;
  /** The application that the server belongs to is blocked. */
  isStalled = false;

  /** By name; `""` is the server as a whole. */
  get services(): ReadonlyMap<string, LiveStatus> {
    return this.#services;
  }

  /** @throws SyntaxError when the data is not JSON */
  take({ type, data }: ServerEvent): void {
    const fields = recordOf(JSON.parse(data));
    if (type === "snapshot") this.#replace(fields);
    else if (type === "transition" && fields.subject === "service") this.#apply(fields);
  }

  /** What has changed since the last call. */
  takeChanges(): StatusChanges {
    const changes = { names: this.#names, isListChanged: this.#isListChanged, hasSnapshot: this.#hasSnapshot };
    this.#names = new Set();
    this.#isListChanged = false;
    this.#hasSnapshot = false;
    return changes;
  }

  #replace(fields: JsonFields): void {
    this.isKnown = true;
    this.isDraining = fields.draining === true;
    this.isStalled = fields.stalled === true;
    this.#hasSnapshot = true;
    const entries = Array.isArray(fields.services) ? fields.services.map(recordOf) : [];
    const present = new Map(entries.map((entry) => [textOf(entry.name), entry]));
    for (const name of this.#services.keys()) if (!present.has(name)) this.#set(name, undefined);
    for (const [name, entry] of present) this.#set(name, statusOf(entry, entry.status, entry.since));
  }

  #apply(fields: JsonFields): void {
    const name = textOf(fields.name);
    this.#set(name, fields.to === "SERVICE_UNKNOWN" ? undefined : statusOf(fields, fields.to, fields.at));
    if (name === "") this.isDraining = fields.reason === "draining";
  }

  #set(name: string, status: LiveStatus | undefined): void {
    const before = this.#services.get(name);
    if (status === undefined) this.#services.delete(name);
    else this.#services.set(name, status);
    if (isSame(before, status)) return;
    this.#names.add(name);
    if (before === undefined || status === undefined) this.#isListChanged = true;
  }
}

type JsonFields = Readonly<Record<string, unknown>>;

/** Of a value that is no object, every field is absent. */
function recordOf(value: unknown): JsonFields {
  return { ...Object(value) };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function statusOf({ degraded, reason }: JsonFields, status: unknown, since: unknown): LiveStatus {
  return { status: textOf(status), degraded: degraded === true, reason: textOf(reason), since: textOf(since) };
}

function isSame(one: LiveStatus | undefined, other: LiveStatus | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  const { status, degraded, reason, since } = other;
  return one.status === status && one.degraded === degraded && one.reason === reason && one.since === since;
}
