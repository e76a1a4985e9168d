/**
 * Log lines for a person at a terminal: time, level, words; the fields of the JSON line are left out but for errors.
 *
 *     12:04:31 warn  service "celery.flower": SERVING -> NOT_SERVING (timeout)
 *
 * pino-pretty would do as much with thirteen packages.
 */
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

const STYLES: Readonly<Record<string, Style>> = { debug: "gray", info: "green", warn: "yellow", error: "red" };

/** As much of a log line as a person is shown. */
interface Line {
  readonly level: string;
  readonly time: string;
  readonly msg?: string;
  readonly err?: { readonly message?: string };
}

/** One line of pino's JSON as a line of text. */
export function terminalLine(json: string, colour: boolean): string {
  const line = JSON.parse(json) as Line; // pino writes these fields
  const paint = (how: Style, text: string) => (colour ? styleText(how, text, { validateStream: false }) : text);
  const time = new Date(line.time).toTimeString().slice(0, 8);
  const error = line.err?.message === undefined ? "" : `: ${line.err.message}`;
  return `${paint("gray", time)} ${paint(STYLES[line.level] ?? "white", line.level.padEnd(5))} ${line.msg ?? ""}${error}\n`;
}
