/** A bridge over a registry of its own, asked without a socket. */
import assert from "node:assert/strict";
import type { Clock } from "../../../src/core/clock.js";
import { type SharedBytes, SharedBytesPool } from "../../../src/core/shared-bytes.js";
import type { CheckReport } from "../../../src/registry/ports.js";
import { Registry } from "../../../src/registry/registry.js";
import { type BridgeOptions, HttpBridge } from "../../../src/transports/http/bridge.js";
import { PageRenderer } from "../../../src/transports/http/page-renderer.js";
import type { HttpAnswer, HttpRequest } from "../../../src/wire/http-message.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const REQUEST: HttpRequest = {
  method: "GET",
  target: "/",
  accept: undefined,
  contentType: undefined,
  authorization: undefined,
  body: undefined,
};

/** An answer with its body read. */
export interface ReadAnswer {
  readonly status: number;
  readonly headers: HttpAnswer["headers"];
  readonly body: string;
}

export interface BridgeFixture<C extends Clock = VirtualClock> {
  readonly clock: C;
  readonly registry: Registry;
  readonly pool: SharedBytesPool;
  readonly bridge: HttpBridge;
  /** The answer that is given in the same step. */
  ask(target: string, more?: Partial<HttpRequest>): ReadAnswer;
  /** The answer, in the same step or later. */
  answer(target: string, more?: Partial<HttpRequest>): Promise<ReadAnswer>;
}

export function bridgeOf(options: Partial<BridgeOptions> & { readonly registry?: Registry } = {}): BridgeFixture {
  return bridgeAt(new VirtualClock(), options);
}

/** The same at another clock. */
export function bridgeAt<C extends Clock>(
  clock: C,
  options: Partial<BridgeOptions> & { readonly registry?: Registry; readonly instance?: string } = {},
): BridgeFixture<C> {
  const { registry = new Registry({ clock, instance: options.instance ?? "test" }), ...rest } = options;
  const pool = new SharedBytesPool();
  const pages = new PageRenderer({ reader: registry, clock, pool });
  const bridge = new HttpBridge({ reader: registry, clock, pages, ...rest });
  const answer = (target: string, more: Partial<HttpRequest> = {}) =>
    new Promise<ReadAnswer>((resolve) => bridge.answer({ ...REQUEST, target, ...more }, (each) => resolve(read(each))));
  const ask = (target: string, more: Partial<HttpRequest> = {}) => {
    let given: ReadAnswer | undefined;
    bridge.answer({ ...REQUEST, target, ...more }, (each) => {
      given = read(each);
    });
    assert.ok(given !== undefined, `${target} is answered in the same step`);
    return given;
  };
  return { clock, registry, pool, bridge, ask, answer };
}

export function read({ status, headers, body }: HttpAnswer): ReadAnswer {
  if (typeof body !== "string" && "start" in body) return { status, headers, body: "(a stream)" };
  return { status, headers, body: typeof body === "string" ? body : readAll(body) };
}

function readAll(bytes: SharedBytes): string {
  const reader = bytes.open(assert.fail);
  const chunks: Buffer[] = [];
  while (reader.bytesLeft > 0) chunks.push(reader.read(1 << 20));
  reader.close();
  return Buffer.concat(chunks).toString();
}

/** A report of a check, passing unless it says otherwise. */
export function check(name: string, more: Partial<CheckReport> = {}): CheckReport {
  const at = 1_700_000_000_000;
  return {
    name,
    state: "passing",
    critical: true,
    counted: true,
    startup: true,
    held: false,
    reason: undefined,
    latencyMs: 1.23456,
    lastResultAt: at,
    since: at,
    services: [],
    ...more,
  };
}
