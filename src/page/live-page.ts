/**
 * The page as a whole: it keeps what the server has rendered up to date.
 *
 *     /events --> Statuses --once for many events--> rows, header, tab, announcements
 *                     '-- services that appear or disappear --> PageRefresh --HTML--> the page
 *
 * Statuses come from the events alone. HTML that arrives later brings strips, times and names, and no older status.
 */
import { adoptHeader } from "./adopt.js";
import { Announcements } from "./announcements.js";
import { browserClock, type PageClock } from "./browser-clock.js";
import { connectionWords } from "./connection-words.js";
import { EventConnection } from "./event-connection.js";
import { announce, showConnection, showOverall } from "./header.js";
import { PageRefresh } from "./page-refresh.js";
import { type StatusChanges, Statuses } from "./statuses.js";

/** What is below the header: the overview, or one service. */
export interface PageView {
  /** What the title of the tab says after the overall state. */
  readonly subject: string;
  /** The URL of its HTML. */
  readonly url: string;
  /** Shows what has changed. Returns the names of the services whose elements are others now. */
  show(changes: StatusChanges): readonly string[];
  /** Takes over new HTML. */
  adopt(next: Document): void;
  /** Writes how long ago each change was. */
  tick(): void;
}

/** Makes the view of this page. */
export type CreateView = (deps: { readonly statuses: Statuses; readonly refresh: () => void }) => PageView;

/** Events that arrive within so long are shown together. */
const SHOW_MS = 30;

const TICK_MS = 1_000;

/** Ticks between two updates of the times since changes. */
const TICKS_PER_SPAN = 10;

/** The strips are fetched again after 4 to 5 minutes: not all pages at the same moment. */
const MIN_STRIPS_MS = 4 * 60_000;
const STRIPS_JITTER_MS = 60_000;

export class LivePage {
  readonly connection: EventConnection;
  readonly #clock: PageClock = browserClock;
  readonly #statuses = new Statuses();
  readonly #refresh: PageRefresh;
  readonly #view: PageView;
  readonly #announcements = new Announcements({ clock: browserClock, say: announce });
  #isShowDue = false;
  #wasLive = false;
  #overallWords = "";
  #stripsMs = stripsMs();
  #ticks = 0;

  constructor(createView: CreateView) {
    const fetchHere = (url: string, init: RequestInit) => fetch(url, init);
    this.#refresh = new PageRefresh({
      clock: this.#clock,
      url: () => this.#view.url,
      fetch: fetchHere,
      onPage: (html) => this.#adopt(html),
    });
    this.connection = new EventConnection({
      url: "events",
      fetch: fetchHere,
      clock: this.#clock,
      random: Math.random,
      onEvent: (event) => {
        this.#statuses.take(event);
        if (event.type === "fleet" && document.getElementById("fleet")?.dataset.shown !== event.data)
          this.#refresh.ask();
        this.#showSoon();
      },
      onState: ({ kind }) => {
        this.#wasLive ||= kind === "live";
        this.#tellConnection();
      },
    });
    this.#view = createView({ statuses: this.#statuses, refresh: () => this.#refresh.ask() });
    this.#tickLater();
  }

  #tickLater(): void {
    this.#clock.setTimer(TICK_MS, () => {
      this.#tickLater();
      this.#tick();
    });
  }

  #showSoon(): void {
    if (this.#isShowDue) return;
    this.#isShowDue = true;
    // not in an animation frame: a hidden page has none, and its tab has to be right
    this.#clock.setTimer(SHOW_MS, () => {
      this.#isShowDue = false;
      this.#show();
    });
  }

  #show(): void {
    const { services } = this.#statuses;
    const changes = this.#statuses.takeChanges();
    for (const name of this.#view.show(changes)) this.#announcements.add(name, services.get(name));
    const words = showOverall(this.#statuses, this.#view.subject);
    // the notices say why the whole is as it is
    if (this.#overallWords !== "" && words !== this.#overallWords) this.#refresh.ask();
    this.#overallWords = words;
  }

  #adopt(html: string): void {
    const next = new DOMParser().parseFromString(html, "text/html");
    if (scriptOf(next) !== scriptOf(document)) {
      // the server is of another version: its page has another script
      location.reload();
      return;
    }
    adoptHeader(next);
    this.#view.adopt(next);
    if (this.#statuses.isKnown) showOverall(this.#statuses, this.#view.subject);
    this.#stripsMs = stripsMs();
  }

  #tick(): void {
    if (this.connection.state.kind !== "live") this.#tellConnection();
    this.#ticks += 1;
    if (this.#ticks % TICKS_PER_SPAN === 0) this.#view.tick();
    const isDue = this.#clock.wallTime() - this.#refresh.lastAt > this.#stripsMs;
    if (isDue && !document.hidden && this.connection.state.kind === "live") this.#refresh.ask();
  }

  #tellConnection(): void {
    const { state, knownAt } = this.connection;
    const format = (time: number) => new Date(time).toLocaleTimeString();
    showConnection(connectionWords(state, { now: this.#clock.wallTime(), knownAt, wasLive: this.#wasLive, format }));
  }
}

function stripsMs(): number {
  return MIN_STRIPS_MS + Math.random() * STRIPS_JITTER_MS;
}

function scriptOf(page: Document): string {
  return page.querySelector("script")?.getAttribute("src") ?? "";
}
