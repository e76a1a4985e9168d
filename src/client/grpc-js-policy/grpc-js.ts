/**
 * What the load-balancing policy needs of grpc-js, and whether an installed version has it.
 *
 * The application hands its own copy over: a policy is known only to the copy in which it was registered, and
 * `node_modules` may have several. So healthbridge loads no grpc-js here.
 *
 *     1.14         `updateAddressList` takes a StatusOr, and a subchannel has `getChannel` and `getCallCredentials`
 *     1.8 to 1.13  round_robin, under the name of the policy
 */
import type * as grpc from "@grpc/grpc-js";
import type { experimental } from "@grpc/grpc-js";

/** The module `@grpc/grpc-js`. */
export type GrpcJs = typeof import("@grpc/grpc-js");

/** What is demanded of the module by its type: the rest is looked for at run time, because versions differ. */
export interface GrpcJsModule {
  /** The functions with which a policy is registered. */
  readonly experimental: object;
}

export type Endpoint = experimental.Endpoint;
export type Helper = experimental.ChannelControlHelper;
export type LoadBalancer = experimental.LoadBalancer;
export type PolicyConfig = experimental.TypedLoadBalancingConfig;
export type Picker = experimental.Picker;
export type Subchannel = experimental.SubchannelInterface;
export type ChannelOptions = grpc.ChannelOptions;

/** Of `experimental`, in 1.14. */
const NEEDED: readonly string[] = [
  "ChildLoadBalancerHandler",
  "LeafLoadBalancer",
  "QueuePicker",
  "UnavailablePicker",
  "createChildChannelControlHelper",
  "endpointToString",
  "log",
  "registerLoadBalancerType",
  "statusOrFromValue",
];

/** The module, if its version can check health; `undefined` for another version. */
export function asGrpcJs(module: GrpcJsModule): GrpcJs | undefined {
  const given: object = Object(module); // callers may have no types
  const experimental = Object(Reflect.get(given, "experimental"));
  const isComplete = NEEDED.every((name) => typeof Reflect.get(experimental, name) === "function");
  // a parse boundary: what is used was looked for
  return isComplete && "connectivityState" in given ? (given as GrpcJs) : undefined;
}
