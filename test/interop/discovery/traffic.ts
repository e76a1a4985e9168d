/** Traffic through a reader, 100 requests a second: by a program that is a reader itself, or over HTTP through a proxy. */
import { Agent, get } from "node:http";
import { pause } from "../../support/eventually.js";
import { Running } from "../peers.js";

const INTERVAL_MS = 10;

const TIMEOUT_MS = 1_000;

/** A program that prints `from ADDRESS` or `failed TEXT` for each call, and `state STATE` for each state of its channel. */
export class ProgramTraffic extends Running {
  #forgotten = 0;

  /** The failed calls, without those that were forgotten. */
  get failures(): readonly string[] {
    return this.lines.filter((line) => line.startsWith("failed ")).slice(this.#forgotten);
  }

  /** Forgets the failures of the start, once every call that was made before is over. */
  async forgetFailures(): Promise<this> {
    await pause(TIMEOUT_MS + 500);
    this.#forgotten += this.failures.length;
    return this;
  }

  get states(): readonly string[] {
    return this.lines.filter((line) => line.startsWith("state ")).map((line) => line.slice("state ".length));
  }
}

/** Requests over HTTP to a port of this machine, on connections that are kept. */
export class HttpTraffic {
  readonly failures: string[] = [];
  /** The status of each answer. */
  readonly statuses: number[] = [];
  readonly #agent = new Agent({ keepAlive: true });
  readonly #timer: NodeJS.Timeout;

  constructor(port: number) {
    this.#timer = setInterval(() => this.#request(port), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#agent.destroy();
  }

  #request(port: number): void {
    const options = { host: "127.0.0.1", port, agent: this.#agent, timeout: TIMEOUT_MS };
    const request = get(options, (response) => {
      const { statusCode = 0 } = response;
      let text = "";
      response.on("data", (part) => {
        text += part;
      });
      response.on("end", () => {
        this.statuses.push(statusCode);
        if (statusCode !== 200) this.failures.push(`${statusCode} ${text}`);
      });
    });
    request.on("timeout", () => request.destroy(new Error("no answer in time")));
    request.on("error", ({ message }) => this.failures.push(message));
  }
}
