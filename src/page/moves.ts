/** Moves elements of the page without losing the focus or the place to which a person has scrolled. */
import { longestIncreasing } from "./fewest-moves.js";

/** Puts children of `parent` into an order, before its end. Others keep their places before them. */
export function moveChildren(parent: Element, order: readonly Element[]): void {
  const indexes = new Map([...parent.children].map((child, index) => [child, index]));
  // an element that is not a child yet has to be inserted: it is never part of what stays
  const known = order.filter((element) => indexes.has(element));
  const kept = longestIncreasing(known.map((element) => indexes.get(element) ?? 0));
  const staying = new Set(known.filter((_, position) => kept.has(position)));
  let before: Element | null = null;
  for (const element of order.toReversed()) {
    if (!staying.has(element)) parent.insertBefore(element, before);
    before = element;
  }
}

/** Gives `parent` these children, and no others. */
export function setChildren(parent: Element, children: readonly Element[]): void {
  const staying = new Set(children);
  for (const child of [...parent.children]) if (!staying.has(child)) child.remove();
  moveChildren(parent, children);
}

/**
 * Changes the page, and then shows the same part of it as before: an element that was moved has lost its focus, and rows
 * that were inserted above have moved what a person reads. At the top of the page, the new top is shown.
 */
export function keepPlace(elements: Iterable<Element>, change: () => void): void {
  const focused = document.activeElement;
  const anchor = scrollY === 0 ? undefined : firstInView(elements);
  const before = anchor?.getBoundingClientRect().top ?? 0;
  change();
  if (focused instanceof HTMLElement && focused !== document.activeElement && focused.isConnected)
    focused.focus({ preventScroll: true });
  if (anchor?.isConnected === true) scrollBy(0, anchor.getBoundingClientRect().top - before);
}

function firstInView(elements: Iterable<Element>): Element | undefined {
  for (const element of elements) {
    const { top, bottom } = element.getBoundingClientRect();
    if (bottom > 0 && top < innerHeight && bottom > top) return element;
  }
  return undefined;
}
