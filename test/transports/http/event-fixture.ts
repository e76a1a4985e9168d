/** A bridge with event streams, and clients that read at the pace of the test. */
import assert from "node:assert/strict";
import { AccessToken } from "../../../src/core/bearer-token.js";
import { SharedBytesPool } from "../../../src/core/shared-bytes.js";
import { Registry } from "../../../src/registry/registry.js";
import { TransitionHistory } from "../../../src/telemetry/history/transition-history.js";
import { EventStreams } from "../../../src/transports/http/event-streams.js";
import { PageRenderer } from "../../../src/transports/http/page-renderer.js";
import type { HttpAnswer, HttpRequest } from "../../../src/wire/http-message.js";
import { EventReader } from "../../support/event-client.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { bridgeOf } from "./bridge-fixture.js";

const REQUEST: HttpRequest = {
  method: "GET",
  target: "/events",
  accept: undefined,
  contentType: undefined,
  authorization: undefined,
  body: undefined,
};

/** A client that takes pieces only while it `reads`. */
export class PacedClient extends EventReader {
  isReading = true;
  ended: "in order" | "abruptly" | undefined;
  bytes = 0;
  readonly close: () => void;
  #onSent: (() => void) | undefined;

  constructor({ body }: HttpAnswer) {
    super();
    assert.ok(typeof body === "object" && "start" in body, "the answer is a stream");
    this.close = body.start({
      write: (bytes, onSent) => {
        assert.equal(this.#onSent, undefined, "one piece at a time");
        assert.equal(this.ended, undefined, "nothing after the end");
        this.#take(bytes);
        this.#onSent = onSent;
        if (this.isReading) setImmediate(() => this.read());
      },
      end: (bytes) => {
        this.#take(bytes);
        this.ended = "in order";
        this.close();
      },
      abort: () => {
        this.ended = "abruptly";
        this.close();
      },
    });
  }

  /** Takes what waits. */
  read(): void {
    const onSent = this.#onSent;
    this.#onSent = undefined;
    onSent?.();
  }

  #take(bytes: Buffer): void {
    this.bytes += bytes.length;
    this.push(bytes.toString());
  }
}

export function eventFixture({ token = undefined as string | undefined } = {}) {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "events" });
  const history = new TransitionHistory("e1");
  registry.onTransition((transition) => history.add(transition));
  const access = new AccessToken(token);
  const pages = new PageRenderer({ reader: registry, clock, pool: new SharedBytesPool() });
  const events = new EventStreams({ reader: registry, clock, pages, history, token: access });
  const { bridge, ask } = bridgeOf({ registry, clock, events, token: access });
  const open = (target = "/events", more: Partial<HttpRequest> = {}) => {
    let given: HttpAnswer | undefined;
    bridge.answer({ ...REQUEST, target, ...more }, (answer) => {
      given = answer;
    });
    assert.equal(given?.status, 200);
    return new PacedClient(given);
  };
  /** Lets everything be sent that can be. */
  const settle = async () => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, registry, history, access, events, bridge, ask, open, settle };
}
