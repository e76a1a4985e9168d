/**
 * The policy for versions of grpc-js that cannot check health: their own round_robin, under the name of ours.
 *
 *     1.10 to 1.13   a configuration is parsed by `parseLoadBalancingConfig`
 *     1.8, 1.9       by `validateLoadBalancingConfig`
 */
import { HealthError } from "../../core/health-error.js";
import type { GrpcJsModule } from "./grpc-js.js";
import { HealthRoundRobinConfig, POLICY_NAME } from "./policy-config.js";

/** A load balancer of any version: the arguments of its methods differ. */
interface AnyLoadBalancer {
  updateAddressList(addresses: unknown, config: unknown, ...rest: readonly unknown[]): unknown;
}

/** Of `experimental`, in all of these versions. */
interface OlderGrpcJs {
  readonly ChildLoadBalancerHandler: new (...args: readonly unknown[]) => AnyLoadBalancer;
  readonly registerLoadBalancerType: (name: string, type: unknown, config: unknown) => void;
  readonly parseLoadBalancingConfig?: (config: object) => unknown;
  readonly validateLoadBalancingConfig?: (config: object) => unknown;
  readonly isLoadBalancerNameRegistered?: (name: string) => boolean;
}

const NEEDED: readonly string[] = ["ChildLoadBalancerHandler", "registerLoadBalancerType"];

/**
 * Registers round_robin under the name of the policy, and says so once.
 * @throws HealthError INCOMPATIBLE_DEPENDENCY
 */
export function registerRoundRobin(module: GrpcJsModule): void {
  const experimental: unknown = Object(module).experimental;
  const older = NEEDED.every((name) => typeof Reflect.get(Object(experimental), name) === "function");
  // a parse boundary: what every version needs was looked for, and the rest is optional
  const grpc = older ? (experimental as OlderGrpcJs) : undefined;
  const parse = grpc?.parseLoadBalancingConfig ?? grpc?.validateLoadBalancingConfig;
  if (grpc === undefined || parse === undefined)
    throw new HealthError(
      "INCOMPATIBLE_DEPENDENCY",
      'registerHealthChecking needs the module @grpc/grpc-js: import * as grpc from "@grpc/grpc-js"',
    );
  if (grpc.isLoadBalancerNameRegistered?.(POLICY_NAME) === true) return;
  class RoundRobin extends grpc.ChildLoadBalancerHandler {
    override updateAddressList(addresses: unknown, _config: unknown, ...rest: readonly unknown[]): unknown {
      return super.updateAddressList(addresses, parse?.({ round_robin: {} }), ...rest);
    }
    getTypeName(): string {
      return POLICY_NAME;
    }
  }
  grpc.registerLoadBalancerType(POLICY_NAME, RoundRobin, HealthRoundRobinConfig);
  process.emitWarning(
    `the installed @grpc/grpc-js cannot check health: ${POLICY_NAME} is round_robin. Version 1.14 or later is needed`,
    { type: "HealthbridgeWarning", code: "HEALTHBRIDGE_NO_HEALTH_CHECKS" },
  );
}
