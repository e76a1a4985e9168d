/**
 * What the URL of the status page asks for. All of it is in the query, so that a view can be sent to a colleague, and works
 * without JavaScript:
 *
 *     /?q=orders&failing=1&sort=latency&range=7d     the overview
 *     /?service=orders&range=30d                     the page of one service
 */
import { SORTS, type Sort } from "../../../page/row-order.js";
import { isUptime, type Uptime } from "../history-range.js";

/** The orders of the overview, with their words. */
export const SORT_WORDS: Readonly<Record<Sort, string>> = {
  status: "failing first",
  name: "name",
  since: "last change",
  latency: "latency",
};

/** A request for the status page. */
export interface PageRoute {
  readonly kind: "page";
  /** The service whose own page is asked for; `undefined`: the overview. */
  readonly service: string | undefined;
  /** A part of the names that are shown. */
  readonly search: string;
  /** Services that are plainly serving are left out. */
  readonly failing: boolean;
  readonly sort: Sort;
  readonly range: Uptime;
}

/** The values of each parameter of the page. */
export interface PageParameters {
  readonly searches: readonly string[];
  readonly failings: readonly string[];
  readonly sorts: readonly string[];
  readonly ranges: readonly string[];
}

/** The page with nothing chosen. */
export const OVERVIEW: PageRoute = {
  kind: "page",
  service: undefined,
  search: "",
  failing: false,
  sort: SORTS[0],
  range: "24h",
};

/** What a browser sends for the box, and what a person writes. */
const ON: readonly string[] = ["", "1", "on", "true"];

/** `undefined` when a parameter is repeated or wrong. */
export function pageRoute(service: string | undefined, parameters: PageParameters): PageRoute | undefined {
  const { searches, failings, sorts, ranges } = parameters;
  if ([searches, failings, sorts, ranges].some((values) => values.length > 1)) return undefined;
  const [search = "", failing] = [searches[0], failings[0]];
  const [sort = OVERVIEW.sort, range = OVERVIEW.range] = [sorts[0], ranges[0]];
  if (!isSort(sort) || !isUptime(range) || (failing !== undefined && !ON.includes(failing))) return undefined;
  return { kind: "page", service, search, failing: failing !== undefined, sort, range };
}

/** The link to a view: relative, so that it is right under a mount path and behind a proxy that adds one. */
export function linkTo({ service, search, failing, sort, range }: PageRoute): string {
  const parameters = new URLSearchParams();
  if (service !== undefined) parameters.set("service", service);
  if (search !== "") parameters.set("q", search);
  if (failing) parameters.set("failing", "1");
  if (sort !== OVERVIEW.sort) parameters.set("sort", sort);
  if (range !== OVERVIEW.range) parameters.set("range", range);
  return `?${parameters}`;
}

function isSort(text: string): text is Sort {
  return Object.hasOwn(SORT_WORDS, text);
}
