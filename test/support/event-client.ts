/** A client of `/events` that reads what it gets as a browser does (HTML Standard, section 9.2.6). */
import assert from "node:assert/strict";
import { eventually } from "./eventually.js";

export interface ReceivedEvent {
  readonly id: string;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  readonly data: any;
}

/** Reads the text of a stream, in pieces of any size. */
export class EventReader {
  readonly events: ReceivedEvent[] = [];
  readonly comments: string[] = [];
  /** What a browser sends as `Last-Event-ID`; empty: nothing. */
  lastEventId = "";
  retryMs: number | undefined;
  #rest = "";

  push(text: string): void {
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop() ?? "";
    for (const block of blocks) this.#read(block);
  }

  get snapshots(): readonly ReceivedEvent[] {
    return this.events.filter(({ event }) => event === "snapshot");
  }

  /** The transitions, as short texts. */
  get transitions(): readonly string[] {
    return this.events.filter(({ event }) => event === "transition").map(({ data }) => `${data.name}: ${data.to}`);
  }

  #read(block: string): void {
    let [event, data] = ["message", ""];
    for (const line of block.split("\n")) {
      const [, field = "", value = ""] = /^([^:]*): ?(.*)$/s.exec(line) ?? [undefined, line, ""];
      if (field === "") this.comments.push(value);
      else if (field === "id") this.lastEventId = value;
      else if (field === "event") event = value;
      else if (field === "data") data += value;
      else if (field === "retry") this.retryMs = Number(value);
      else assert.fail(`unknown field: ${JSON.stringify(line)}`);
    }
    if (data !== "") this.events.push({ id: this.lastEventId, event, data: JSON.parse(data) });
  }
}

/** The same over a body that arrives. */
export class EventClient extends EventReader {
  /** How the stream ended; `undefined` while it is open. */
  ended: "in order" | "abruptly" | undefined;

  constructor(body: AsyncIterable<Uint8Array | string>) {
    super();
    void this.#consume(body);
  }

  /** Waits for a transition, such as `orders: SERVING`. */
  async until(transition: string): Promise<void> {
    await eventually(() => this.transitions.includes(transition), `${transition} in ${JSON.stringify(this.events)}`);
  }

  async untilSnapshots(count = 1): Promise<void> {
    await eventually(() => this.snapshots.length >= count, `${count} snapshots in ${JSON.stringify(this.events)}`);
  }

  async #consume(body: AsyncIterable<Uint8Array | string>): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const bytes of body)
        this.push(typeof bytes === "string" ? bytes : decoder.decode(bytes, { stream: true }));
      this.ended = "in order";
    } catch {
      this.ended = "abruptly";
    }
  }
}
