/** A history with its journal, as one process has it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Transition } from "../../src/core/channels.js";
import { HistoryJournal } from "../../src/telemetry/history/history-journal.js";
import { type PastOfService, ServiceHistory } from "../../src/telemetry/history/service-history.js";
import { TransitionHistory } from "../../src/telemetry/history/transition-history.js";
import { eventually } from "../support/eventually.js";
import type { VirtualClock } from "../support/virtual-clock.js";

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const MB = 1_048_576;

export interface RunOptions {
  readonly folder: string;
  readonly clock: VirtualClock;
  readonly maxBytes?: number;
  readonly retainMs?: number;
  /** A service that becomes SERVING before the files are opened. */
  readonly early?: string;
}

let epochs = 0;

export const filesIn = (folder: string): readonly string[] => readdirSync(folder).sort();

/** The text of all files of a folder. */
export function textIn(folder: string): string {
  // a file may be renamed or removed meanwhile
  const read = (file: string) => (existsSync(join(folder, file)) ? readFileSync(join(folder, file), "utf8") : "");
  return filesIn(folder).map(read).join("");
}

export class HistoryRun {
  readonly services: ServiceHistory;
  readonly transitions: TransitionHistory;
  readonly journal: HistoryJournal;
  readonly #clock: VirtualClock;
  readonly #folder: string;
  isHeld = true;

  private constructor(
    { folder, clock }: RunOptions,
    journal: HistoryJournal,
    parts: Pick<HistoryRun, "services" | "transitions">,
  ) {
    this.#folder = folder;
    this.#clock = clock;
    this.journal = journal;
    this.services = parts.services;
    this.transitions = parts.transitions;
  }

  /** Starts, and reads what earlier runs have left. */
  static async start(options: RunOptions): Promise<HistoryRun> {
    const { folder, clock, maxBytes = 32 * MB, retainMs = 30 * DAY, early } = options;
    epochs += 1;
    const services = new ServiceHistory({ clock, maxBytes, retainMs });
    const transitions = new TransitionHistory(`epoch${epochs}`);
    if (early !== undefined) record({ services, transitions }, transitionOf(1, clock, early, "SERVING"));
    const isHeld = async () => run?.isHeld !== false;
    const deps = { clock, instance: "history-test", services, transitions, isHeld };
    const journal = await HistoryJournal.open(folder, deps);
    const run: HistoryRun | undefined = new HistoryRun({ folder, clock }, journal, { services, transitions });
    await journal.loaded;
    return run;
  }

  /** A change of a status, as the registry reports it. */
  set(name: string, to: string, reason?: string): void {
    record(this, transitionOf(this.transitions.last + 1, this.#clock, name, to, reason));
  }

  /** Lets a time pass with one tick at its end. */
  async pass(ms: number): Promise<void> {
    this.#clock.stall(Math.max(0, ms - 10 * SECOND));
    await this.#clock.advance(Math.min(ms, 10 * SECOND));
  }

  past(name: string, ms: number): PastOfService | undefined {
    const now = this.#clock.wallTime();
    return this.services.read(name, now - ms, now);
  }

  /** `EPOCH-SEQUENCE NAME STATUS`, the oldest first. */
  changes(): readonly string[] {
    const all = [...this.transitions.newestFirst()].reverse();
    return all.map(({ epoch, transition: { sequence, name, to } }) => `${epoch}-${sequence} ${name} ${to}`);
  }

  /** Lets seconds pass until the last transition is in a file. */
  async written(): Promise<void> {
    const key = JSON.stringify(this.transitions.idOf(this.transitions.last));
    await eventually(async () => {
      await this.#clock.advance(SECOND);
      return textIn(this.#folder).includes(key);
    }, "it is written");
  }

  async end(): Promise<void> {
    this.services.close();
    await this.journal.close();
  }
}

type Change = readonly [name: string, to: string, reason?: string];

function transitionOf(sequence: number, clock: VirtualClock, ...[name, to, reason]: Change): Transition {
  const fields = { subject: "service", from: "UNKNOWN", degraded: false, detail: undefined } as const;
  return { ...fields, sequence, at: clock.wallTime(), name, to, reason };
}

function record({ transitions, services }: Pick<HistoryRun, "services" | "transitions">, transition: Transition): void {
  transitions.add(transition);
  services.add(transition);
}
