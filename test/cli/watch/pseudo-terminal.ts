/** A program in a pseudo-terminal, with the screen that it draws. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { eventually } from "../../support/eventually.js";
import { Screen } from "./screen.js";

const SCRIPT = fileURLToPath(new URL("pseudo_terminal.py", import.meta.url));
export const MAIN = fileURLToPath(new URL("../../../dist/cli/main.cjs", import.meta.url));

export interface TerminalOptions {
  readonly rows?: number;
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** The modes of a terminal: a shell has both. */
export interface TerminalModes {
  readonly echo: boolean;
  readonly canonical: boolean;
}

export class PseudoTerminal {
  readonly screen: Screen;
  readonly #child: ChildProcess;
  #modes: TerminalModes | undefined;
  #text = "";
  #bytes = 0;
  ended: number | undefined;

  /** @param command the program with its arguments */
  constructor(command: readonly string[], { rows = 24, columns = 100, env = {} }: TerminalOptions = {}) {
    this.screen = new Screen(rows, columns);
    // Node reads CI too: it is a terminal without colours then
    const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...inherited } = process.env;
    this.#child = spawn("python3", [SCRIPT, String(rows), String(columns), ...command], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...inherited, TERM: "xterm-256color", ...env },
    });
    const { stdout } = this.#child;
    if (stdout !== null) createInterface(stdout).on("line", (line) => this.#onEvent(JSON.parse(line)));
  }

  /** All that the program has written. */
  get text(): string {
    return this.#text;
  }

  /** How many bytes it has written. */
  get bytes(): number {
    return this.#bytes;
  }

  type(text: string): void {
    this.#send({ type: text });
  }

  resize(rows: number, columns: number): void {
    this.screen.resize(rows, columns);
    this.#send({ size: [rows, columns] });
  }

  signal(number: number): void {
    this.#send({ signal: number });
  }

  hangUp(): void {
    this.#send({ hangUp: true });
  }

  async modes(): Promise<TerminalModes> {
    this.#modes = undefined;
    this.#send({ modes: true });
    await eventually(() => this.#modes !== undefined, "the modes of the terminal");
    return this.#modes ?? { echo: false, canonical: false };
  }

  /** Resolves when the screen shows something; rejects with the screen. */
  async shows(wanted: RegExp, withinMs?: number): Promise<void> {
    try {
      await eventually(() => wanted.test(this.screen.text), String(wanted), withinMs);
    } catch (error) {
      throw new Error(`${error}\n${this.screen.text}`);
    }
  }

  /** The exit code. */
  async end(): Promise<number> {
    await eventually(() => this.ended !== undefined, `the end of the program; the screen:\n${this.screen.text}`);
    return this.ended ?? -1;
  }

  async close(): Promise<void> {
    this.#child.stdin?.end();
    if (this.#child.exitCode === null) await once(this.#child, "close");
  }

  #send(command: object): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  #onEvent(event: { output?: string; ended?: number; modes?: TerminalModes }): void {
    if (event.modes !== undefined) this.#modes = event.modes;
    if (event.ended !== undefined) this.ended = event.ended;
    if (event.output === undefined) return;
    const bytes = Buffer.from(event.output, "base64");
    this.#bytes += bytes.length;
    const text = bytes.toString(); // a table writes whole lines, so no character is cut
    this.#text += text;
    this.screen.write(text);
  }
}
