/** Shows the current step: in one line on a terminal, one line for each step in a pipe. */
import type { WriteStream } from "node:tty";

export class LiveLine {
  readonly #out: WriteStream;
  readonly #startedAt = performance.now();

  constructor(out: WriteStream) {
    this.#out = out;
  }

  show(text: string): void {
    const seconds = Math.round((performance.now() - this.#startedAt) / 1000);
    const line = `${seconds} s  ${text}`;
    this.#out.write(this.#out.isTTY ? `\r\u001b[K${line.slice(0, this.#out.columns - 1)}` : `${line}\n`);
  }

  clear(): void {
    if (this.#out.isTTY) this.#out.write("\r\u001b[K");
  }
}
