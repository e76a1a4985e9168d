/**
 * Which services the overview shows, and in which order: the server and the browser share these rules, so that a view that
 * is changed in the browser is the view that the server renders for the same URL.
 */
import { SEVERITIES, type StatusSeverity } from "../core/status-words.js";

/** The orders of the services. The first is the default. */
export const SORTS = ["status", "name", "since", "latency"] as const;

export type Sort = (typeof SORTS)[number];

/** What decides about the place of a service. */
export interface OrderedRow {
  readonly name: string;
  readonly severity: StatusSeverity;
  /** Wall time of the last change, in milliseconds. */
  readonly since: number;
  /** Of the last probe; `undefined` without one. */
  readonly latencyMs: number | undefined;
}

/** What is left out. */
export interface RowFilter {
  /** A part of the names that are shown. */
  readonly search: string;
  /** Services that are plainly serving are left out. */
  readonly failing: boolean;
}

/** Whether a service is shown. */
export function isShown({ name, severity }: OrderedRow, { search, failing }: RowFilter): boolean {
  return name.toLowerCase().includes(search.toLowerCase()) && !(failing && severity === "SERVING");
}

/** Sorted by last change or latency, the services are one list. */
export function isGrouped(sort: Sort): boolean {
  return sort === "status" || sort === "name";
}

type Compare = (one: OrderedRow, other: OrderedRow) => number;

const byName: Compare = (one, other) => (one.name < other.name ? -1 : 1);

const COMPARE: Readonly<Record<Sort, Compare>> = {
  status: (one, other) => rank(one) - rank(other) || byName(one, other),
  name: byName,
  since: (one, other) => other.since - one.since || byName(one, other),
  latency: (one, other) => (other.latencyMs ?? -1) - (one.latencyMs ?? -1) || byName(one, other),
};

/** Sorts the services of a group. */
export function sortRows<Row extends OrderedRow>(rows: readonly Row[], sort: Sort): readonly Row[] {
  return [...rows].sort(COMPARE[sort]);
}

/** Groups with failures come first; all others stay in the order in which they are given: that of their names. */
export function sortGroups<Group extends { readonly rows: readonly OrderedRow[] }>(
  groups: readonly Group[],
  sort: Sort,
): readonly Group[] {
  if (sort !== "status") return groups;
  return [...groups].sort((one, other) => worstRank(one.rows) - worstRank(other.rows));
}

/** A larger group in which all services are serving is closed. */
const MAX_OPEN_GROUP = 40;

/** What the heading of a group says of its shown services, and whether it is open. */
export function groupState(rows: readonly OrderedRow[]): { readonly words: string; readonly isOpen: boolean } {
  const well = rows.filter(({ severity }) => severity === "SERVING").length;
  return { words: `${well} of ${rows.length} serving`, isOpen: well < rows.length || rows.length <= MAX_OPEN_GROUP };
}

function rank({ severity }: OrderedRow): number {
  return SEVERITIES.indexOf(severity);
}

function worstRank(rows: readonly OrderedRow[]): number {
  return Math.min(...rows.map(rank));
}
