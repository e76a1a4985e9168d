/**
 * One xDS stream, state of the world: requests of any type, and their responses one after the other.
 *
 *     first request of a type ------------------> subscription --> response 1 --.
 *     ACK, NACK: the nonce of the last response -----^   ^                      | one response at a time, the types in the
 *     another nonce: stale, its names hold with a change |                      | order CDS, EDS, LDS, RDS
 *     catalog: changed services -------------------------'   <-- room again ----'
 *
 * A client that does not read has one response in memory; the changes that it misses are names in a set. After a NACK nothing
 * is sent until a resource changes: a client that refuses everything is sent nothing in a loop.
 */
import { publish } from "../../core/channels.js";
import type { CancelTimer, Clock } from "../../core/clock.js";
import type { FairTurns, Share } from "../../core/fair-turns.js";
import { printable } from "../../core/printable.js";
import type { InstanceCatalog } from "../../instances/catalog.js";
import type { GrpcCode } from "../../wire/grpc-code.js";
import { encodeMessage } from "../../wire/message-table.js";
import type { GrpcStream, StreamCall } from "../grpc/engine.js";
import type { ClientKind } from "./endpoints.js";
import { DISCOVERY_RESPONSE, TYPE_URLS } from "./messages.js";
import { type DiscoveryRequest, readRequest } from "./request.js";
import type { ResourceCache, ResourceType } from "./resources.js";
import { Subscription } from "./subscription.js";

/** What all streams of a service share. */
export interface XdsStreamDeps {
  readonly catalog: InstanceCatalog;
  readonly clock: Clock;
  readonly instance: string;
  readonly resources: ResourceCache;
  /** Streams that have used little time lately come first: one of three instances does not wait for one of 10,000. */
  readonly turns: FairTurns;
  readonly onPush: () => void;
  readonly onNack: () => void;
  /** Whether so many names more may be kept, over all streams. */
  readonly hasRoomFor: (names: number) => boolean;
  readonly onClose: (stream: XdsStream) => void;
}

/** A cluster is sent before its endpoints, a listener before its routes (xds_protocol.rst, "Eventual consistency"). */
const ORDER: readonly ResourceType[] = ["cds", "eds", "lds", "rds"];

/** Milliseconds until a stream without a request ends with DEADLINE_EXCEEDED. */
const FIRST_REQUEST_MS = 30_000;

/** Names of one type that a stream may ask for. */
const MAX_NAMES = 100_000;

/** Characters of the text of a NACK that are published. */
const MAX_NACK_TEXT = 200;

export class XdsStream implements GrpcStream {
  readonly #call: StreamCall;
  readonly #deps: XdsStreamDeps;
  readonly #defaultType: string;
  readonly #share: Share;
  readonly #subscriptions = new Map<ResourceType, Subscription>();
  #kind: ClientKind = "envoy";
  #nonces = 0;
  #isSending = false;
  #isQueued = false;
  #ended = false;
  /** Called when the response was taken: the next request may come. */
  #onTaken: (() => void) | undefined;
  #cancelFirstRequest: CancelTimer;

  /** @param defaultType the type URL of a request without one; empty: it is refused */
  constructor(call: StreamCall, defaultType: string, deps: XdsStreamDeps) {
    this.#call = call;
    this.#deps = deps;
    this.#defaultType = defaultType;
    this.#share = deps.turns.open();
    this.#cancelFirstRequest = deps.clock.setTimer(FIRST_REQUEST_MS, () => this.#onSilence());
  }

