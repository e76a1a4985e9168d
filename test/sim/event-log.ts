/** The last events of one target: they show why a seed fails. */

const MAX_EVENTS = 32;

export class EventLog {
  readonly #name: string;
  readonly #world: { now(): number };
  readonly #times: number[] = [];
  readonly #events: string[] = [];
  #count = 0;

  constructor(name: string, world: { now(): number }) {
    this.#name = name;
    this.#world = world;
  }

  /** Adds an event. The oldest is dropped. */
  add(event: string): void {
    const place = this.#count % MAX_EVENTS;
    this.#times[place] = this.#world.now();
    this.#events[place] = event;
    this.#count += 1;
  }

  /** A fault, followed by the events before it. */
  format(fault: string): string {
    const oldest = Math.max(0, this.#count - MAX_EVENTS);
    const lines = Array.from({ length: this.#count - oldest }, (_, index) => {
      const place = (oldest + index) % MAX_EVENTS;
      return `    ${seconds(this.#times[place] ?? 0)}  ${this.#events[place]}`;
    });
    return [`${seconds(this.#world.now())}  ${this.#name}: ${fault}`, ...lines].join("\n");
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(3)} s`;
}
