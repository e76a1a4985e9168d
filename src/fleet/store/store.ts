/**
 * The port of the store: what a fleet asks of Redis, Valkey or PostgreSQL.
 *
 *     beats   run -> beat             one for each live process
 *     cells   run, check -> cell      the votes of one process, and `head`: the sequence and digest of all of them
 *     log     run, head, cells        the changes of cells, for those who follow
 *     texts   name -> text             which checks a member holds, what webhooks have told
 *
 * Every record is a text that its writer has signed: a store that is writable by others cannot forge one. A run is one
 * start of one member, and each run writes its own records only. So no two writers meet, and the store needs no lock and
 * no order between writers. A store may lose anything at any time: members notice, and write it again.
 *
 * Each call settles within the deadline of the store (half a lease), and rejects with a StoreError. A `rewrite` or a read
 * of many cells goes in parts, and each part has the deadline. A store has no queue of its own: while it is away, calls
 * reject at once.
 */
import type { TlsClientOptions } from "../../client/tls-options.js";
import type { Clock } from "../../core/clock.js";
import type { StoreFault } from "../../core/store-faults.js";

export interface StoreOptions {
  /** The name of the fleet: letters, digits, dots, `-` and `_`. */
  readonly fleet: string;
  /** How long a call may take, in milliseconds: half a lease. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  /** For a URL with TLS: PEM texts and the name of the server. */
  readonly tls?: TlsClientOptions | undefined;
}

/** One start of one member: 24 hexadecimal digits. */
export type Run = string;

export interface HeardBeats {
  /** The beats of all runs as they were before this call, with the caller's own last one. */
  readonly beats: ReadonlyMap<Run, string>;
  /** What the store has of the caller's own cells: `undefined` when it has none. A store that lost writes differs from the caller. */
  readonly head: string | undefined;
  /** Number of the caller's own cells in the store. */
  readonly cellCount: number;
}

/** The place in the log after which is read. Its form is a matter of the store. `undefined`: the present end of the log. */
export type LogPosition = string | undefined;

/** A change of the cells of one run, as one write. */
export interface LogEntry {
  readonly run: Run;
  /** The head after this write. */
  readonly head: string;
  /** Changed cells; `undefined` for one that is gone. */
  readonly cells: ReadonlyMap<string, string | undefined>;
}

export interface LogPage {
  /** In the order in which each run wrote them. At most 100 entries: more follow at once when `isEnd` is false. */
  readonly entries: readonly LogEntry[];
  readonly position: LogPosition;
  readonly isEnd: boolean;
}

/** All cells of a run, as they were read. */
export interface StoredCells {
  /** The head before the first cell was read. Many cells are read in parts, so newer ones may be among them. */
  readonly head: string;
  readonly cells: ReadonlyMap<string, string>;
}

export interface FleetStore {
  /** Writes the own beat, and reads all. One round trip. */
  beat(run: Run, beat: string): Promise<HeardBeats>;
  /**
   * Changes own cells, and appends the same to the log: both or none. Returns the head that it has found, `undefined` for
   * none: when the write before this one was lost, its head is missing.
   */
  write(entry: LogEntry): Promise<string | undefined>;
  /** Puts all own cells in place of those that are there, without the log: after a loss, and at the start. */
  rewrite(run: Run, head: string, cells: ReadonlyMap<string, string>): Promise<void>;
  /** The log after a position. Entries may be missing: heads tell. */
  read(position: LogPosition): Promise<LogPage>;
  /** All cells of a run, with their head. `undefined`: the store has none. */
  cells(run: Run): Promise<StoredCells | undefined>;
  /** Keeps a text of the whole fleet under a name for an hour, in place of the one before. Written again from time to time. */
  keepText(name: string, text: string): Promise<void>;
  text(name: string): Promise<string | undefined>;
  /** Removes the beat and the cells of a run: its own when it leaves, or one that is dead for long. */
  forget(run: Run): Promise<void>;
  /**
   * Takes or prolongs a lease for `ttlMs`. Returns who holds it now.
   * Only for what may happen twice: a lease in a store that loses writes excludes nothing for sure.
   */
  hold(lease: string, run: Run, ttlMs: number): Promise<Run>;
  /** Closes the connection, within a second. */
  close(): Promise<void>;
}

/** The store cannot be reached, refuses a command, or does not answer in time. The message has no secret. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  /** A short code: `unreachable`, `timeout`, `refused` (a permission, a read-only replica, out of memory), `protocol`. */
  readonly code: "unreachable" | "timeout" | "refused" | "protocol";
  /** The same, or a more precise word: for people. */
  readonly fault: StoreFault;

  constructor(code: StoreError["code"], message: string, options: ErrorOptions & { readonly fault?: StoreFault } = {}) {
    super(message, options);
    this.code = code;
    this.fault = options.fault ?? code;
  }
}
