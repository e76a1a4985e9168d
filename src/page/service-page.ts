/** The page of one service: its state is written in place, and all of it comes from the server again after a change. */
import { printable } from "../core/printable.js";
import type { PageView } from "./live-page.js";
import { PageRows } from "./page-rows.js";
import type { StatusChanges, Statuses } from "./statuses.js";

export interface ServicePageDeps {
  readonly main: HTMLElement;
  readonly statuses: Statuses;
  /** Asks the server for the HTML of `url`. */
  readonly refresh: () => void;
}

export class ServicePage implements PageView {
  readonly #deps: ServicePageDeps;
  #main: HTMLElement;
  #rows: PageRows;

  constructor(deps: ServicePageDeps) {
    this.#deps = deps;
    this.#main = deps.main;
    this.#rows = new PageRows(deps.main);
  }

  get subject(): string {
    return this.#main.querySelector(".service .name")?.firstChild?.textContent ?? "";
  }

  get url(): string {
    return location.search;
  }

  show({ names, hasSnapshot }: StatusChanges): readonly string[] {
    const { services } = this.#deps.statuses;
    const changed = [...names].filter((name) => {
      const status = services.get(name);
      return status !== undefined && this.#rows.update(name, status);
    });
    const shown = new Set(
      [...this.#main.querySelectorAll<HTMLElement>("[data-name]")].map(({ dataset }) => dataset.name),
    );
    // of many checks, some that are not shown may be worse now
    const isCut = names.size > 0 && this.#main.querySelector("[data-cut]") !== null;
    if (hasSnapshot || isCut || [...names].some((name) => shown.has(printable(name)))) this.#deps.refresh();
    return changed;
  }

  adopt(next: Document): void {
    const main = next.getElementById("services");
    if (main === null) return;
    const focused = document.activeElement;
    const href = this.#main.contains(focused) ? focused?.getAttribute("href") : undefined;
    this.#main.replaceWith(main);
    this.#main = main;
    this.#rows = new PageRows(main);
    const link = [...main.querySelectorAll("a")].find((each) => each.getAttribute("href") === href);
    link?.focus({ preventScroll: true });
  }

  tick(): void {
    this.#rows.tick();
  }
}
