/** `probe` in this process: what it writes, and its exit code. */
import { run } from "../../../src/cli/probe.js";
import type { TerminationSignal } from "../../../src/lifecycle/signals.js";

export interface Probed {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A probe that runs. */
export class RunningProbe {
  readonly ended: Promise<Probed>;
  #stdout = "";
  #stderr = "";
  #signal: (signal: TerminationSignal) => void = () => {};

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.ended = run(args, {
      env,
      out: (line) => {
        this.#stdout += `${line}\n`;
        return true;
      },
      err: (line) => {
        this.#stderr += `${line}\n`;
      },
      onSignal: (listener) => {
        this.#signal = listener;
        return () => {};
      },
    }).then((code) => ({ code, stdout: this.#stdout, stderr: this.#stderr }));
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  signal(signal: TerminationSignal): void {
    this.#signal(signal);
  }
}

export function probeOnce(...args: readonly string[]): Promise<Probed> {
  return new RunningProbe(args).ended;
}
