/** The last events of one target, for whoever has to find out why a seed fails. */

const KEPT = 32;

export class Story {
  readonly #name: string;
  readonly #world: { now(): number };
  readonly #times: number[] = [];
  readonly #events: string[] = [];
  #count = 0;

  constructor(name: string, world: { now(): number }) {
    this.#name = name;
    this.#world = world;
  }

  /** Something happens. The oldest is forgotten. */
  note(event: string): void {
    const place = this.#count % KEPT;
    this.#times[place] = this.#world.now();
    this.#events[place] = event;
    this.#count += 1;
  }

  /** What is wrong, and what came before. */
  tell(fault: string): string {
    const oldest = Math.max(0, this.#count - KEPT);
    const lines = Array.from({ length: this.#count - oldest }, (_, index) => {
      const place = (oldest + index) % KEPT;
      return `    ${seconds(this.#times[place] ?? 0)}  ${this.#events[place]}`;
    });
    return [`${seconds(this.#world.now())}  ${this.#name}: ${fault}`, ...lines].join("\n");
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(3)} s`;
}
