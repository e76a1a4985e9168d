/**
 * The terminal of the live table: raw mode, the alternate screen, keys, and the size.
 *
 *     open --> shown <--- Ctrl-Z, fg ---> suspended
 *                '--> close: by the caller, or when the process exits for any reason but SIGKILL
 *
 * Each way out restores the terminal.
 */
import type { Environment } from "../../config/load.js";
import { onJobControl, onProcessExit } from "../../lifecycle/signals.js";
import type { ScreenSize } from "./table-screen.js";

export interface TerminalListener {
  onText(text: string): void;
  /** The screen has another size, or its content is lost: all lines must be written. */
  onReset(): void;
  /** The terminal is gone. */
  onHangUp(): void;
}

/** Alternate screen, no cursor, no line wrap (xterm control sequences, DECSET 1049, 25, 7). */
const SHOW = "\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J";
const HIDE = "\u001b[?7h\u001b[?25h\u001b[?1049l";

/** Whether stdout is a terminal that a table can be drawn on. */
export function canShowTable({ TERM }: Environment): boolean {
  return process.stdout.isTTY === true && TERM !== "dumb" && TERM !== "";
}

/** Whether stdout is a terminal that shows colours, and the user wants them (https://no-color.org). */
export function hasColour({ NO_COLOR = "" }: Environment): boolean {
  return process.stdout.isTTY === true && process.stdout.hasColors() && NO_COLOR === "";
}

export class Terminal {
  /** Whether keys can be read: stdin may be something else. */
  readonly hasKeys = process.stdin.isTTY === true;
  #isShown = false;
  #release: readonly (() => void)[] = [];

  get size(): ScreenSize {
    const { columns, rows } = process.stdout;
    return { columns: columns || 80, rows: rows || 24 };
  }

  open(listener: TerminalListener): void {
    const { stdin, stdout } = process;
    const onResize = () => {
      this.#write("\u001b[2J");
      listener.onReset();
    };
    const onResume = () => {
      this.#show();
      listener.onReset();
    };
    const onText = (text: string) => listener.onText(text);
    const onHangUp = () => listener.onHangUp();
    stdout.on("resize", onResize).on("error", onHangUp);
    this.#release = [
      onProcessExit(() => this.#hide()),
      onJobControl({ onStop: () => this.#hide(), onContinue: onResume }),
      () => void stdout.off("resize", onResize).off("error", onHangUp),
    ];
    if (this.hasKeys) {
      stdin.setEncoding("utf8").on("data", onText).on("end", onHangUp).on("error", onHangUp);
      const stop = () => void stdin.off("data", onText).off("end", onHangUp).off("error", onHangUp).pause();
      this.#release = [...this.#release, stop];
    }
    this.#show();
  }

  write(text: string): void {
    if (this.#isShown) this.#write(text);
  }

  /** Stops the process as the terminal does for Ctrl-Z, which raw mode does not pass on. Its group stops with it. */
  suspend(): void {
    process.kill(0, "SIGTSTP");
  }

  close(): void {
    this.#hide();
    for (const release of this.#release) release();
    this.#release = [];
  }

  #show(): void {
    if (this.hasKeys) process.stdin.setRawMode(true).resume();
    this.#isShown = true;
    this.#write(SHOW);
  }

  #hide(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#write(HIDE);
    if (this.hasKeys) process.stdin.setRawMode(false);
  }

  #write(text: string): void {
    process.stdout.write(text);
  }
}