  /** Number of names that are kept. */
  get size(): number {
    let sum = 0;
    for (const { size } of this.#subscriptions.values()) sum += size;
    return sum;
  }

  /** Takes a request. The next one is taken when the client has taken the response that follows this one. */
  receive(message: Buffer, onHandled: () => void): void {
    if (this.#ended) return;
    this.#cancelFirstRequest();
    const request = readRequest(message);
    if (request === undefined || !this.#handle(request)) this.end("INVALID_ARGUMENT", "malformed request");
    if (this.#ended) return;
    this.#send();
    if (this.#isSending) this.#onTaken = onHandled;
    else onHandled();
  }

  /** The client sends nothing more: its ACKs are not needed, but a stream without its client is over. */
  halfClose(): void {
    this.end("OK", "");
  }

  /** The entries of some services have changed. */
  change(changed: ReadonlySet<string>): void {
    if (this.#ended) return;
    for (const subscription of this.#subscriptions.values()) subscription.change(changed);
    if (this.#isQueued || this.#isSending) return;
    this.#isQueued = true;
    this.#share.queue(() => {
      this.#isQueued = false;
      this.#send();
    });
  }

  /** Ends the stream with a status. */
  end(code: GrpcCode, text: string): void {
    if (this.#ended) return;
    this.#finish(code);
    this.#call.end(code, text);
  }

  /** The call has ended, for any reason. */
  close(): void {
    if (!this.#ended) this.#finish("CANCELLED");
    this.#deps.onClose(this);
  }

  /** Returns false for a request that cannot be read. */
  #handle({ node, typeUrl, responseNonce, errorDetail, names }: DiscoveryRequest): boolean {
    if (node !== undefined) this.#kind = kindOf(node.userAgentName);
    const type = typeOf(typeUrl || this.#defaultType);
    const known = type && this.#subscriptions.get(type);
    // an ACK has the same names as the request before
    if (!known?.hasAskedFor(names) && names.decode() === undefined) return false;
    if (typeUrl === "" && this.#defaultType === "") this.end("INVALID_ARGUMENT", "type_url is required");
    if (type === undefined) return true; // as go-control-plane: a resource that never comes
    const isStale = known !== undefined && known.nonce !== "" && responseNonce !== known.nonce;
    if (!isStale && errorDetail !== undefined) this.#onNack(type, errorDetail.message);
    const more = names.length - (known?.size ?? 0);
    if (names.length > MAX_NAMES || (more > 0 && !this.#deps.hasRoomFor(more))) {
      this.end("RESOURCE_EXHAUSTED", "too many resource names");
      return true;
    }
    const { catalog, resources } = this.#deps;
    const subscription = known ?? new Subscription(type, catalog, resources);
    this.#subscriptions.set(type, subscription);
    if (isStale) subscription.askStale(names);
    else subscription.ask(names);
    return true;
  }

  #onNack(type: ResourceType, text: string): void {
    this.#deps.onNack();
    const detail = printable(text.slice(0, MAX_NACK_TEXT));
    publish("xds-nack", { instance: this.#deps.instance, type, detail });
  }

  /** Sends the next response, unless the client has not taken the one before. */
  #send(): void {
    if (!this.#ended && !this.#isSending) this.#share.measure(() => this.#sendNext());
  }

  #sendNext(): void {
    for (const type of ORDER) {
      const subscription = this.#subscriptions.get(type);
      const resources = subscription?.next(this.#kind);
      if (subscription === undefined || resources === undefined) continue;
      this.#nonces += 1;
      subscription.nonce = String(this.#nonces);
      this.#isSending = true;
      this.#deps.onPush();
      this.#call.send(this.#response(type, subscription.nonce, resources), this.#onSent);
      return;
    }
  }

  #response(type: ResourceType, nonce: string, resources: readonly Buffer[]): Buffer {
    const head = encodeMessage(DISCOVERY_RESPONSE, { versionInfo: String(this.#deps.catalog.index) });
    return Buffer.concat([head, ...resources, encodeMessage(DISCOVERY_RESPONSE, { typeUrl: TYPE_URLS[type], nonce })]);
  }

  readonly #onSent = (): void => {
    this.#isSending = false;
    this.#send();
    if (this.#ended) return;
    // also while another response is due: while services flap, one is due always
    const onTaken = this.#onTaken;
    this.#onTaken = undefined;
    onTaken?.();
  };

  #finish(code: GrpcCode): void {
    this.#ended = true;
    this.#cancelFirstRequest();
    publish("call", { instance: this.#deps.instance, method: "xDS", code });
  }

  /** An engine that throws must not end the process by this timer. */
  #onSilence(): void {
    try {
      this.end("DEADLINE_EXCEEDED", "no request for 30 seconds");
    } catch (error) {
      publish("fault", { instance: this.#deps.instance, where: "the end of an xDS stream", error });
    }
  }
}

/** gRPC's user agents: `gRPC Go`, `gRPC C-core linux`, `gRPC Java`, `gRPC Node Pure JS`. */
function kindOf(userAgent: string): ClientKind {
  return userAgent.startsWith("gRPC ") ? "grpc" : "envoy";
}

function typeOf(typeUrl: string): ResourceType | undefined {
  return ORDER.find((type) => TYPE_URLS[type] === typeUrl);
}
