/**
 * Log lines as text, for people: time, level and message. Of the other fields of the JSON line, an error and the detail of a
 * failure are shown.
 *
 *     12:04:31 warn  service "celery.flower": SERVING -> NOT_SERVING (timeout): no answer within 2000 ms
 *
 * A terminal shows the local time of the day. A file or a pipe may be read later, on another machine: it gets date and time in UTC.
 */
import { styleText } from "node:util";
import { printable } from "../core/printable.js";

export type LogFormat = "json" | "text";

export const LOG_FORMATS: readonly LogFormat[] = ["json", "text"];

/** Where text is written to. */
export interface TextOutput {
  readonly isTerminal: boolean;
  readonly hasColours: boolean;
}

/** How lines are written: as they are, or as text. */
export type LogForm = "json" | TextOutput;

/** A JSON line of the log in a form. */
export function formatLine(json: string, form: LogForm): string {
  return form === "json" ? json : textLine(json, form);
}

type Style = Parameters<typeof styleText>[0];

const STYLES: Readonly<Record<string, Style>> = { debug: "gray", info: "green", warn: "yellow", error: "red" };

/** The fields of a log line that are shown. */
interface Line {
  readonly level: string;
  readonly time: string;
  readonly msg?: string;
  readonly err?: { readonly message?: string };
  readonly detail?: string;
}

/** Formats one JSON line of the log. */
export function textLine(json: string, { isTerminal, hasColours }: TextOutput): string {
  const line = JSON.parse(json) as Line; // the log wrote the line
  const paint = (how: Style, text: string) => (hasColours ? styleText(how, text, { validateStream: false }) : text);
  const time = isTerminal ? new Date(line.time).toTimeString().slice(0, 8) : line.time;
  const detail = line.err?.message ?? line.detail;
  const suffix = detail === undefined ? "" : `: ${printable(detail)}`;
  return `${paint("gray", time)} ${paint(STYLES[line.level] ?? "white", line.level.padEnd(5))} ${printable(line.msg ?? "")}${suffix}\n`;
}
