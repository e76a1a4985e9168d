/**
 * The services that the page shows, by name, in groups.
 *
 *     HTML of the server --read--> rows by name --an event--> one row is written --arrange--> shown or hidden, in order
 *
 * An event touches its row alone. The order follows once for all events of a frame, and moves as few rows as it can.
 */
import { printable } from "../core/printable.js";
import { type StatusSeverity, severityOf } from "../core/status-words.js";
import { moveChildren } from "./moves.js";
import { groupState, isShown, type OrderedRow, type RowFilter, type Sort, sortGroups, sortRows } from "./row-order.js";
import { setText, writeSpan, writeStatus } from "./service-elements.js";
import type { LiveStatus } from "./statuses.js";

/** A row of the page. */
interface PageRow extends OrderedRow {
  readonly element: HTMLElement;
  severity: StatusSeverity;
  since: number;
  /** The services that its check counts for, beside its own. */
  readonly services: readonly string[];
}

interface PageGroup {
  readonly element: HTMLElement;
  /** The parent of its rows. */
  readonly list: Element;
  readonly rows: readonly PageRow[];
  /** Whether it was to be open the last time: a person may have closed it since. */
  wasOpen: boolean | undefined;
}

export class PageRows {
  readonly #root: Element;
  #rows = new Map<string, PageRow>();
  #groups: readonly PageGroup[] = [];

  constructor(root: Element) {
    this.#root = root;
    this.read();
  }

  /** Reads what the page shows now. */
  read(): void {
    this.#rows = new Map();
    for (const element of this.elements) {
      const row = readRow(element);
      this.#rows.set(row.name, row);
    }
    this.#groups = [...this.#root.querySelectorAll<HTMLElement>(".group")].map((element) => this.#readGroup(element));
    this.tick();
  }

  get size(): number {
    return this.#rows.size;
  }

  get elements(): readonly HTMLElement[] {
    return [...this.#root.querySelectorAll<HTMLElement>(".service")];
  }

  /** Whether the page has exactly these services, beside the server as a whole. */
  hasExactly(names: Iterable<string>): boolean {
    let count = 0;
    for (const name of names) {
      if (name === "") continue;
      if (!this.#rows.has(printable(name))) return false;
      count += 1;
    }
    return count === this.#rows.size;
  }

  /** Shows a status. Returns whether it is another one than before; false if the page does not show the service. */
  update(name: string, status: LiveStatus): boolean {
    const row = this.#rows.get(printable(name));
    if (row === undefined) return false;
    const severity = severityOf(status.status, status.degraded);
    const isOther = severity !== row.severity || row.element.dataset.since !== status.since;
    const change = Number(severity === "SERVING") - Number(row.severity === "SERVING");
    if (change !== 0) for (const service of row.services) this.#addHealthy(service, change);
    row.severity = severity;
    row.since = Date.parse(status.since);
    writeStatus(row.element, status);
    return isOther;
  }

  /** Hides what is left out, and sorts the rest. Returns how many services are shown. */
  arrange(filter: RowFilter, sort: Sort): number {
    const shown = this.#groups.map((group) => ({ group, rows: group.rows.filter((row) => isShown(row, filter)) }));
    for (const { group, rows } of shown) {
      const visible = new Set(rows);
      for (const row of group.rows) row.element.hidden = !visible.has(row);
      group.element.hidden = rows.length === 0;
      showCount(group, rows);
      moveChildren(
        group.list,
        sortRows(rows, sort).map(({ element }) => element),
      );
    }
    const visible = shown.filter(({ rows }) => rows.length > 0);
    moveChildren(
      this.#root,
      sortGroups(visible, sort).map(({ group }) => group.element),
    );
    return visible.reduce((sum, { rows }) => sum + rows.length, 0);
  }

  /** Writes how long ago each change was. */
  tick(): void {
    const now = Date.now();
    for (const time of this.#root.querySelectorAll<HTMLTimeElement>("time.since, .since time")) writeSpan(time, now);
  }

  /** The HTML has how many members of a service are healthy: with those that it does not show. */
  #addHealthy(service: string, change: number): void {
    const count = this.#rows.get(service)?.element.querySelector(".members span");
    if (count) count.textContent = String(Number(count.textContent) + change);
  }

  #readGroup(element: HTMLElement): PageGroup {
    const rows = [...element.querySelectorAll<HTMLElement>(".service")].flatMap(
      ({ dataset }) => this.#rows.get(dataset.name ?? "") ?? [],
    );
    return { element, list: element.querySelector("ul") ?? element, rows, wasOpen: undefined };
  }
}

function readRow(element: HTMLElement): PageRow {
  const { name = "", status = "", degraded, since = "", latency, of } = element.dataset;
  return {
    element,
    name,
    severity: severityOf(status, degraded !== undefined),
    since: Date.parse(since),
    services: of === undefined ? [] : of.split("\n"),
    latencyMs: latency === undefined ? undefined : Number(latency),
  };
}

/** Says how many of the shown services are serving, and opens the group when one is not. */
function showCount(group: PageGroup, rows: readonly PageRow[]): void {
  const details = group.element.querySelector("details");
  const count = group.element.querySelector(".count");
  if (details === null || count === null) return;
  const { words, isOpen } = groupState(rows);
  setText(count, words);
  if (group.wasOpen !== undefined && isOpen !== group.wasOpen) details.open = isOpen;
  group.wasOpen = isOpen;
}
