/**
 * The messages of xDS as tables: of each message, the fields that are read or written here.
 *
 *     DiscoveryRequest --> names, nonce, error          DiscoveryResponse <-- version, resources, nonce
 *     Listener > ApiListener > HttpConnectionManager > RouteConfiguration > cluster      (gRPC starts here)
 *     Cluster > EdsClusterConfig > over ADS
 *     ClusterLoadAssignment > LocalityLbEndpoints > LbEndpoint > address, health_status
 *
 * Source of the field numbers: github.com/envoyproxy/data-plane-api, the file that is named at each table.
 */
import { bytes, count, message, optional, repeated, text } from "../../wire/message-table.js";

/** The type URLs of the resources that are served. */
export const TYPE_URLS = {
  cds: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  eds: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
  lds: "type.googleapis.com/envoy.config.listener.v3.Listener",
  rds: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
} as const;

export const HTTP_CONNECTION_MANAGER_URL =
  "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
export const ROUTER_URL = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

/** google/protobuf/any.proto */
export const ANY = { typeUrl: text(1), value: bytes(2) } as const;

/** envoy/config/core/v3/base.proto */
const NODE = { userAgentName: text(6) } as const;

/** google/rpc/status.proto */
const STATUS = { message: text(2) } as const;

/** envoy/service/discovery/v3/discovery.proto */
export const DISCOVERY_REQUEST = {
  node: message(2, NODE),
  resourceNames: repeated(text(3)),
  typeUrl: text(4),
  responseNonce: text(5),
  errorDetail: message(6, STATUS),
} as const;

/** envoy/service/discovery/v3/discovery.proto. The fields before and after the resources are written apart. */
export const DISCOVERY_RESPONSE = {
  versionInfo: text(1),
  resources: repeated(bytes(2)),
  typeUrl: text(4),
  nonce: text(5),
} as const;

/** google/protobuf/wrappers.proto */
const UINT32_VALUE = { value: count(1) } as const;

/** envoy/config/endpoint/v3/endpoint_components.proto. gRPC refuses a locality that is absent, and ignores one without weight. Its endpoints are written apart. */
export const LOCALITY_LB_ENDPOINTS = {
  locality: message(1, {}),
  loadBalancingWeight: message(3, UINT32_VALUE),
} as const;

/** envoy/config/endpoint/v3/endpoint.proto */
export const CLUSTER_LOAD_ASSIGNMENT = { clusterName: text(1), endpoints: repeated(bytes(2)) } as const;

/** envoy/config/core/v3/config_source.proto */
const CONFIG_SOURCE = { ads: message(3, {}), resourceApiVersion: count(6) } as const;

/** envoy/config/cluster/v3/cluster.proto */
export const CLUSTER = {
  name: text(1),
  type: count(2),
  edsClusterConfig: message(3, { edsConfig: message(1, CONFIG_SOURCE) }),
} as const;

/** envoy/config/route/v3/route_components.proto */
const ROUTE = {
  match: message(1, { prefix: optional(text(1)) }),
  route: message(2, { cluster: text(1) }),
} as const;
const VIRTUAL_HOST = { name: text(1), domains: repeated(text(2)), routes: repeated(message(3, ROUTE)) } as const;

/** envoy/config/route/v3/route.proto */
export const ROUTE_CONFIGURATION = { name: text(1), virtualHosts: repeated(message(2, VIRTUAL_HOST)) } as const;

/** envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto */
const HTTP_FILTER = { name: text(1), typedConfig: message(4, ANY) } as const;
export const HTTP_CONNECTION_MANAGER = {
  statPrefix: text(2),
  routeConfig: message(4, ROUTE_CONFIGURATION),
  httpFilters: repeated(message(5, HTTP_FILTER)),
} as const;

/** envoy/config/listener/v3/listener.proto, api_listener.proto */
export const LISTENER = { name: text(1), apiListener: message(19, { apiListener: message(1, ANY) }) } as const;
