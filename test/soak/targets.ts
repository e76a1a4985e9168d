/** Targets whose health is known: a test sets what each does, and each records since when. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a target does with a request. */
export type Mode = "ok" | "error" | "hang" | "reset";

export class ScriptedTarget {
  readonly name: string;
  readonly #server: Server;
  #mode: Mode = "ok";
  #since = performance.now();

  private constructor(name: string) {
    this.name = name;
    this.#server = createServer((_, response) => this.#answer(response));
  }

  static async start(name: string): Promise<ScriptedTarget> {
    const target = new ScriptedTarget(name);
    await new Promise<void>((resolve) => target.#server.listen(0, "127.0.0.1", resolve));
    return target;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port; // it listens on TCP
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** Milliseconds for which the target has been ill without a break; 0 while it is well. */
  get illForMs(): number {
    return this.#mode === "ok" ? 0 : performance.now() - this.#since;
  }

  /** Milliseconds for which the target has been well without a break. */
  get wellForMs(): number {
    return this.#mode === "ok" ? performance.now() - this.#since : 0;
  }

  set(mode: Mode): void {
    if ((mode === "ok") !== (this.#mode === "ok")) this.#since = performance.now();
    this.#mode = mode;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(response: ServerResponse): void {
    switch (this.#mode) {
      case "ok":
        return void response.end("OK");
      case "error":
        response.statusCode = 500;
        return void response.end("no");
      case "hang":
        return;
      case "reset":
        return void response.socket?.resetAndDestroy();
      default:
        this.#mode satisfies never;
    }
  }
}
