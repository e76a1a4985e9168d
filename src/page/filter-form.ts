/**
 * The filter of the overview: what it says, the URL says. A change is shown at once, without a request.
 *
 *     URL --> form --input--> filter, order --> rows
 *              '------------> URL, so that it can be sent to a colleague, and is right after a reload
 */
import { type RowFilter, SORTS, type Sort } from "./row-order.js";

/** What the form asks for. */
export interface FilterView extends RowFilter {
  readonly sort: Sort;
  readonly range: string;
}

const DEFAULTS = { sort: SORTS[0], range: "24h" } as const;

export class FilterForm {
  readonly #form: HTMLFormElement;
  readonly #search: HTMLInputElement;

  /** @param onChange called with the view after each change */
  constructor(form: HTMLFormElement, search: HTMLInputElement, onChange: (view: FilterView) => void) {
    this.#form = form;
    this.#search = search;
    const changed = () => {
      history.replaceState(history.state, "", this.#url());
      onChange(this.view);
    };
    form.addEventListener("input", changed);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      changed();
    });
    // each change applies at once
    for (const button of form.querySelectorAll("button")) button.hidden = true;
    addEventListener("keydown", (event) => this.#onKey(event));
    this.readUrl();
  }

  get view(): FilterView {
    const data = new FormData(this.#form);
    return {
      search: textOf(data.get("q")),
      failing: data.has("failing"),
      sort: sortOf(data.get("sort")),
      range: textOf(data.get("range")) || DEFAULTS.range,
    };
  }

  /** Shows what the URL says: a browser may have restored what was typed into another view. */
  readUrl(): void {
    const parameters = new URL(location.href).searchParams;
    this.#search.value = parameters.get("q") ?? "";
    for (const element of this.#form.elements) {
      if (element instanceof HTMLInputElement && element.name === "failing")
        element.checked = parameters.has("failing");
      if (element instanceof HTMLSelectElement)
        element.value = parameters.get(element.name) ?? (element.name === "sort" ? DEFAULTS.sort : DEFAULTS.range);
    }
  }

  #url(): string {
    const { search, failing, sort, range } = this.view;
    const parameters = new URLSearchParams();
    if (search !== "") parameters.set("q", search);
    if (failing) parameters.set("failing", "1");
    if (sort !== DEFAULTS.sort) parameters.set("sort", sort);
    if (range !== DEFAULTS.range) parameters.set("range", range);
    return `?${parameters}`;
  }

  /** `/` goes to the search; Escape there clears it. */
  #onKey(event: KeyboardEvent): void {
    const { key, target } = event;
    const isTyping = target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
    if (key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      this.#search.focus();
      this.#search.select();
    } else if (key === "Escape" && target === this.#search && this.#search.value !== "") {
      event.preventDefault();
      this.#search.value = "";
      this.#form.dispatchEvent(new Event("input"));
    }
  }
}

/** The order that a form asks for. */
export function sortOf(value: unknown): Sort {
  return SORTS.find((known) => known === value) ?? DEFAULTS.sort;
}

function textOf(value: FormDataEntryValue | null): string {
  return typeof value === "string" ? value : "";
}
