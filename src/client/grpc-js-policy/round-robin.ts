/**
 * The policy: round_robin over the backends that are connected and healthy.
 *
 *     addresses --> backends --> one is ready      --> READY              calls go to the ready ones in turn
 *                                one is connecting --> CONNECTING         calls wait
 *                                all are failing   --> TRANSIENT_FAILURE  calls fail, with the reasons
 *
 * New addresses leave a backend alone that is among them: its connection and its Watch stay, and no call waits for them.
 */
import type { experimental } from "@grpc/grpc-js";
import type { Random } from "../../core/clock.js";
import { Backend, type BackendState } from "./backend.js";
import type {
  ChannelOptions,
  Endpoint,
  GrpcJs,
  Helper,
  LoadBalancer,
  Picker,
  PolicyConfig,
  Subchannel,
} from "./grpc-js.js";
import type { HealthWatch } from "./health-watch.js";
import { POLICY_NAME, serviceToWatch } from "./policy-config.js";

export interface RoundRobinDeps {
  readonly grpc: GrpcJs;
  readonly random: Random;
  /** The Watch of a service over a subchannel, shared by all channels. */
  readonly watchOf: (subchannel: Subchannel, service: string, options: ChannelOptions) => HealthWatch;
}

/** A failing channel names the reasons of so many backends. */
const MAX_REASONS = 3;

export class HealthRoundRobin implements LoadBalancer {
  readonly #helper: Helper;
  readonly #deps: RoundRobinDeps;
  #backends: readonly Backend[] = [];
  #service: string | undefined;
  #turn: number;
  #isUpdating = false;

  constructor(helper: Helper, deps: RoundRobinDeps) {
    this.#helper = helper;
    this.#deps = deps;
    // clients that start together do not all begin with the same backend
    this.#turn = Math.floor(deps.random() * 65_536);
  }

  updateAddressList(
    endpoints: experimental.StatusOr<Endpoint[]>,
    config: PolicyConfig,
    options: ChannelOptions,
    resolutionNote: string,
  ): boolean {
    const watched = serviceToWatch(config, options);
    if ("fault" in watched) return this.#refuse(watched.fault);
    if (!endpoints.ok) {
      if (this.#backends.length === 0) this.#fail(endpoints.error.details);
      return true;
    }
    if (watched.service !== this.#service) this.destroy(); // another service is watched from now on
    this.#service = watched.service;
    this.#isUpdating = true; // the backends report many states, of which the last one counts
    this.#replace(endpoints.value, options, resolutionNote);
    this.#isUpdating = false;
    if (this.#backends.length === 0) this.#fail(`No addresses resolved. Resolution note: ${resolutionNote}`);
    else this.#report();
    return true;
  }

  /** All backends are always connected, so there is nothing to wake. */
  exitIdle(): void {}

  /** The subchannels have their own back-off. */
  resetBackoff(): void {}

  destroy(): void {
    for (const backend of this.#backends) backend.close();
    this.#backends = [];
  }

  getTypeName(): string {
    return POLICY_NAME;
  }

  #replace(endpoints: readonly Endpoint[], options: ChannelOptions, resolutionNote: string): void {
    const { endpointToString } = this.#deps.grpc.experimental;
    const present = new Map(this.#backends.map((backend) => [backend.key, backend]));
    const next = new Map<string, Backend>();
    const added: Backend[] = [];
    for (const endpoint of endpoints) {
      const key = endpointToString(endpoint);
      if (next.has(key)) continue; // an address that is given twice has one connection
      const backend = present.get(key) ?? this.#create({ endpoint, options, resolutionNote });
      if (!present.has(key)) added.push(backend);
      next.set(key, backend);
    }
    this.#backends = [...next.values()];
    for (const backend of added) backend.connect();
    for (const [key, backend] of present) if (!next.has(key)) backend.close();
  }

  #create(place: ConstructorParameters<typeof Backend>[0]): Backend {
    const { grpc, watchOf } = this.#deps;
    const service = this.#service;
    return new Backend(place, {
      ...{ grpc, helper: this.#helper },
      watchOf: (subchannel) => (service === undefined ? undefined : watchOf(subchannel, service, place.options)),
      onChange: () => this.#report(),
    });
  }

  #report(): void {
    if (this.#isUpdating) return;
    const states = this.#backends.map(({ state }) => state);
    const pickers = states.flatMap((each) => (each.state === "ready" ? [each.picker] : []));
    const { connectivityState, experimental } = this.#deps.grpc;
    if (pickers.length > 0) this.#helper.updateState(connectivityState.READY, this.#pickerOver(pickers), null);
    else if (states.some(({ state }) => state === "connecting"))
      this.#helper.updateState(connectivityState.CONNECTING, new experimental.QueuePicker(this), null);
    else this.#fail(reasonsOf(states));
  }

  #pickerOver(pickers: readonly Picker[]): Picker {
    return {
      pick: (args) => {
        this.#turn = (this.#turn + 1) % Number.MAX_SAFE_INTEGER;
        const picker = pickers[this.#turn % pickers.length];
        if (picker === undefined) throw new Error("no backend is ready");
        return picker.pick(args);
      },
    };
  }

  /** A configuration that cannot be obeyed. Calls fail with the reason, rather than go to backends that are not checked. */
  #refuse(fault: string): boolean {
    this.destroy();
    this.#fail(fault);
    return true;
  }

  #fail(reason: string): void {
    const { connectivityState, experimental } = this.#deps.grpc;
    const details = `${POLICY_NAME}: ${reason}`;
    this.#helper.updateState(
      connectivityState.TRANSIENT_FAILURE,
      new experimental.UnavailablePicker({ details }),
      details,
    );
  }
}

function reasonsOf(states: readonly BackendState[]): string {
  const reasons = states.flatMap((each) => (each.state === "failing" ? [each.text] : []));
  const more = reasons.length > MAX_REASONS ? `; and ${reasons.length - MAX_REASONS} more` : "";
  return `no backend is ready: ${reasons.slice(0, MAX_REASONS).join("; ")}${more}`;
}
