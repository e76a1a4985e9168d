import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EventConnection, type StreamState } from "../../src/page/event-connection.js";
import type { ServerEvent } from "../../src/page/event-parser.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";

/** One request, whose answer the test writes. */
class Request {
  readonly lastEventId: string | null;
  readonly answer: Promise<Response>;
  #resolve: (response: Response) => void = () => {};
  #reject: (error: Error) => void = () => {};
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  isAborted = false;

  constructor(init: RequestInit) {
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.lastEventId = new Headers(init.headers).get("last-event-id");
    init.signal?.addEventListener("abort", () => {
      this.isAborted = true;
      this.#reject(new Error("aborted"));
    });
  }

  accept(): void {
    const start = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      this.#body = controller;
    };
    this.#resolve(new Response(new ReadableStream({ start })));
    this.send("retry: 2000\n\n");
  }

  refuse(status: number, headers: Record<string, string> = {}): void {
    this.#resolve(new Response("", { status, headers }));
  }

  fail(): void {
    this.#reject(new TypeError("Failed to fetch"));
  }

  send(text: string): void {
    this.sendBytes(new TextEncoder().encode(text));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#body?.enqueue(bytes);
  }

  end(): void {
    this.#body?.close();
  }
}

class Rig {
  readonly clock = new VirtualClock();
  readonly requests: Request[] = [];
  readonly events: ServerEvent[] = [];
  readonly states: StreamState[] = [];
  readonly connection = new EventConnection({
    url: "/events",
    fetch: (_url, init) => {
      const request = new Request(init);
      this.requests.push(request);
      return request.answer;
    },
    clock: this.clock,
    random: () => 1,
    onEvent: (event) => this.events.push(event),
    onState: (state) => this.states.push(state),
  });

  get last(): Request {
    const request = this.requests.at(-1);
    assert.ok(request);
    return request;
  }

  get state(): StreamState {
    return this.connection.state;
  }

  async live(): Promise<void> {
    this.connection.open();
    this.last.accept();
    await settle();
    assert.equal(this.state.kind, "live");
  }
}

const event = (id: number) => `id: e-${id}\nevent: transition\ndata: {"n":${id}}\n\n`;

describe("the page's connection to /events", () => {
  test("events arrive in their order, however they are cut", async () => {
    const rig = new Rig();
    await rig.live();
    for (const piece of `${event(1)}: heartbeat\n\n${event(2)}`.match(/[\s\S]{1,7}/g) ?? []) rig.last.send(piece);
    await settle();
    assert.deepEqual(
      rig.events.map(({ id, type, data }) => [id, type, data]),
      [
        ["e-1", "transition", '{"n":1}'],
        ["e-2", "transition", '{"n":2}'],
      ],
    );
  });

  test("a character that is cut between two pieces is whole", async () => {
    const rig = new Rig();
    await rig.live();
    const bytes = Buffer.from(event(1).replace("{", '{"name":"\u{1F600}",'));
    for (const byte of bytes) rig.last.sendBytes(Uint8Array.of(byte));
    await settle();
    assert.equal(rig.events[0]?.data, '{"name":"\u{1F600}","n":1}');
  });

  test("after an end, the next request continues from the last ID", async () => {
    const rig = new Rig();
    await rig.live();
    assert.equal(rig.last.lastEventId, null);
    rig.last.send(event(7));
    await settle();
    rig.last.end();
    await settle();
    assert.equal(rig.state.kind, "lost");
    await rig.clock.advance(2_000);
    assert.equal(rig.requests.length, 2);
    assert.equal(rig.last.lastEventId, "e-7");
  });

  test("an empty ID is forgotten: the next request asks for a snapshot", async () => {
    const rig = new Rig();
    await rig.live();
    rig.last.send(`${event(7)}id:\nevent: snapshot\ndata: {}\n\n`);
    await settle();
    rig.last.end();
    await rig.clock.advance(2_000);
    assert.equal(rig.last.lastEventId, null);
  });

  test("the pauses between attempts grow from 2 s to 30 s, and begin again after a success", async () => {
    const rig = new Rig();
    rig.connection.open();
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 6; attempt += 1) {
      rig.last.fail();
      await settle();
      assert.ok(rig.state.kind === "lost");
      pauses.push(rig.state.retryAt - rig.clock.wallTime());
      await rig.clock.advance(rig.state.retryAt - rig.clock.wallTime());
    }
    assert.deepEqual(pauses, [2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    rig.last.accept();
    await settle();
    rig.last.end();
    await settle();
    assert.ok(rig.state.kind === "lost");
    assert.equal(rig.state.retryAt - rig.clock.wallTime(), 2_000);
  });

  test("a refusal shows its code, and Retry-After is respected", async () => {
    const rig = new Rig();
    rig.connection.open();
    rig.last.refuse(503, { "retry-after": "5" });
    await settle();
    assert.ok(rig.state.kind === "lost");
    assert.equal(rig.state.code, 503);
    assert.ok(rig.state.retryAt - rig.clock.wallTime() >= 5_000);
    assert.ok(rig.state.retryAt - rig.clock.wallTime() <= 30_000);
  });

  test("without a byte for 40 s the connection is lost, and with heartbeats it is not", async () => {
    const rig = new Rig();
    await rig.live();
    for (let minutes = 0; minutes < 8; minutes += 1) {
      await rig.clock.advance(15_000);
      rig.last.send(": heartbeat\n\n");
      await settle();
    }
    assert.equal(rig.state.kind, "live");
    await rig.clock.advance(39_000);
    assert.equal(rig.state.kind, "live");
    await rig.clock.advance(3_000);
    assert.equal(rig.states.filter(({ kind }) => kind === "lost").length, 1);
    assert.ok(rig.requests[0]?.isAborted);
  });

  test("a machine that has slept loses the connection at once, although its monotonic clock stood still", async () => {
    const rig = new Rig();
    await rig.live();
    rig.clock.wallOffset = 3_600_000;
    await rig.clock.advance(1_000);
    assert.equal(rig.state.kind, "lost");
  });

  test("an answer that does not come within 10 s is given up", async () => {
    const rig = new Rig();
    rig.connection.open();
    await rig.clock.advance(12_000);
    assert.ok(rig.requests[0]?.isAborted);
    assert.ok(rig.states.some(({ kind }) => kind === "lost"));
  });

  test("retryNow opens the connection before its time, and does nothing while it is live", async () => {
    const rig = new Rig();
    rig.connection.open();
    rig.last.fail();
    await settle();
    rig.connection.retryNow();
    assert.equal(rig.requests.length, 2);
    rig.last.accept();
    await settle();
    rig.connection.retryNow();
    await rig.clock.advance(5_000);
    assert.equal(rig.requests.length, 2);
  });

  test("close ends the request and every timer, and open continues", async () => {
    const rig = new Rig();
    await rig.live();
    rig.last.send(event(3));
    await settle();
    rig.connection.close();
    assert.ok(rig.last.isAborted);
    assert.equal(rig.clock.pendingTimers, 0);
    await settle();
    assert.equal(rig.state.kind, "closed");
    rig.connection.open();
    assert.equal(rig.last.lastEventId, "e-3");
  });
});
