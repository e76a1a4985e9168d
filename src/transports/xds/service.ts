/**
 * xDS v3 over a catalog of instances, for any engine: aggregated, and one service for each type.
 *
 *     AggregatedDiscoveryService --.
 *     Endpoint-, Cluster- ...      +--> XdsStream, XdsStream ... <-- catalog: changed services
 *
 * A stream of one type differs from an aggregated one by its default type only. The incremental methods (delta) are
 * UNIMPLEMENTED: clients are configured for state of the world (`api_type: GRPC`, or ADS).
 */
import { AccessToken, authorizationOf, isAuthorized } from "../../core/bearer-token.js";
import { publish } from "../../core/channels.js";
import type { Clock } from "../../core/clock.js";
import { FairTurns } from "../../core/fair-turns.js";
import { wholeNumber } from "../../core/option.js";
import type { InstanceCatalog } from "../../instances/catalog.js";
import type { GrpcCode } from "../../wire/grpc-code.js";
import type { CallCredentials, GrpcStream, GrpcStreamMethod, StreamCall } from "../grpc/engine.js";
import { TYPE_URLS } from "./messages.js";
import { ResourceCache } from "./resources.js";
import { XdsStream, type XdsStreamDeps } from "./stream.js";

export interface XdsServiceOptions {
  readonly catalog: InstanceCatalog;
  readonly clock: Clock;
  /** The registry that calls are published for. */
  readonly instance: string;
  /** The token that each stream needs, as Bearer or `x-consul-token`. Default: none. */
  readonly token?: AccessToken | undefined;
  /** Streams that may be open at once. More are refused with RESOURCE_EXHAUSTED. Default 1,024. */
  readonly maxStreams?: number | undefined;
}

/** Each method with the type URL of a request without one. */
const METHODS = {
  "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources": "",
  "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters": TYPE_URLS.cds,
  "/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints": TYPE_URLS.eds,
  "/envoy.service.listener.v3.ListenerDiscoveryService/StreamListeners": TYPE_URLS.lds,
  "/envoy.service.route.v3.RouteDiscoveryService/StreamRoutes": TYPE_URLS.rds,
} as const;

/** A request names each of its resources. */
const MAX_REQUEST_BYTES = 1024 * 1024;

const DEFAULT_MAX_STREAMS = 1_024;

/** Names that all streams together may ask for: about 100 MB. */
const MAX_NAMES = 1_000_000;

const REFUSED: GrpcStream = { receive: () => {}, halfClose: () => {}, close: () => {} };

export class XdsService {
  /** The methods by their paths. */
  readonly methods: ReadonlyMap<string, GrpcStreamMethod>;
  readonly #token: AccessToken;
  readonly #instance: string;
  readonly #maxStreams: number;
  readonly #deps: XdsStreamDeps;
  readonly #resources: ResourceCache;
  /** The open streams, each with what it was opened with. */
  readonly #streams = new Map<XdsStream, string | undefined>();
  readonly #unwatch: () => void;
  readonly #unobserve: () => void;
  #pushes = 0;
  #nacks = 0;
  #ended = false;

  /** @throws HealthError INVALID_OPTION */
  constructor({ catalog, clock, instance, token, maxStreams }: XdsServiceOptions) {
    this.#token = token ?? new AccessToken(undefined);
    this.#instance = instance;
    this.#maxStreams = wholeNumber("maxStreams", maxStreams, DEFAULT_MAX_STREAMS);
    this.#resources = new ResourceCache(catalog);
    this.#deps = {
      ...{ catalog, clock, instance, resources: this.#resources, turns: new FairTurns(clock, instance) },
      onPush: () => {
        this.#pushes += 1;
      },
      onNack: () => {
        this.#nacks += 1;
      },
      hasRoomFor: (names) => this.#names + names <= MAX_NAMES,
      onClose: (stream) => void this.#streams.delete(stream),
    };
    this.#unwatch = catalog.watchAll((changed) => {
      this.#resources.prune(changed);
      for (const stream of this.#streams.keys()) stream.change(changed);
    });
    this.#unobserve = this.#token.observe(() => this.#endRevoked());
    const open = (defaultType: string) => (call: StreamCall, credentials: CallCredentials) =>
      this.#open(call, credentials, defaultType);
    this.methods = new Map(
      Object.entries(METHODS).map(([path, type]) => [path, { maxRequestBytes: MAX_REQUEST_BYTES, open: open(type) }]),
    );
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Responses that were sent. */
  get pushes(): number {
    return this.#pushes;
  }

  /** Responses that clients have refused. */
  get nacks(): number {
    return this.#nacks;
  }

  /** Instances that are in no response, because EDS needs IP addresses and theirs are not known. */
  get unaddressed(): number {
    return this.#resources.unaddressed;
  }

  /** Ends every stream with UNAVAILABLE, and refuses new ones. */
  endStreams(): void {
    this.#ended = true;
    this.#unwatch();
    this.#unobserve();
    for (const stream of [...this.#streams.keys()]) stream.end("UNAVAILABLE", "server is shutting down");
  }

  /** After a change of the token: a client with another one must not get more addresses. It keeps those that it has. */
  #endRevoked(): void {
    for (const [stream, authorization] of [...this.#streams])
      if (!isAuthorized(authorization, this.#token)) stream.end("UNAUTHENTICATED", "a token is needed");
  }

  get #names(): number {
    let sum = 0;
    for (const { size } of this.#streams.keys()) sum += size;
    return sum;
  }

  #open(call: StreamCall, credentials: CallCredentials, defaultType: string): GrpcStream {
    const authorization = authorizationOf(credentials);
    if (!isAuthorized(authorization, this.#token)) return this.#refuse(call, "UNAUTHENTICATED", "a token is needed");
    if (this.#ended) return this.#refuse(call, "UNAVAILABLE", "server is shutting down");
    if (this.#streams.size >= this.#maxStreams) return this.#refuse(call, "RESOURCE_EXHAUSTED", "too many xDS streams");
    const stream = new XdsStream(call, defaultType, this.#deps);
    this.#streams.set(stream, authorization);
    return stream;
  }

  #refuse(call: StreamCall, code: GrpcCode, text: string): GrpcStream {
    call.end(code, text);
    publish("call", { instance: this.#instance, method: "xDS", code });
    return REFUSED;
  }
}
