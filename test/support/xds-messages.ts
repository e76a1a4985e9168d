/** Messages of xDS for tests, written and read by proto-loader with Envoy's protos: not by the code under test. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";

const DEPS = join(dirname(createRequire(import.meta.url).resolve("@grpc/grpc-js-xds/package.json")), "deps");

const definition = loadSync(
  [
    "envoy/service/discovery/v3/discovery.proto",
    "envoy/config/endpoint/v3/endpoint.proto",
    "envoy/config/cluster/v3/cluster.proto",
    "envoy/config/listener/v3/listener.proto",
    "envoy/config/route/v3/route.proto",
    "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
    "envoy/extensions/filters/http/router/v3/router.proto",
  ],
  {
    ...{ keepCase: true, longs: String, enums: String, oneofs: true },
    includeDirs: ["envoy-api", "xds", "googleapis", "protoc-gen-validate"].map((folder) => join(DEPS, folder)),
  },
);

/** A message by the names of its proto file. */
// biome-ignore lint/suspicious/noExplicitAny: tests read deep into messages, and a wrong name is undefined there
export type Message = any;

export interface DiscoveryResponse {
  readonly version_info: string;
  readonly nonce: string;
  readonly type_url: string;
  /** Each decoded by its type. */
  readonly resources: readonly Message[];
}

const TYPE_URL = "type.googleapis.com/";

export const TYPES = {
  cds: `${TYPE_URL}envoy.config.cluster.v3.Cluster`,
  eds: `${TYPE_URL}envoy.config.endpoint.v3.ClusterLoadAssignment`,
  lds: `${TYPE_URL}envoy.config.listener.v3.Listener`,
  rds: `${TYPE_URL}envoy.config.route.v3.RouteConfiguration`,
} as const;

export const ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

function typeOf(name: string): MessageTypeDefinition<object, object> {
  const found = definition[name];
  if (found === undefined || !("deserialize" in found)) throw new Error(`no message ${name}`);
  return found as MessageTypeDefinition<object, object>; // what has the name of a message is one
}

/** A message within an Any, by its type. */
export function unpack({ type_url, value }: { readonly type_url: string; readonly value: Buffer }): Message {
  if (!type_url.startsWith(TYPE_URL)) throw new Error(`the type URL "${type_url}" has no host`);
  return typeOf(type_url.slice(TYPE_URL.length)).deserialize(value);
}

export function writeDiscoveryRequest(request: Message): Buffer {
  return typeOf("envoy.service.discovery.v3.DiscoveryRequest").serialize(request);
}

export function readDiscoveryResponse(bytes: Buffer): DiscoveryResponse {
  const response: Message = typeOf("envoy.service.discovery.v3.DiscoveryResponse").deserialize(bytes);
  return { ...response, resources: (response.resources ?? []).map(unpack) };
}
