/**
 * The screen of the live table as lines, and what is written to a terminal to change one screen into the next.
 *
 *     localhost:50051: connected, asked at 09:20:05 UTC
 *     500 services: 3 NOT_SERVING, 497 SERVING; sorted by status
 *     SERVICE           STATUS       SINCE     CHANGES  REASON
 *     acme.orders       NOT_SERVING  09:20:03        3  refused
 *     ...
 *     q quit  s sort  r reverse  / filter  ? help                1-20 of 500
 */
import type { ServiceRow } from "./service-rows.js";
import { layoutOf, rowLine, sinceText, titleLine } from "./table-layout.js";
import { type TableView, viewedRows } from "./table-view.js";
import { fitted, tableText } from "./text-width.js";

export interface ConnectionState {
  /** `connecting` until the first status of the server. */
  readonly state: "connecting" | "connected" | "disconnected";
  /** Wall time of the last change of the state. */
  readonly since: number;
  /** Why there is no connection. */
  readonly cause: string | undefined;
  /** Wall time of the last complete answer. */
  readonly polledAt: number | undefined;
}

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** All that a screen shows. */
export interface ScreenContent {
  readonly addr: string;
  readonly connection: ConnectionState;
  readonly rows: readonly ServiceRow[];
  readonly view: TableView;
  readonly size: ScreenSize;
  /** Wall time in milliseconds: `since` is shown as an age. */
  readonly now: number;
  readonly hasColour: boolean;
  /** Whether keys can be read. */
  readonly hasKeys: boolean;
}

/** Lines that are no row: two above, the titles of the columns, and the keys. */
const FRAME_LINES = 4;

/** The number of services that fit on the screen. */
export function pageOf({ rows }: ScreenSize): number {
  return Math.max(1, rows - FRAME_LINES);
}

/** The lines of the screen, one for each row of the terminal. */
export function screenLines(content: ScreenContent): readonly string[] {
  const { size, view } = content;
  const lines = view.showsHelp ? helpLines(size.columns) : tableLines(content);
  const empty = Array.from({ length: Math.max(0, size.rows - lines.length) }, () => "");
  // the last line is at the bottom
  return [...lines.slice(0, -1), ...empty, ...lines.slice(-1)].slice(0, size.rows);
}

function tableLines(content: ScreenContent): readonly string[] {
  const { rows, view, size, now } = content;
  const { columns } = size;
  const viewed = viewedRows(rows, view);
  const layout = layoutOf(viewed, columns);
  const page = pageOf(size);
  const top = Math.max(0, Math.min(view.top, viewed.length - page));
  const shown = viewed.slice(top, top + page);
  const paint = (row: ServiceRow) => (text: string) => painted(text, colourOf(row), content.hasColour);
  return [
    painted(
      fitted(connectionText(content), columns).trimEnd(),
      connectionColour(content.connection),
      content.hasColour,
    ),
    fitted(summaryText(content, viewed.length), columns).trimEnd(),
    painted(titleLine(layout), BOLD, content.hasColour),
    ...shown.map((row) => rowLine(row, layout, now, paint(row))),
    footer(content, shown.length === 0 ? "" : `${top + 1}-${top + shown.length} of ${viewed.length}`),
  ];
}

function connectionText({ addr, connection, now }: ScreenContent): string {
  const { state, since, cause, polledAt } = connection;
  const at = (time: number) => `${sinceText(time, now, false)} UTC`;
  const asked = polledAt === undefined ? "" : `, asked at ${at(polledAt)}`;
  const name = tableText(addr);
  if (state === "connected") return `${name}: connected${asked}`;
  return `${name}: ${state} since ${at(since)}${cause === undefined ? "" : `: ${tableText(cause)}`}`;
}

/** The count of each status that counts now. Statuses that are not current are no statuses of now. */
function summaryText({ rows, view, connection }: ScreenContent, viewed: number): string {
  const counts = new Map<string, number>();
  for (const { isCurrent, status = "" } of rows) {
    const word = isCurrent ? tableText(status) : "not known";
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const words = [...counts].sort(([one], [other]) => (one < other ? -1 : 1)).map(([word, count]) => `${count} ${word}`);
  const services = `${rows.length} ${rows.length === 1 ? "service" : "services"}`;
  const all =
    rows.length === 0 && connection.state !== "connected"
      ? "no answer yet"
      : [services, words.join(", ")].filter(Boolean).join(": ");
  const filter = view.filter === "" ? "" : `; ${viewed} with "${tableText(view.filter)}"`;
  return `${all}; sorted by ${view.sort}${view.isReversed ? ", reversed" : ""}${filter}`;
}

function footer({ view, size, hasKeys }: ScreenContent, position: string): string {
  const { columns } = size;
  const keys = view.isTyping
    ? `filter: ${tableText(view.filter)}_`
    : hasKeys
      ? "q quit  s sort  r reverse  / filter  ? help"
      : "Ctrl-C quits";
  const room = columns - position.length - 1;
  return room < keys.length / 2 ? fitted(keys, columns).trimEnd() : `${fitted(keys, room)} ${position}`.trimEnd();
}

const HELP = [
  "s            sort by status, name, since or changes",
  "r            reverse the order",
  "/            filter by name, status or reason",
  "             Enter keeps the filter, Esc removes it",
  "arrows, j k  scroll by a line",
  "PgUp, PgDn   scroll by a page; Space and b too",
  "Home, End    the first and the last rows; g and G too",
  "Ctrl-L       draw the screen again",
  "Ctrl-Z       stop for a while; fg continues",
  "q, Ctrl-C    quit",
  "",
  "(overall) is the server as a whole, the empty name.",
  'A status with "was" is the last known one, not the present.',
  "SINCE (UTC): the last change, by the server or seen here.",
  "CHANGES counts the changes that were seen.",
  "",
  "any key: back to the table",
] as const;

function helpLines(columns: number): readonly string[] {
  return HELP.map((line) => fitted(line, columns).trimEnd());
}

export const BOLD = "1";
const DIM = "2";
const RED = "31";
const GREEN = "32";
const YELLOW = "33";

/** The colour of a status. */
export function colourOf({ status, isCurrent, degraded }: ServiceRow): string {
  if (!isCurrent) return DIM;
  if (status === "SERVING") return degraded === true ? YELLOW : GREEN;
  return status === "NOT_SERVING" ? RED : YELLOW;
}

function connectionColour({ state }: ConnectionState): string {
  return state === "connected" ? BOLD : state === "connecting" ? YELLOW : RED;
}

/** The text with a colour (SGR of ECMA-48, section 8.3.117). */
export function painted(text: string, colour: string, hasColour: boolean): string {
  return hasColour && text !== "" ? `\u001b[${colour}m${text}\u001b[0m` : text;
}

/** What changes the screen with the old lines into one with the new lines: only lines that differ are written. */
export function changesOf(old: readonly string[], lines: readonly string[]): string {
  return lines.map((line, index) => (line === old[index] ? "" : `\u001b[${index + 1};1H${line}\u001b[K`)).join("");
}
