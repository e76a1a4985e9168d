/** Asks a URL so many times a second over kept connections, as a Prometheus would ask an exporter. */
import { Agent, get } from "node:http";

/** Whoever answers too slowly is not asked more at once. */
const MAX_CONCURRENT = 64;

const STEP_MS = 5;

export class Driver {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MAX_CONCURRENT });
  readonly #url: URL;
  readonly #steps: NodeJS.Timeout;
  #atOnce = 0;

  constructor(url: URL, perSecond: number) {
    this.#url = url;
    const startedAt = performance.now();
    let asked = 0;
    this.#steps = setInterval(() => {
      const due = ((performance.now() - startedAt) / 1000) * perSecond;
      for (; asked < due; asked += 1) if (this.#atOnce < MAX_CONCURRENT) this.#ask();
    }, STEP_MS);
  }

  stop(): void {
    clearInterval(this.#steps);
    this.#agent.destroy();
  }

  #ask(): void {
    this.#atOnce += 1;
    const request = get(this.#url, { agent: this.#agent }, (response) => response.resume());
    request.on("error", () => {}); // the exporter is asked as long as it runs; what it did is counted by the target
    request.once("close", () => {
      this.#atOnce -= 1;
    });
  }
}
