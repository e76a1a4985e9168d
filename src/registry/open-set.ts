/**
 * The open set: what every client may know. It is the status of the server as a whole and of the three views.
 *
 *     registry --> OpenSet --> health service, bridge --> clients of `open://` addresses
 *                    '-- any other name: unknown, whether it exists or not
 *
 * A listener of the open set has this reader and no other, so its transports cannot show a name. A drain shows as in the
 * registry.
 */
import type { Latest } from "../core/latest.js";
import { isView, OVERALL } from "../core/service-name.js";
import type { WatchStatus } from "../core/serving-status.js";
import type { CheckReport, ServiceStatus, StatusReader, UnreadyReason } from "./ports.js";

/** No service can have this name: it is a control character. A Watch of it stays SERVICE_UNKNOWN. */
const NO_SERVICE = "\0";

export class OpenSet implements StatusReader {
  readonly #reader: StatusReader;

  constructor(reader: StatusReader) {
    this.#reader = reader;
  }

  get instance(): string {
    return this.#reader.instance;
  }

  get draining(): boolean {
    return this.#reader.draining;
  }

  get drained(): ReadonlySet<string> {
    return new Set([...this.#reader.drained].filter(isOpen));
  }

  get unready(): UnreadyReason | undefined {
    return this.#reader.unready;
  }

  get fleet(): undefined {
    return undefined;
  }

  get watcherCount(): number {
    return this.#reader.watcherCount;
  }

  get version(): number {
    return this.#reader.version;
  }

  get statusVersion(): number {
    return this.#reader.statusVersion;
  }

  get sequence(): number | undefined {
    return this.#reader.sequence;
  }

  get stalledMs(): number | undefined {
    return this.#reader.stalledMs;
  }

  read(service: string): ServiceStatus | undefined {
    return isOpen(service) ? this.#reader.read(service) : undefined;
  }

  /** The server as a whole, when it has a status. */
  *services(): IterableIterator<[string, ServiceStatus]> {
    const overall = this.#reader.read(OVERALL);
    if (overall !== undefined) yield [OVERALL, overall];
  }

  *checks(): IterableIterator<CheckReport> {}

  check(): undefined {}

  watch(service: string, latest: Latest<WatchStatus>): () => void {
    return this.#reader.watch(isOpen(service) ? service : NO_SERVICE, latest);
  }
}

function isOpen(service: string): boolean {
  return service === OVERALL || isView(service);
}
