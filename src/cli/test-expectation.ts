/**
 * What `healthbridge test` says about a check before its probe: the target without its secrets, and what must be true for
 * it to pass.
 */
import type { CheckDeclaration, CheckSource } from "../checks/declarations.js";
import { maskedUrl } from "../probers/masked.js";
import type { DialogueStep } from "../probers/options.js";

/** When a target passes without `expect`, by its scheme. */
const PASSES_IF: Readonly<Record<string, string>> = {
  http: "HTTP status 200-299",
  https: "HTTP status 200-299",
  "http+unix": "HTTP status 200-299",
  grpc: "grpc.health.v1 answers SERVING",
  grpcs: "grpc.health.v1 answers SERVING",
  "grpc+unix": "grpc.health.v1 answers SERVING",
  tcp: "a connection can be opened",
  unix: "a connection can be opened",
  udp: "the dialogue is answered",
  ws: "the WebSocket handshake succeeds",
  wss: "the WebSocket handshake succeeds",
  tls: "the handshake succeeds, and the certificate is valid",
  dns: "the name has a record",
  redis: "PING is answered with PONG",
  rediss: "PING is answered with PONG",
  postgres: "the login succeeds, and a query is answered",
  postgresql: "the login succeeds, and a query is answered",
  mysql: "the login succeeds, and a ping is answered",
  amqp: "the login succeeds, and a channel is opened",
  amqps: "the login succeeds, and a channel is opened",
  "flower+http": "Flower reports at least minWorkers workers as online",
  "flower+https": "Flower reports at least minWorkers workers as online",
};

/** The schemes that it has words for: a test compares them with those that exist. */
export const DESCRIBED_SCHEMES: readonly string[] = Object.keys(PASSES_IF);

/** The target as it is shown. The arguments of a program may hold secrets, and are counted. */
export function shownSource(source: CheckSource): string {
  switch (source.kind) {
    case "target":
      return maskedUrl(source.url);
    case "exec": {
      const [program = "", ...args] = source.command;
      return args.length === 0
        ? program
        : `${program} (and ${args.length} ${args.length === 1 ? "argument" : "arguments"})`;
    }
    case "heartbeat":
    case "function":
    case "prober":
      return source.kind;
    default:
      return source satisfies never;
  }
}

/** What must be true for the check to pass, one text for each part. */
export function expectationsOf({ source, options }: CheckDeclaration): readonly string[] {
  const { expect = {}, minWorkers, dialogue } = options;
  const given = leavesOf(expect, "");
  const workers = minWorkers === undefined ? [] : [`minWorkers: ${minWorkers}`];
  const steps = (dialogue ?? []).map(stepText);
  const named = [...given, ...workers, ...steps].filter((text) => text !== "");
  const isReplaced =
    Object.keys(expect).some((key) => REPLACING.has(key)) || (source.kind === "target" && isUdp(source));
  return isReplaced ? named : [...defaultOf(source), ...named];
}

/** Parts of `expect` that replace what the scheme expects. Others add to it. */
const REPLACING: ReadonlySet<string> = new Set(["status", "answers"]);

function isUdp({ url }: { readonly url: string }): boolean {
  return url.toLowerCase().startsWith("udp:");
}

/** What a step of a dialogue expects. What it sends may be a secret, and is not shown. */
function stepText({ startTls, expect }: DialogueStep, index: number): string {
  if (startTls !== undefined) return `dialogue[${index}]: TLS after the ${startTls} command`;
  if (expect === undefined) return "";
  const wanted = typeof expect === "string" ? JSON.stringify(expect) : leavesOf(expect, "").join(", ");
  return `dialogue[${index}]: ${wanted}`;
}

function defaultOf(source: CheckSource): readonly string[] {
  if (source.kind === "exec") return ["exit code 0"];
  if (source.kind === "heartbeat") return [`a report within ${source.ttl}`];
  if (source.kind !== "target") return [];
  const text = PASSES_IF[source.url.slice(0, source.url.indexOf(":")).toLowerCase()];
  return text === undefined ? [] : [text];
}

/** `json.checks.db.ok: true` for each value of a table. A list is one text. */
function leavesOf(value: unknown, path: string): readonly string[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) return [`${path}: ${value.join(", ")}`];
  if (typeof value !== "object" || value === null) return [`${path}: ${String(value)}`];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, path === "" ? key : `${path}.${key}`));
}
