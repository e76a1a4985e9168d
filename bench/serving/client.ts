/** The client of the bench (`bench/peers/client`), on the second core. */
import { run } from "../../test/interop/peers.js";
import type { Figures } from "../measuring/figures.js";
import { goProgram } from "./build.js";
import type { Server } from "./server.js";

export interface Watched {
  readonly rssBefore: number;
  readonly rssWatching: number;
  readonly establishedMs: number;
  readonly changesMs: readonly number[];
}

export interface Paced extends Figures {
  readonly rate: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

export class Client {
  readonly #program: string;

  private constructor(program: string) {
    this.#program = program;
  }

  /** Rejects when it cannot be built. */
  static async build(): Promise<Client> {
    return new Client(goProgram("client"));
  }

  /** Opens Watch streams, and changes the status several times. */
  async watch({ program, port }: Server, connections: number, streams: number, changes: number): Promise<Watched> {
    const found = await this.#run("watch", port, program.process.pid ?? 0, connections, streams, changes);
    return found as Watched; // written by watch.go
  }

  /** Sends Checks at a constant rate on 50 connections. */
  async pace({ port }: Server, perSecond: number, ms: number): Promise<Paced> {
    const found = await this.#run("pace", port, 50, Math.round(perSecond), ms);
    return found as Paced; // written by pace.go
  }

  async #run(command: string, ...numbers: readonly number[]): Promise<unknown> {
    const { code, stdout, stderr } = await run(this.#program, [command, ...numbers.map(String)]);
    if (code !== 0) throw new Error(`the client's ${command} ${numbers.join(" ")}: ${stderr}`);
    return JSON.parse(stdout);
  }
}
