/**
 * One endpoint of a channel: its connection, and the health that is watched over it (gRFC A61, "Generic health reporting").
 *
 *     leaf (pick_first of grpc-js)   IDLE, CONNECTING, TRANSIENT_FAILURE -----------------------------> state
 *                                    READY --> Watch on the picked subchannel --> connecting, healthy, unhealthy
 */
import type { experimental } from "@grpc/grpc-js";
import type { ChannelOptions, Endpoint, GrpcJs, Helper, Picker, Subchannel } from "./grpc-js.js";
import type { BackendHealth, HealthWatch } from "./health-watch.js";

type LeafLoadBalancer = experimental.LeafLoadBalancer;

/** Where a backend is, as its channel says it. */
export interface BackendPlace {
  readonly endpoint: Endpoint;
  readonly options: ChannelOptions;
  readonly resolutionNote: string;
}

export interface BackendDeps {
  readonly grpc: GrpcJs;
  readonly helper: Helper;
  /** The Watch of a subchannel; `undefined` where health is not checked. */
  readonly watchOf: (subchannel: Subchannel) => HealthWatch | undefined;
  /** Called after each change. */
  readonly onChange: () => void;
}

/** A backend, as a channel uses it. */
export type BackendState =
  | { readonly state: "ready"; readonly picker: Picker }
  | { readonly state: "connecting" }
  | { readonly state: "failing"; readonly text: string };

const CONNECTING: BackendState = { state: "connecting" };

export class Backend {
  readonly key: string;
  readonly #deps: BackendDeps;
  readonly #leaf: LeafLoadBalancer;
  #leafError = "";
  /** The subchannel whose health is watched. */
  #watched: Subchannel | undefined;
  #watch: HealthWatch | undefined;
  #unsubscribe: () => void = () => {};
  #isClosed = false;

  constructor({ endpoint, options, resolutionNote }: BackendPlace, deps: BackendDeps) {
    const { experimental } = deps.grpc;
    this.#deps = deps;
    this.key = experimental.endpointToString(endpoint);
    const helper = experimental.createChildChannelControlHelper(deps.helper, {
      updateState: (_state, _picker, error) => this.#onLeaf(error),
    });
    this.#leaf = new experimental.LeafLoadBalancer(endpoint, helper, options, resolutionNote);
  }

  /** Begins to connect, and reports each change from now on. */
  connect(): void {
    this.#leaf.startConnecting();
  }

  get state(): BackendState {
    const { READY, TRANSIENT_FAILURE } = this.#deps.grpc.connectivityState;
    const state = this.#leaf.getConnectivityState();
    if (state === TRANSIENT_FAILURE) return { state: "failing", text: this.#leafError };
    if (state !== READY) return CONNECTING; // an idle one is connected again at once
    return stateOf(this.#watch?.health ?? { state: "healthy" }, this.#leaf.getPicker());
  }

  /** Ends the Watch, and leaves the connection to the channel. */
  close(): void {
    this.#isClosed = true;
    this.#unwatch();
    this.#leaf.destroy();
  }

  #onLeaf(error: string | null): void {
    if (this.#isClosed) return;
    const { IDLE, READY } = this.#deps.grpc.connectivityState;
    if (error !== null) this.#leafError = error;
    const state = this.#leaf.getConnectivityState();
    if (state === READY) this.#watchPicked();
    // an outlier that is ejected is reported as failing, while its connection and its Watch live
    else if (this.#watched?.getConnectivityState() !== READY) this.#onDisconnected();
    this.#deps.onChange();
    if (state === IDLE && !this.#isClosed) this.#leaf.exitIdle();
  }

  #onDisconnected(): void {
    if (this.#watched === undefined) return;
    this.#unwatch();
    this.#deps.helper.requestReresolution();
  }

  /** The picker of a leaf that is ready has one subchannel. */
  #watchPicked(): void {
    const metadata = new this.#deps.grpc.Metadata();
    const { subchannel } = this.#leaf.getPicker().pick({ metadata, extraPickInfo: {} });
    if (subchannel === null || this.#watched?.realSubchannelEquals(subchannel)) return;
    this.#unwatch();
    this.#watched = subchannel;
    this.#watch = this.#deps.watchOf(subchannel);
    this.#unsubscribe = this.#watch?.subscribe(this.#deps.onChange) ?? (() => {});
  }

  #unwatch(): void {
    this.#watched = undefined;
    this.#watch = undefined;
    this.#unsubscribe();
    this.#unsubscribe = () => {};
  }
}

function stateOf(health: BackendHealth, picker: Picker): BackendState {
  switch (health.state) {
    case "connecting":
      return CONNECTING;
    case "healthy":
      return { state: "ready", picker };
    case "unhealthy":
      return { state: "failing", text: health.text };
    default:
      return health satisfies never;
  }
}
