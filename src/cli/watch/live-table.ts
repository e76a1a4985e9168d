/**
 * `watch` on a terminal: a table that changes with the server.
 *
 *     server --> rows --+
 *     keys ---> view ---+--> at most 10 screens a second --> lines that differ --> terminal
 *
 * A key is answered at once.
 */
import { probeClock } from "../probe/probe-clock.js";
import { type Key, readKeys } from "./keys.js";
import { ServiceRows } from "./service-rows.js";
import { type ConnectionState, changesOf, pageOf, screenLines } from "./table-screen.js";
import { FIRST_VIEW, pressed, type TableView, viewedRows } from "./table-view.js";
import { Terminal } from "./terminal.js";
import type { ServerListener } from "./watch-server.js";

const SCREEN_MS = 100;

/** An escape character that nothing follows in this time is the key Esc. */
const ESCAPE_MS = 50;

export interface LiveTableOptions {
  readonly addr: string;
  readonly hasColour: boolean;
  /** Called for the key `q`, and when the terminal is gone. */
  readonly onQuit: () => void;
}

export class LiveTable {
  readonly #options: LiveTableOptions;
  readonly #terminal = new Terminal();
  readonly #rows = new ServiceRows();
  #connection: ConnectionState;
  #view: TableView = FIRST_VIEW;
  #lines: readonly string[] = [];
  #typed = "";
  #cancelEscape = () => {};
  #cancelDraw: (() => void) | undefined;

  constructor(options: LiveTableOptions) {
    this.#options = options;
    this.#connection = { state: "connecting", since: probeClock.wallTime(), cause: undefined, polledAt: undefined };
  }

  open(): void {
    this.#terminal.open({
      onText: (text) => this.#onText(text),
      onReset: () => this.#redraw(),
      onHangUp: this.#options.onQuit,
    });
    this.#draw();
  }

  /** Restores the terminal. */
  close(): void {
    this.#cancelDraw?.();
    this.#cancelEscape();
    this.#terminal.close();
  }

  /** What a server reports becomes rows. */
  get listener(): ServerListener {
    const changed = () => this.#scheduleDraw();
    const rows = this.#rows;
    return {
      onConnected: () => this.#setState("connected", undefined),
      onDisconnected: (cause) => {
        rows.setDisconnected();
        this.#setState(this.#connection.polledAt === undefined ? "connecting" : "disconnected", cause);
      },
      onListed: (services) => void rows.setListed(services, probeClock.wallTime()),
      onStatus: (service, status) => {
        rows.setStatus(service, status, probeClock.wallTime());
        changed();
      },
      onFault: (service, fault) => {
        rows.setFault(service, fault);
        changed();
      },
      onDetails: (service, details) => {
        if (details !== undefined) rows.setDetails(service, details);
        changed();
      },
      onPolled: () => {
        this.#connection = { ...this.#connection, polledAt: probeClock.wallTime() };
        changed();
      },
    };
  }

  #setState(state: ConnectionState["state"], cause: string | undefined): void {
    const since = state === this.#connection.state ? this.#connection.since : probeClock.wallTime();
    this.#connection = { ...this.#connection, state, since, cause };
    this.#scheduleDraw();
  }

  #onText(text: string): void {
    this.#cancelEscape();
    const { keys, rest } = readKeys(this.#typed + text);
    this.#typed = rest;
    for (const key of keys) this.#onKey(key);
    if (rest === "") return;
    this.#cancelEscape = probeClock.setTimer(ESCAPE_MS, () => {
      this.#typed = "";
      this.#onKey("escape");
    });
  }

  #onKey(key: Key): void {
    if (key === "interrupt") process.kill(process.pid, "SIGINT");
    else if (key === "suspend") this.#terminal.suspend();
    else if (key === "redraw") this.#redraw();
    else {
      const page = pageOf(this.#terminal.size);
      const view = pressed(this.#view, key, { rows: viewedRows(this.#rows.all, this.#view).length, page });
      if (view === "quit") this.#options.onQuit();
      else this.#show(view);
    }
  }

  #show(view: TableView): void {
    this.#view = view;
    this.#draw();
  }

  #scheduleDraw(): void {
    this.#cancelDraw ??= probeClock.setTimer(SCREEN_MS, () => this.#draw());
  }

  #redraw(): void {
    this.#lines = [];
    this.#draw();
  }

  #draw(): void {
    this.#cancelDraw?.();
    this.#cancelDraw = undefined;
    const { addr, hasColour } = this.#options;
    const { size, hasKeys } = this.#terminal;
    const content = { addr, connection: this.#connection, rows: this.#rows.all, view: this.#view, size };
    const lines = screenLines({ ...content, now: probeClock.wallTime(), hasColour, hasKeys });
    this.#terminal.write(changesOf(this.#lines, lines));
    this.#lines = lines;
  }
}
