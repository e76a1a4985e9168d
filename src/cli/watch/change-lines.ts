/**
 * `watch` in a pipe: one line for each status that becomes known or changes, as text or as JSON.
 *
 *     status --> the server reports reasons? --no------------------> line
 *                             '--yes--> wait for the reason ---> line
 *                                         '-- the next status, or the end of the connection, comes first --> line without it
 *
 * After a loss of the connection, every service has a line again when its status is known again.
 *
 * While the reader does not read, at most one line for each service waits, the newest; and one of the connection.
 */
import { printable } from "../../core/printable.js";
import { probeClock } from "../probe/probe-clock.js";
import { type ServiceRow, ServiceRows, titleOf } from "./service-rows.js";
import { reasonText } from "./table-layout.js";
import type { ServerListener } from "./watch-server.js";

/** A line that waits for its reason. */
interface ServiceChange {
  /** Wall time of the change, as this client has seen it. */
  readonly time: number;
  readonly previousStatus: string | undefined;
  /** Its reason is still to come. */
  readonly awaitsDetails: boolean;
}

export interface ChangeLinesOptions {
  readonly addr: string;
  readonly isJson: boolean;
  /** Writes a line, without its line break. */
  readonly write: (line: string) => void;
  /** False while the reader is behind: nothing is written then, until `resume`. */
  readonly hasRoom: () => boolean;
}

/** The longest name of a status, `SERVICE_UNKNOWN`. */
const STATUS_COLUMNS = 15;

export class ChangeLines {
  readonly #options: ChangeLinesOptions;
  readonly #rows = new ServiceRows();
  readonly #pending = new Map<string, ServiceChange>();
  #cause: string | undefined;
  #isConnected = false;
  /** The state of the connection has no line yet, because there was no room. */
  #owesState = false;

  constructor(options: ChangeLinesOptions) {
    this.#options = options;
  }

  /** What a server reports becomes lines. */
  get listener(): ServerListener {
    return {
      onConnected: () => {
        if (!this.#isConnected) this.#setConnected(true, undefined);
      },
      onDisconnected: (cause) => {
        for (const service of [...this.#pending.keys()]) this.#flush(service);
        this.#pending.clear(); // without room: no status is known any more
        this.#rows.setDisconnected();
        if (this.#isConnected || cause !== this.#cause) this.#setConnected(false, cause);
      },
      onListed: (services) => {
        const previous = new Map(this.#rows.all.map(({ service, status }) => [service, status]));
        for (const { service } of this.#rows.setListed(services, probeClock.wallTime()))
          this.#onChange(service, previous.get(service), false);
      },
      onStatus: (service, status, awaitsDetails) => {
        const previous = this.#rows.get(service)?.status;
        this.#flush(service);
        if (this.#rows.setStatus(service, status, probeClock.wallTime()) !== undefined)
          this.#onChange(service, previous, awaitsDetails);
      },
      onFault: (service, fault) => {
        this.#flush(service);
        if (this.#rows.setFault(service, fault) !== undefined) this.#onChange(service, undefined, false);
      },
      onDetails: (service, details) => {
        if (details !== undefined) this.#rows.setDetails(service, details);
        this.#flush(service);
      },
      onPolled() {},
    };
  }

  /** Writes what had no room. */
  resume(): void {
    if (this.#owesState) this.#writeState();
    for (const [service, { awaitsDetails }] of [...this.#pending]) if (!awaitsDetails) this.#flush(service);
  }

  #onChange(service: string, previous: string | undefined, awaitsDetails: boolean): void {
    // a line that had no room is replaced: the status before it is the last one that was written
    const { previousStatus } = this.#pending.get(service) ?? { previousStatus: previous };
    this.#pending.set(service, { time: probeClock.wallTime(), previousStatus, awaitsDetails });
    if (!awaitsDetails) this.#flush(service);
  }

  /** Writes the line of a service, if it waits for its reason or for room, and there is room. */
  #flush(service: string): void {
    const change = this.#pending.get(service);
    const row = this.#rows.get(service);
    const { addr, isJson, write, hasRoom } = this.#options;
    if (change === undefined) return;
    if (!hasRoom()) {
      this.#pending.set(service, { ...change, awaitsDetails: false });
      return;
    }
    this.#pending.delete(service);
    if (row !== undefined) write(isJson ? statusJson(addr, row, change) : statusLine(row, change));
  }

  #setConnected(isConnected: boolean, cause: string | undefined): void {
    this.#isConnected = isConnected;
    this.#cause = cause;
    this.#owesState = true;
    if (this.#options.hasRoom()) this.#writeState();
  }

  #writeState(): void {
    const { addr, isJson, write } = this.#options;
    const time = timeText(probeClock.wallTime());
    const state = this.#isConnected ? "connected" : "disconnected";
    const cause = this.#cause;
    this.#owesState = false;
    if (isJson) write(printable(JSON.stringify({ time, type: "connection", addr, state, error: cause ?? null })));
    else write(`${time}  ${state}${cause === undefined ? "" : `: ${printable(cause)}`}`);
  }
}

function statusLine(row: ServiceRow, { time, previousStatus }: ServiceChange): string {
  const status = (shownStatus(row) ?? "?").padEnd(STATUS_COLUMNS);
  const notes = [
    ...(previousStatus === undefined || previousStatus === row.status ? [] : [`was ${printable(previousStatus)}`]),
    ...(row.degraded === true ? ["degraded"] : []),
    ...(row.fault === undefined && row.reason === undefined ? [] : [reasonText(row)]),
  ];
  const suffix = notes.length === 0 ? "" : `  (${notes.join("; ")})`;
  return `${timeText(time)}  ${printable(status)}  ${titleOf(row.service)}${suffix}`;
}

function statusJson(addr: string, row: ServiceRow, { time, previousStatus }: ServiceChange): string {
  const object = {
    time: timeText(time),
    type: "status",
    addr,
    service: row.service,
    status: shownStatus(row) ?? null,
    previousStatus: previousStatus ?? null,
    ...detailFields(row),
    error: row.fault ?? null,
  };
  return printable(JSON.stringify(object));
}

/** The fields that only healthbridge reports; `null` where they are not known. */
export function detailFields({ since, reason, degraded }: ServiceRow): object {
  return { since: timeText(since) ?? null, reason: reason ?? null, degraded: degraded ?? null };
}

function shownStatus({ status, isCurrent }: ServiceRow): string | undefined {
  return isCurrent ? status : undefined;
}

/** In UTC, with milliseconds. */
export function timeText(time: number): string;
export function timeText(time: number | undefined): string | undefined;
export function timeText(time: number | undefined): string | undefined {
  if (time === undefined || Number.isNaN(new Date(time).getTime())) return undefined;
  return new Date(time).toISOString();
}
