/**
 * Log lines for a person at a terminal: time, level, words; the fields of the JSON line are left out but for errors.
 *
 *     12:04:31 warn  service "celery.flower": SERVING -> NOT_SERVING (timeout)
 *
 * pino-pretty would do as much with thirteen packages.
 */
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

const LEVELS: Readonly<Record<number, { readonly word: string; readonly style: Style }>> = {
  20: { word: "debug", style: "gray" },
  30: { word: "info ", style: "green" },
  40: { word: "warn ", style: "yellow" },
  50: { word: "error", style: "red" },
};

/** As much of a log line as a person is shown. */
interface Line {
  readonly level: number;
  readonly time: string;
  readonly msg?: string;
  readonly err?: { readonly message?: string };
}

/** One line of pino's JSON as a line of text. */
export function terminalLine(json: string, colour: boolean): string {
  const line = JSON.parse(json) as Line; // pino writes these fields
  const { word, style } = LEVELS[line.level] ?? { word: "     ", style: "white" as const };
  const paint = (how: Style, text: string) => (colour ? styleText(how, text) : text);
  const time = new Date(line.time).toTimeString().slice(0, 8);
  const error = line.err?.message === undefined ? "" : `: ${line.err.message}`;
  return `${paint("gray", time)} ${paint(style, word)} ${line.msg ?? ""}${error}\n`;
}
