/**
 * Turns client-side health checking of grpc-js on (gRFC A17): registers the policy `healthbridge_round_robin`.
 *
 * The real subchannels of grpc-js are shared by all channels with the same target and options. So is the Watch: ten stubs
 * of one service cost one stream.
 */
import { systemClock } from "../../core/clock.js";
import {
  asGrpcJs,
  type ChannelOptions,
  type GrpcJs,
  type GrpcJsModule,
  type Helper,
  type Subchannel,
} from "./grpc-js.js";
import { HealthWatch, type HealthWatchDeps } from "./health-watch.js";
import { HealthRoundRobinConfig, POLICY_NAME } from "./policy-config.js";
import { HealthRoundRobin } from "./round-robin.js";
import { authorityOf, WatchCall } from "./watch-call.js";
import { registerRoundRobin } from "./without-health.js";

/**
 * Registers the load-balancing policy `healthbridge_round_robin` in a copy of grpc-js. A channel uses it when its service
 * config names it, and watches the service of `healthCheckConfig.serviceName`:
 *
 *     registerHealthChecking(grpc);
 *     new Client("dns:orders:50051", credentials, {
 *       "grpc.service_config": JSON.stringify({
 *         loadBalancingConfig: [{ healthbridge_round_robin: {} }],
 *         healthCheckConfig: { serviceName: "acme.orders.v1.Orders" },
 *       }),
 *     });
 *
 * Returns whether this version of grpc-js can check health: 1.14 can. For another one the policy is `round_robin`, and a
 * warning of the process says so.
 *
 * @param grpc the module `@grpc/grpc-js` that makes the channels
 * @throws HealthError INCOMPATIBLE_DEPENDENCY for a module that has no load-balancing policies
 */
export function registerHealthChecking(grpc: GrpcJsModule): boolean {
  return registerWith(grpc, { clock: systemClock, random: Math.random });
}

/** @internal For tests: with their clock and randomness. */
export function registerWith(module: GrpcJsModule, { clock, random }: Omit<HealthWatchDeps, "logError">): boolean {
  const grpc = asGrpcJs(module);
  if (grpc === undefined) {
    registerRoundRobin(module);
    return false;
  }
  const logError = (text: string) => grpc.experimental.log(grpc.logVerbosity.ERROR, `${POLICY_NAME}: ${text}`);
  const watches = new Watches(grpc, { clock, random, logError });
  const deps = {
    ...{ grpc, random },
    watchOf: (subchannel: Subchannel, service: string, options: ChannelOptions) =>
      watches.of(subchannel, service, options),
  };
  grpc.experimental.registerLoadBalancerType(
    POLICY_NAME,
    class extends HealthRoundRobin {
      constructor(helper: Helper) {
        super(helper, deps);
      }
    },
    HealthRoundRobinConfig,
  );
  return true;
}

/** The Watch of each connection and service. A subchannel that is gone takes its Watches with it. */
class Watches {
  readonly #grpc: GrpcJs;
  readonly #deps: HealthWatchDeps;
  readonly #bySubchannel = new WeakMap<object, Map<string, HealthWatch>>();

  constructor(grpc: GrpcJs, deps: HealthWatchDeps) {
    this.#grpc = grpc;
    this.#deps = deps;
  }

  of(subchannel: Subchannel, service: string, options: ChannelOptions): HealthWatch {
    const real = subchannel.getRealSubchannel();
    const byService = this.#bySubchannel.get(real) ?? new Map<string, HealthWatch>();
    this.#bySubchannel.set(real, byService);
    const present = byService.get(service);
    if (present !== undefined) return present;
    const authority = authorityOf(real, options);
    const watch = new HealthWatch(
      { service, address: real.getAddress() },
      (listener) => {
        const call = new WatchCall(this.#grpc, real, listener);
        call.start(service, authority);
        return () => call.cancel();
      },
      this.#deps,
    );
    byService.set(service, watch);
    return watch;
  }
}
