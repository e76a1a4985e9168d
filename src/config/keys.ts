/**
 * The keys of the configuration that are not about a single check, in tables: type, default, meaning, flag, and whether a
 * change needs a restart. `checks/settings` has the tables of a check.
 *
 * The tables make the JSON Schema, the documentation and the flags of `healthbridge serve`.
 */
import { DEFAULT_MAX_HOLD_MS } from "../checks/isolation.js";
import { formatDefault, type Setting } from "../checks/settings.js";
import { DEFAULT_CONNECTION_AGE_MS } from "../core/connection-age.js";
import { DEFAULT_ENGINE } from "../core/engine-name.js";
import { DEFAULT_DRAIN_DELAY_MS, DEFAULT_LIST_LIMIT, HISTORY_LIMITS } from "../core/option.js";
import { DEFAULT_MAX_WATCHERS } from "../transports/grpc/health-service.js";

/** Keys at the top of the file. */
export const TOP_KEYS = {
  listen: {
    type: "texts",
    default: [":50051", ":8080"],
    meaning:
      "Addresses, each for gRPC and HTTP: :PORT, HOST:PORT, [IPV6]:PORT, unix:/PATH, fd://N, plain://ADDR without TLS, or open://ADDR without TLS for the overall status alone.",
    flag: { name: "listen", value: "ADDR" },
    restart: true,
  },
  allowExec: { type: "switch", default: false, meaning: "Whether checks and recovery may run programs." },
  allowLinkLocal: {
    type: "switch",
    default: false,
    meaning: "Whether targets may have link-local addresses, such as those of cloud metadata services.",
  },
  engine: {
    type: "engine",
    default: DEFAULT_ENGINE,
    meaning: "The implementation of HTTP/2: native (made for health checks) or grpc-js.",
    flag: { name: "engine", value: "NAME" },
    restart: true,
  },
  listenThread: {
    type: "switch",
    default: false,
    meaning:
      "Whether the listener has a thread of its own: an answer then never waits for probes, and a change is visible within 10 ms.",
    restart: true,
  },
  paths: {
    type: "texts",
    default: [],
    meaning: "HTTP paths that are answered like /healthcheck.",
    flag: { name: "path", value: "/PATH" },
    restart: true,
  },
  statusCodePaths: {
    type: "texts",
    default: [],
    meaning: "gRPC methods that are answered with OK or UNAVAILABLE, such as /AWS.ALB/healthcheck for AWS ALB.",
    flag: { name: "status-code-path", value: "/PKG/METHOD" },
    restart: true,
  },
  drainDelay: {
    type: "duration",
    default: DEFAULT_DRAIN_DELAY_MS,
    meaning: "How long to keep serving after SIGTERM, with every service NOT_SERVING.",
    flag: { name: "drain-delay", value: "TIME" },
  },
  maxConnectionAge: {
    type: "duration",
    default: DEFAULT_CONNECTION_AGE_MS,
    meaning:
      "The time after which a client's connection is asked to end, varied by 10 %. It is closed 30s later. This bounds how long an old client certificate is used. From 1s to 7d.",
    restart: true,
  },
  tokenFile: {
    type: "text",
    meaning:
      "A file with a token. Without the token, clients see no names: List, /metrics, /events and /history are refused, and other answers are one word. Clients send it as Bearer, or as the password of Basic.",
    flag: { name: "token-file", value: "FILE" },
  },
  stateDir: {
    type: "text",
    meaning:
      "A folder for what survives a restart: the last report of each heartbeat, drains, maintenance, runs of recovery, what webhooks have told, and the history. It is created if it does not exist. Only one process can use it at a time.",
    flag: { name: "state-dir", value: "DIR" },
    restart: true,
  },
  control: {
    type: "text",
    meaning:
      "The path of the control socket, such as /run/healthbridge.sock, for healthbridge status, drain, resume, reload and maintenance. Only its owner can open it (mode 0600). Default: none.",
    restart: true,
  },
  listLimit: {
    type: "count",
    default: DEFAULT_LIST_LIMIT,
    meaning: "The maximum number of services in a List. With more services, List fails with RESOURCE_EXHAUSTED.",
    restart: true,
  },
  maxWatchers: {
    type: "count",
    default: DEFAULT_MAX_WATCHERS,
    meaning: "The maximum number of Watch streams that are open at the same time.",
    restart: true,
  },
  page: {
    type: "switch",
    default: true,
    meaning: "Whether browsers get the status page at /.",
    restart: true,
  },
  hosts: {
    type: "texts",
    default: [],
    meaning:
      "Names under which browsers may open the page, /events and /history: status.example.org, or *.example.org. IP addresses, localhost and names without a dot are always allowed.",
    restart: true,
  },
  historyMemory: {
    type: "count",
    default: HISTORY_LIMITS.defaultMemoryMb,
    meaning: "Megabytes that the history of all services may use, at most 4096. The oldest days are dropped first.",
    restart: true,
  },
  historyRetain: {
    type: "duration",
    default: HISTORY_LIMITS.defaultRetainMs,
    meaning: "How long the history of each hour is kept, from 24h to 2160h.",
    restart: true,
  },
} as const satisfies Readonly<Record<string, Setting>>;

/** Keys of `tls`. */
export const TLS_KEYS = {
  certFile: {
    type: "text",
    meaning: "The certificate chain (PEM): TLS on every address except plain://ADDR and open://ADDR.",
    flag: { name: "tls-cert", value: "FILE" },
  },
  keyFile: {
    type: "text",
    meaning: "The key of the certificate (PEM).",
    flag: { name: "tls-key", value: "FILE" },
  },
  clientCaFile: {
    type: "text",
    meaning: "The CA (PEM) that must have issued the certificates of clients (mTLS).",
    flag: { name: "tls-client-ca", value: "FILE" },
  },
} as const satisfies Readonly<Record<string, Setting>>;

/** Keys of an entry of `listen` that is a table. */
export const LISTEN_KEYS = {
  address: { type: "text", meaning: "The address, in one of the forms of listen.", restart: true },
  from: {
    type: "texts",
    meaning:
      "The proxies: IP addresses, ranges such as 10.0.0.0/8, or unix for a unix socket. Their connections must begin with a PROXY header; from all others none is read.",
    restart: true,
  },
} as const satisfies Readonly<Record<string, Setting>>;

/** Keys of `isolation`. */
export const ISOLATION_KEYS = {
  selfCheck: {
    type: "text",
    meaning: "A URL that is reachable whenever the network of healthbridge works, for example of a gateway.",
  },
  maxHold: {
    type: "duration",
    default: DEFAULT_MAX_HOLD_MS,
    meaning: "The maximum time for which statuses are held.",
  },
} as const satisfies Readonly<Record<string, Setting>>;

/** The meaning of a setting with its default, for the documentation. */
export function describeSetting(setting: Setting): string {
  const value = formatDefault(setting);
  const sentences = [setting.meaning, value === undefined ? "" : `Default ${value}.`];
  return [...sentences, setting.restart ? "A change needs a restart." : ""].filter((text) => text !== "").join(" ");
}

/** A key of which a reload cannot apply a change. */
export type RestartKey = KeyWithRestart<typeof TOP_KEYS>;

type KeyWithRestart<Rows> = {
  [Key in keyof Rows]: Rows[Key] extends { readonly restart: true } ? Key : never;
}[keyof Rows];
