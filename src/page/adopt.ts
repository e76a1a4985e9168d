/**
 * Takes new HTML of the server into the page. Rows that stay keep their element, so that a person who reads one, has it
 * focused or points at it does not lose it.
 *
 *     new HTML   group a: [ 1 ][ 2 ][ 4 ]          page   group a: [ 1 ][ 2 ][ 3 ]
 *                                                    1, 2 take the new parts; 4 is inserted; 3 is removed
 *
 * The HTML is parsed as a document of its own. Its nodes are moved: no text is ever read as HTML here.
 */
import { setChildren } from "./moves.js";

/** Takes over the header: overall state, counts, notices, and the time of all that; and the members of a fleet. */
export function adoptHeader(next: Document): void {
  const [header, nextHeader] = [document.querySelector("header"), next.querySelector("header")];
  if (header === null || nextHeader === null) return;
  for (const id of ["overall", "counts", "notices", "rendered", "fleet"]) {
    const [present, adopted] = [document.getElementById(id), next.getElementById(id)];
    if (present !== null && adopted !== null) present.replaceWith(adopted);
    else if (adopted !== null) header.append(adopted);
    else present?.remove();
  }
}

/** Takes over the groups and rows of the overview. */
export function adoptRows(root: Element, next: Element): void {
  const rows = new Map(elementsOf(root, ".service").map((row) => [row.dataset.name, row]));
  const groups = new Map(elementsOf(root, ".group").map((group) => [group.dataset.group, group]));
  const sections = [...next.children].map((child) => {
    const present = child instanceof HTMLElement ? groups.get(child.dataset.group) : undefined;
    const section = present !== undefined && headingOf(present) === headingOf(child) ? present : child;
    return {
      section,
      list: section.querySelector("ul"),
      rows: elementsOf(child, ".service").map((row) => merged(rows, row)),
    };
  });
  setChildren(
    root,
    sections.map(({ section }) => section),
  );
  for (const { list, rows } of sections) if (list !== null) setChildren(list, rows);
}

/** The row of the page with the parts of the new one; the new one, if the page has none. */
function merged(rows: ReadonlyMap<string | undefined, HTMLElement>, next: HTMLElement): HTMLElement {
  const row = rows.get(next.dataset.name);
  if (row !== undefined) takeParts(row, next);
  return row ?? next;
}

function elementsOf(root: Element, selector: string): readonly HTMLElement[] {
  return [...root.querySelectorAll<HTMLElement>(selector)];
}

function headingOf(section: Element): string | undefined {
  return section.querySelector("h2")?.outerHTML;
}

/** Replaces all of a row but its name, whose link may have the focus. */
function takeParts(row: HTMLElement, next: HTMLElement): void {
  for (const { name, value } of next.attributes) row.setAttribute(name, value);
  for (const key of ["degraded", "latency", "of"]) if (next.dataset[key] === undefined) delete row.dataset[key];
  const [name, nextName] = [row.querySelector(".name"), next.querySelector(".name")];
  const [link, nextLink] = [name?.querySelector("a"), nextName?.querySelector("a")];
  link?.setAttribute("href", nextLink?.getAttribute("href") ?? "");
  while (link?.nextSibling) link.nextSibling.remove();
  if (nextLink) name?.append(...[...(nextName?.childNodes ?? [])].filter((node) => node !== nextLink));
  for (const child of [...row.children]) if (!child.classList.contains("name")) child.remove();
  row.append(...[...next.children].filter((child) => !child.classList.contains("name")));
}
