/**
 * What of the rows a table shows: their order, the filter, the part that fits. And how keys change that.
 *
 *     s sort   r reverse   / filter (Enter keeps it, Esc removes it)   arrows, page keys, g, G: scroll   ? help   q quit
 */
import type { Key } from "./keys.js";
import type { ServiceRow } from "./service-rows.js";

export const SORT_KEYS = ["status", "name", "since", "changes"] as const;

export type SortKey = (typeof SORT_KEYS)[number];

export interface TableView {
  readonly sort: SortKey;
  readonly isReversed: boolean;
  /** Shown are rows whose name, status or reason contains it. */
  readonly filter: string;
  /** The filter is being typed. */
  readonly isTyping: boolean;
  readonly showsHelp: boolean;
  /** Rows above the first one that is shown. */
  readonly top: number;
}

export const FIRST_VIEW: TableView = {
  sort: "status",
  isReversed: false,
  filter: "",
  isTyping: false,
  showsHelp: false,
  top: 0,
};

/** Rows that there are, and that fit. */
export interface Extent {
  readonly rows: number;
  readonly page: number;
}

const MAX_FILTER_CHARACTERS = 100;

/** The view after a key, or `quit`. */
export function pressed(view: TableView, key: Key, extent: Extent): TableView | "quit" {
  if (view.showsHelp) return isText(key, "q") ? "quit" : { ...view, showsHelp: false };
  if (view.isTyping) return typed(view, key);
  if (typeof key === "string") return scrolled(key === "escape" ? { ...view, filter: "" } : view, key, extent);
  switch (key.text) {
    case "q":
      return "quit";
    case "s":
      return { ...view, sort: SORT_KEYS[(SORT_KEYS.indexOf(view.sort) + 1) % SORT_KEYS.length] ?? view.sort, top: 0 };
    case "r":
      return { ...view, isReversed: !view.isReversed, top: 0 };
    case "/":
      return { ...view, isTyping: true, top: 0 };
    case "?":
    case "h":
      return { ...view, showsHelp: true };
    default:
      return scrolled(view, SCROLL_LETTERS[key.text], extent);
  }
}

const SCROLL_LETTERS: Readonly<Record<string, Key>> = {
  k: "up",
  j: "down",
  b: "page-up",
  " ": "page-down",
  g: "home",
  G: "end",
};

function isText(key: Key, text: string): boolean {
  return typeof key !== "string" && key.text === text;
}

function typed(view: TableView, key: Key): TableView {
  const { filter } = view;
  if (typeof key !== "string")
    return { ...view, filter: filter.length < MAX_FILTER_CHARACTERS ? filter + key.text : filter };
  switch (key) {
    case "enter":
      return { ...view, isTyping: false };
    case "escape":
      return { ...view, isTyping: false, filter: "" };
    case "backspace":
      return { ...view, filter: Array.from(filter).slice(0, -1).join("") };
    case "clear-line":
      return { ...view, filter: "" };
    default:
      return view;
  }
}

function scrolled(view: TableView, key: Key | undefined, { rows, page }: Extent): TableView {
  const last = Math.max(0, rows - page);
  const steps: Readonly<Record<string, number>> = {
    up: -1,
    down: 1,
    "page-up": -page,
    "page-down": page,
    home: -rows,
    end: rows,
  };
  const step = typeof key === "string" ? (steps[key] ?? 0) : 0;
  return { ...view, top: Math.min(last, Math.max(0, view.top + step)) };
}

/** The rows of a view in its order, before they are cut to the part that fits. */
export function viewedRows(
  rows: readonly ServiceRow[],
  { filter, sort, isReversed }: TableView,
): readonly ServiceRow[] {
  const wanted = filter.toLowerCase();
  const viewed = wanted === "" ? [...rows] : rows.filter((row) => textOf(row).includes(wanted));
  const order = ORDERS[sort];
  viewed.sort((one, other) => order(one, other) || (one.service < other.service ? -1 : 1));
  return isReversed ? viewed.reverse() : viewed;
}

function textOf({ title, status, reason, fault }: ServiceRow): string {
  return `${title}\n${status ?? ""}\n${reason ?? fault ?? ""}`.toLowerCase();
}

/** The worst status first. */
const SEVERITY: Readonly<Record<string, number>> = { NOT_SERVING: 0, UNKNOWN: 2, SERVICE_UNKNOWN: 3, SERVING: 5 };

function severityOf({ status, fault, degraded }: ServiceRow): number {
  if (fault !== undefined || status === undefined) return 1;
  return status === "SERVING" && degraded === true ? 4 : (SEVERITY[status] ?? 2);
}

const ORDERS: Readonly<Record<SortKey, (one: ServiceRow, other: ServiceRow) => number>> = {
  status: (one, other) => severityOf(one) - severityOf(other),
  name: () => 0,
  since: (one, other) => (other.since ?? 0) - (one.since ?? 0),
  changes: (one, other) => other.changes - one.changes,
};
