/**
 * `watch` in a pipe: one line for each status that becomes known or changes, as text or as JSON.
 *
 *     status --> the server tells why? --no------------------------> line
 *                         '--yes--> wait for the reason ---> line
 *                                     '-- the next status, or the end of the connection, comes first --> line without it
 *
 * After a loss of the connection, every service has a line again when its status is known again.
 */
import { printable } from "../../core/printable.js";
import { probeClock } from "../probe/probe-clock.js";
import { type ServiceRow, ServiceRows, titleOf } from "./service-rows.js";
import { reasonText } from "./table-layout.js";
import type { ServerListener } from "./watch-server.js";

/** A line that waits for its reason. */
interface StatusChange {
  /** Wall time of the change, as this client has seen it. */
  readonly time: number;
  readonly previousStatus: string | undefined;
}

export interface ChangeLinesOptions {
  readonly addr: string;
  readonly isJson: boolean;
  /** Writes a line, without its line break. */
  readonly write: (line: string) => void;
}

/** The longest name of a status, `SERVICE_UNKNOWN`. */
const STATUS_COLUMNS = 15;

export class ChangeLines {
  readonly #options: ChangeLinesOptions;
  readonly #rows = new ServiceRows();
  readonly #pending = new Map<string, StatusChange>();
  #cause: string | undefined;
  #isConnected = false;

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

  #onChange(service: string, previousStatus: string | undefined, awaitsDetails: boolean): void {
    this.#pending.set(service, { time: probeClock.wallTime(), previousStatus });
    if (!awaitsDetails) this.#flush(service);
  }

  /** Writes the line of a service that waits for its reason. */
  #flush(service: string): void {
    const change = this.#pending.get(service);
    const row = this.#rows.get(service);
    if (change === undefined || row === undefined) return;
    this.#pending.delete(service);
    const { addr, isJson, write } = this.#options;
    write(isJson ? statusJson(addr, row, change) : statusLine(row, change));
  }

  #setConnected(isConnected: boolean, cause: string | undefined): void {
    const { addr, isJson, write } = this.#options;
    const time = timeText(probeClock.wallTime());
    const state = isConnected ? "connected" : "disconnected";
    this.#isConnected = isConnected;
    this.#cause = cause;
    if (isJson) write(printable(JSON.stringify({ time, type: "connection", addr, state, error: cause ?? null })));
    else write(`${time}  ${state}${cause === undefined ? "" : `: ${printable(cause)}`}`);
  }
}

function statusLine(row: ServiceRow, { time, previousStatus }: StatusChange): string {
  const status = (shownStatus(row) ?? "?").padEnd(STATUS_COLUMNS);
  const notes = [
    ...(previousStatus === undefined || previousStatus === row.status ? [] : [`was ${printable(previousStatus)}`]),
    ...(row.degraded === true ? ["degraded"] : []),
    ...(row.fault === undefined && row.reason === undefined ? [] : [reasonText(row)]),
  ];
  const suffix = notes.length === 0 ? "" : `  (${notes.join("; ")})`;
  return `${timeText(time)}  ${printable(status)}  ${titleOf(row.service)}${suffix}`;
}

function statusJson(addr: string, row: ServiceRow, { time, previousStatus }: StatusChange): string {
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

/** The fields of a service that only a server tells that is healthbridge; `null` where it is not known. */
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
