/**
 * Counts tests and shows the progress of a run.
 *
 * node:test reports each test of a file, each suite (`describe`) like a test, and the file itself under its path: as
 * failed when it crashed or took too long, as passed only when it has no test. Here only tests count, and both reports
 * of a file are failures.
 */
import type { WriteStream } from "node:tty";

/** The report of node:test for a test that has ended. */
interface TestEnd {
  readonly name: string;
  readonly nesting: number;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly skip?: string | boolean | undefined;
  readonly todo?: string | boolean | undefined;
  readonly details: { readonly duration_ms: number; readonly type?: string | undefined; readonly error?: unknown };
}

/** Files that `finish` shows with their times. */
const SLOWEST = 10;

export class Progress {
  readonly #files: number;
  readonly #out: WriteStream;
  readonly #startedAt = performance.now();
  readonly #failures: string[] = [];
  /** Each file that is done, with the time that it took. */
  readonly #times: { readonly file: string; readonly seconds: number }[] = [];
  #output = "";
  #passed = 0;

  constructor(files: number, out: WriteStream) {
    this.#files = files;
    this.#out = out;
  }

  /** Call it for each test, suite and file that has ended. */
  onTest(passed: boolean, test: TestEnd, shorten: (file: string) => string): void {
    const file = shorten(test.file ?? test.name);
    if (test.details.type === "suite") {
      if (!passed && !isOfSubtests(test.details.error)) this.#fail(`${file}: suite ${test.name}`, test.details.error);
    } else if (test.name === test.file) {
      if (passed) this.#fail(file, "the file has no test");
      else if (!isOfSubtests(test.details.error)) this.#fail(file, test.details.error);
    } else if (test.skip !== undefined || test.todo !== undefined) {
      this.#fail(`${file}: ${test.name}`, "skipped: every test must run");
    } else if (passed) {
      this.#passed += 1;
    } else if (!isOfSubtests(test.details.error)) {
      this.#fail(`${file}:${test.line ?? "?"}: ${test.name}`, test.details.error);
    }
    this.#show(file);
  }

  /** Call it for each file that is done, with the time from its start to its end. */
  onFile(file: string, durationMs: number): void {
    this.#times.push({ file, seconds: durationMs / 1000 });
    if (!this.#out.isTTY) this.#out.write(`${this.#line(file)}\n`);
  }

  /** Keeps output of a test, which is shown with the failures. */
  onOutput(text: string): void {
    this.#output = (this.#output + text).slice(-20_000);
  }

  /** Ends the display. `failures`: each with its error. */
  finish(): { readonly passed: number; readonly failures: readonly string[] } {
    if (this.#out.isTTY) this.#out.write("\r\u001b[K");
    if (this.#failures.length > 0) {
      if (this.#output !== "") this.#out.write(`--- output of the tests\n${this.#output}\n`);
      this.#out.write(`--- failures\n${this.#failures.join("\n")}\n`);
    }
    for (const { file, seconds } of this.#slowest()) this.#out.write(`${seconds.toFixed(1).padStart(8)} s  ${file}\n`);
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(1);
    this.#out.write(`${this.#times.length} of ${this.#files} files in ${seconds} s\n`);
    return { passed: this.#passed, failures: this.#failures };
  }

  #slowest() {
    return this.#times.toSorted((one, other) => other.seconds - one.seconds).slice(0, SLOWEST);
  }

  #fail(title: string, error: unknown): void {
    this.#failures.push(`✖ ${title}\n${textOf(error)}\n`);
    if (!this.#out.isTTY) this.#out.write(`failed: ${title}\n`);
  }

  #show(file: string): void {
    if (this.#out.isTTY) this.#out.write(`\r\u001b[K${this.#line(file).slice(0, this.#out.columns - 1)}`);
  }

  #line(file: string): string {
    const seconds = Math.round((performance.now() - this.#startedAt) / 1000);
    return `${this.#times.length}/${this.#files} files, ${this.#passed} passed, ${this.#failures.length} failed, ${seconds} s  ${file}`;
  }
}

/** Whether a suite or a file failed only because of one of its tests, which was counted. */
function isOfSubtests(error: unknown): boolean {
  return error instanceof Error && "failureType" in error && error.failureType === "subtestsFailed";
}

function textOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}
