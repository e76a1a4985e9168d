/**
 * Metrics of one instance, counted from the first message on, without a cost at the start.
 *
 *     channels --> [ backlog ] -- 256 messages, or somebody asks --> load prom-client --> instruments --> text
 *                       '--------------- from then on, directly ------------------------------^
 *
 * prom-client takes as long to load as a tenth of the whole start of `serve`, and a process that nobody scrapes has no
 * use for it. So messages wait until there is a reason to load it, and none is lost.
 */
import { background } from "../core/background.js";
import { subscribe } from "../core/channels.js";
import type { Instruments, Measured, MetricsSource } from "./instruments.js";

/** What Prometheus scrapes. */
export interface Metrics {
  /** The page, in Prometheus' text format 0.0.4. Loads prom-client when it is called first. */
  readonly text: () => Promise<string>;
  /** Stops listening to the channels. */
  close(): void;
}

/** So many waiting messages are a reason to load the instruments. */
const REASON_TO_LOAD = 256;

/** Messages that wait at most, while the instruments are loaded or if they can't be. */
const LONGEST_BACKLOG = 10_000;

/** Starts to count what one instance publishes. */
export function createMetrics(source: MetricsSource): Metrics {
  const { instance } = source.reader;
  const collector = new Collector(source);
  const listen = <Name extends Measured>(name: Name) =>
    subscribe(name, (message) => {
      if (message.instance !== instance) return;
      const at = source.clock.now();
      collector.take((instruments) => instruments.record[name](message, at));
    });
  const ways = [
    listen("transition"),
    listen("probe"),
    listen("prober-failed"),
    listen("result-dropped"),
    listen("stall"),
    listen("isolation"),
    listen("call"),
    listen("http-request"),
    listen("reload"),
  ];
  return {
    text: async () => (await collector.load()).text(),
    close: () => {
      for (const leave of ways) leave();
    },
  };
}

/** A change of the instruments. */
type Change = (instruments: Instruments) => void;

class Collector {
  readonly #source: MetricsSource;
  readonly #startedAt: number;
  readonly #backlog: Change[] = [];
  #instruments: Instruments | undefined;
  #loading: Promise<Instruments> | undefined;

  constructor(source: MetricsSource) {
    this.#source = source;
    this.#startedAt = source.clock.now();
  }

  /** Applies a change, now or as soon as there are instruments. */
  take(change: Change): void {
    if (this.#instruments !== undefined) {
      change(this.#instruments);
      return;
    }
    if (this.#backlog.length < LONGEST_BACKLOG) this.#backlog.push(change);
    if (this.#loading === undefined && this.#backlog.length >= REASON_TO_LOAD) {
      background(this.load(), this.#source.reader.instance, "loading the metrics");
    }
  }

  /** The instruments, loaded once. */
  load(): Promise<Instruments> {
    this.#loading ??= this.#create();
    return this.#loading;
  }

  async #create(): Promise<Instruments> {
    const { Instruments } = await import("./instruments.js");
    const instruments = new Instruments(this.#source, this.#startedAt);
    for (const change of this.#backlog.splice(0)) change(instruments);
    this.#instruments = instruments;
    return instruments;
  }
}
