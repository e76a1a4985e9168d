/** The overview: all services in groups, with a filter. */
import { adoptRows } from "./adopt.js";
import { FilterForm, type FilterView } from "./filter-form.js";
import type { PageView } from "./live-page.js";
import { keepPlace } from "./moves.js";
import { PageRows } from "./page-rows.js";
import { Quiet } from "./quiet.js";
import type { StatusChanges, Statuses } from "./statuses.js";

export interface OverviewDeps {
  readonly main: HTMLElement;
  readonly form: HTMLFormElement;
  readonly search: HTMLInputElement;
  readonly statuses: Statuses;
  /** Asks the server for the HTML of `url`. */
  readonly refresh: () => void;
}

/** Rows that could not be moved are moved later. */
const RETRY_MS = 1_000;

export class Overview implements PageView {
  readonly subject = "";
  readonly #deps: OverviewDeps;
  readonly #rows: PageRows;
  readonly #form: FilterForm;
  readonly #quiet: Quiet;
  /** The order and the range of the HTML. */
  #rendered: Pick<FilterView, "sort" | "range">;
  /** The HTML has all services, and not a part of them. */
  #isComplete: boolean;
  #isWaiting = false;

  constructor(deps: OverviewDeps) {
    this.#deps = deps;
    this.#rows = new PageRows(deps.main);
    this.#form = new FilterForm(deps.form, deps.search, () => this.#onView());
    this.#quiet = new Quiet(deps.main, () => this.#arrange());
    const { search, failing } = this.#form.view;
    this.#rendered = this.#form.view;
    this.#isComplete = search === "" && !failing;
    if (!this.#isComplete) deps.refresh();
    // a browser that goes back restores what was typed
    addEventListener("pageshow", () => {
      this.#form.readUrl();
      this.#onView();
    });
  }

  /** The HTML of all services: the filter is applied here. */
  get url(): string {
    const { sort, range } = this.#form.view;
    return `?${new URLSearchParams({ sort, range })}`;
  }

  /** Shows what has changed. Returns the names of the services whose rows are others now. */
  show({ names, isListChanged, hasSnapshot }: StatusChanges): readonly string[] {
    const { services } = this.#deps.statuses;
    const changed = [...names].filter((name) => {
      const status = services.get(name);
      return status !== undefined && this.#rows.update(name, status);
    });
    const isCheckDue = (isListChanged || hasSnapshot) && this.#isComplete;
    if (isCheckDue && !this.#rows.hasExactly(services.keys())) this.#deps.refresh();
    if (changed.length > 0) this.#arrange();
    return changed;
  }

  adopt(next: Document): void {
    const main = next.getElementById("services");
    if (main === null) return;
    const { statuses } = this.#deps;
    keepPlace(this.#rows.elements, () => {
      adoptRows(this.#deps.main, main);
      this.#rows.read();
      // what the events say is newer than the HTML
      for (const [name, status] of statuses.services) this.#rows.update(name, status);
      this.#arrangeNow();
    });
    this.#rendered = this.#form.view;
    this.#isComplete = true;
  }

  tick(): void {
    this.#rows.tick();
  }

  #onView(): void {
    const { sort, range } = this.#form.view;
    // another order may have other groups, and another range has other strips: the server renders both
    if (!this.#isComplete || sort !== this.#rendered.sort || range !== this.#rendered.range) this.#deps.refresh();
    this.#arrangeNow();
  }

  #arrange(): void {
    if (this.#quiet.isQuiet) {
      keepPlace(this.#rows.elements, () => this.#arrangeNow());
      return;
    }
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    setTimeout(() => {
      this.#isWaiting = false;
      this.#arrange();
    }, RETRY_MS);
  }

  #arrangeNow(): void {
    const shownCount = this.#rows.arrange(this.#form.view, this.#rendered.sort);
    this.#showEmpty(shownCount === 0 && this.#rows.size > 0);
  }

  #showEmpty(isEmpty: boolean): void {
    const present = this.#deps.main.querySelector("#no-match");
    if (!isEmpty) present?.remove();
    if (!isEmpty || present !== null) return;
    const link = document.createElement("a");
    link.href = "?";
    link.textContent = "Show all services";
    const text = document.createElement("p");
    text.id = "no-match";
    text.className = "empty";
    text.append("No service matches. ", link);
    this.#deps.main.prepend(text);
  }
}
