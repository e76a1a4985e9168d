/**
 * The configuration of the policy, and which service is watched.
 *
 *     { "loadBalancingConfig": [{ "healthbridge_round_robin": { "serviceName": "acme.Orders" } }] }       the first choice
 *     { "loadBalancingConfig": [{ "healthbridge_round_robin": {} }],
 *       "healthCheckConfig": { "serviceName": "acme.Orders" } }                                          as gRFC A17 has it
 *
 * grpc-js hands the first one to a policy. It drops `healthCheckConfig`, which is read from the channel option
 * `grpc.service_config` here. A service config that comes from DNS is not visible, so it needs the first form.
 */
import { MAX_SERVICE_NAME_BYTES } from "../../core/service-name.js";
import type { ChannelOptions, PolicyConfig } from "./grpc-js.js";

/** The name of the policy in a service config. */
export const POLICY_NAME = "healthbridge_round_robin";

/** The service that is watched; `undefined` where health is not checked. */
export type HealthCheckConfig = { readonly service: string | undefined } | { readonly fault: string };

export class HealthRoundRobinConfig implements PolicyConfig {
  /** As written: it is validated when it is used, where an error reaches the caller. */
  readonly serviceName: unknown;

  constructor(serviceName?: unknown) {
    this.serviceName = serviceName;
  }

  getLoadBalancerName(): string {
    return POLICY_NAME;
  }

  toJsonObject(): object {
    return { [POLICY_NAME]: this.serviceName === undefined ? {} : { serviceName: this.serviceName } };
  }

  static createFromJson(json: unknown): HealthRoundRobinConfig {
    return new HealthRoundRobinConfig(fieldOf(json, "serviceName"));
  }
}

/** Which service is watched, by the policy's own configuration, the service config and the options of a channel. */
export function serviceToWatch(config: PolicyConfig, options: ChannelOptions): HealthCheckConfig {
  // the name of C-core: a client switches off what a service config has switched on (gRFC A17, "Defaults")
  if (Reflect.get(options, "grpc.inhibit_health_checking") === 1) return { service: undefined };
  const own = config instanceof HealthRoundRobinConfig ? config.serviceName : undefined;
  if (own !== undefined) return nameOf(own, `${POLICY_NAME}.serviceName`);
  const field = fieldOf(serviceConfigOf(options), "healthCheckConfig");
  return nameOf(fieldOf(field, "serviceName"), "healthCheckConfig.serviceName");
}

function nameOf(value: unknown, field: string): HealthCheckConfig {
  if (value === undefined) return { service: undefined };
  if (typeof value !== "string") return { fault: `${field} must be a text; "" is the server as a whole` };
  if (Buffer.byteLength(value) > MAX_SERVICE_NAME_BYTES)
    return { fault: `${field} must have at most ${MAX_SERVICE_NAME_BYTES} bytes of UTF-8` };
  return { service: value };
}

function serviceConfigOf(options: ChannelOptions): unknown {
  const text = options["grpc.service_config"];
  // grpc-js has parsed it before: a channel with invalid JSON cannot be made
  return text === undefined ? undefined : JSON.parse(text);
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
