/**
 * The services of a server, as far as they are known: one row each.
 *
 *     status is reported --> current --+-- connection lost, or Check failed --> not current: the last status that was known
 *                               ^      '-- the server lists it no more ------> SERVICE_UNKNOWN
 *                               '-- reported again
 *
 * A status is current only while the server is connected and has reported it on this connection.
 */
import { OVERALL } from "../../core/service-name.js";
import { tableText } from "./text-width.js";

/** What healthbridge reports about a service, beside its status. */
export interface ServiceDetails {
  readonly status: string;
  /** Wall time of the last change, by the clock of the server. */
  readonly since: number;
  /** A reason code; `undefined` where the server has none. */
  readonly reason: string | undefined;
  readonly degraded: boolean;
}

export interface ServiceRow {
  readonly service: string;
  /** The name, in characters of a known width. */
  readonly title: string;
  /** The name of the last reported status, or its number if the protocol lacks it. `undefined` before the first one. */
  readonly status: string | undefined;
  readonly isCurrent: boolean;
  /** Why the status is not known, although the server is connected. */
  readonly fault: string | undefined;
  /** Wall time of the last change: by the server, or seen here. `undefined` where neither is known. */
  readonly since: number | undefined;
  readonly reason: string | undefined;
  /** `undefined` where the server does not report it. */
  readonly degraded: boolean | undefined;
  /** Changes of the status that were seen. */
  readonly changes: number;
}

/** The status of a service that the server does not have, or no more. */
export const GONE = "SERVICE_UNKNOWN";

/** Rows of services that are gone. More are forgotten, the oldest first. */
const MAX_GONE = 100;

/** A longer name is cut: only a hostile server has one (the limit of gRPC C++ is 200 bytes). */
const MAX_TITLE_CHARACTERS = 250;

/** The name of a service as people read it. */
export function titleOf(service: string): string {
  return service === OVERALL ? "(overall)" : tableText(service.slice(0, MAX_TITLE_CHARACTERS));
}

export class ServiceRows {
  readonly #rows = new Map<string, ServiceRow>();
  /** Services that have been in a List, and are not in the last one: the oldest first. */
  readonly #gone = new Set<string>();

  get all(): readonly ServiceRow[] {
    return [...this.#rows.values()];
  }

  get(service: string): ServiceRow | undefined {
    return this.#rows.get(service);
  }

  /** A reported status. Returns the row when something is new: the status, or that it is current. */
  setStatus(service: string, status: string, now: number): ServiceRow | undefined {
    const before = this.#rows.get(service);
    if (before?.isCurrent === true && before.status === status) return undefined;
    if (status !== GONE) this.#gone.delete(service);
    const isChange = before?.status !== undefined && before.status !== status;
    const changes = (before?.changes ?? 0) + (isChange ? 1 : 0);
    // the time of a change that happened while the status was not current is not known
    const since = isChange && before.isCurrent ? now : undefined;
    const row = { ...emptyRow(service), status, isCurrent: true, since, changes };
    this.#rows.set(service, row);
    return row;
  }

  /** A Check of a connected server that has failed. Returns the row when the text is new. */
  setFault(service: string, fault: string): ServiceRow | undefined {
    const before = this.#rows.get(service) ?? emptyRow(service);
    if (before.fault === fault) return undefined;
    const row = { ...before, isCurrent: false, fault };
    this.#rows.set(service, row);
    return row;
  }

  /** Details about the status that the row has. Details about another status are old, or too new: they are ignored. */
  setDetails(service: string, { status, since, reason, degraded }: ServiceDetails): void {
    const before = this.#rows.get(service);
    if (before?.isCurrent !== true || before.status !== status) return;
    this.#rows.set(service, { ...before, since, reason, degraded });
  }

  /** All services that the server has. Returns the rows of those that it has no more. */
  setListed(listed: ReadonlySet<string>, now: number): readonly ServiceRow[] {
    const unlisted = [...this.#rows.keys()].filter((service) => !listed.has(service));
    const changed = unlisted.flatMap((service) => this.setStatus(service, GONE, now) ?? []);
    for (const service of unlisted) this.#gone.add(service);
    for (const service of this.#gone) {
      if (this.#gone.size <= MAX_GONE) break;
      this.#gone.delete(service);
      this.#rows.delete(service);
    }
    return changed;
  }

  /** The connection is lost: from here on, no status is current. */
  setDisconnected(): void {
    for (const [service, row] of this.#rows) this.#rows.set(service, { ...row, isCurrent: false, fault: undefined });
  }
}

function emptyRow(service: string): ServiceRow {
  const title = titleOf(service);
  const nothing = { status: undefined, fault: undefined, since: undefined, reason: undefined, degraded: undefined };
  return { service, title, isCurrent: false, changes: 0, ...nothing };
}
