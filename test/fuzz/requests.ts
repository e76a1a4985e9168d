/** Random requests that are valid HTTP/2: most are those of a prober, the others are unusual. */
import { deflateSync, gzipSync } from "node:zlib";
import { frame, request } from "../support/grpc-peer.js";
import type { SeededRandom } from "../support/seeded-random.js";

/** A request, and what it is, for who reads of it. */
export interface Request {
  readonly label: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** `undefined`: the head ends the request. */
  readonly body: Buffer | undefined;
  /** It is a Watch: its stream stays open after the first message. */
  readonly watches: boolean;
}

const HEALTH = "/grpc.health.v1.Health";

/** Names that the servers know, and names that they don't. */
const NAMES = [
  "",
  "up",
  "down",
  "unset",
  "never",
  "é".repeat(100),
  "x".repeat(200),
  "x".repeat(201),
  "Up",
  "up\0",
] as const;

const MALFORMED = ["0a50", "0a5061", "0805", "0001", "0b", "ff", "0afffe", "0a02fffe", "0a03eda080", "0a"] as const;

const TIMEOUTS = [
  "1S",
  "10000m",
  "99999999H",
  "597H",
  "0S",
  "0n",
  "1",
  "5X",
  "-1S",
  "1.5S",
  "abc1S",
  "123456789S",
] as const;

const CONTENT_TYPES = [
  "application/grpc+proto",
  "application/grpc;charset=utf-8",
  "application/json",
  "text/plain",
] as const;

const HTTP_PATHS = [
  "/healthcheck",
  "/healthcheck/up",
  "/healthcheck/down",
  "/healthcheck/never",
  "/nothing",
  "/livez",
] as const;

/** Draws a request. */
export function drawRequest(random: SeededRandom): Request {
  return random.next() < 0.2 ? drawHttp(random) : drawCall(random);
}

function drawHttp(random: SeededRandom): Request {
  const method = random.pick(["GET", "GET", "HEAD", "PUT"]);
  const path = random.pick(HTTP_PATHS);
  return { label: `${method} ${path}`, fields: head(random, method, path, []), body: undefined, watches: false };
}

function drawCall(random: SeededRandom): Request {
  const method = random.pick(["Check", "Check", "Check", "Watch", "List", "Nothing"]);
  const type = random.next() < 0.9 ? "application/grpc" : random.pick(CONTENT_TYPES);
  const timeout = random.next() < 0.15 ? random.pick(TIMEOUTS) : undefined;
  const verb = random.next() < 0.97 ? "POST" : "GET";
  const { label, body, encoding } = drawBody(random);
  const more: [string, string][] = [
    ["content-type", type],
    ["te", "trailers"],
  ];
  if (timeout !== undefined) more.push(["grpc-timeout", timeout]);
  if (encoding !== undefined) more.push(["grpc-encoding", encoding]);
  return {
    label: `${verb} ${method} as ${type}${timeout === undefined ? "" : `, ${timeout}`}: ${label}`,
    fields: head(random, verb, `${HEALTH}/${method}`, more),
    body,
    watches: method === "Watch",
  };
}

function head(random: SeededRandom, method: string, path: string, more: readonly (readonly [string, string])[]) {
  const extra: [string, string][] = [];
  for (let count = Math.floor(random.next() * 4); count > 0; count -= 1)
    extra.push([`x-${random.pick(["a", "trace", "long"])}`, random.pick(["", "b", "v".repeat(500)])]);
  const pseudo: [string, string][] = [
    [":method", method],
    [":scheme", "http"],
    [":path", path],
    [":authority", "fuzz"],
  ];
  return [...pseudo, ...more, ...extra];
}

interface Body {
  readonly label: string;
  readonly body: Buffer | undefined;
  readonly encoding?: string;
}

function drawBody(random: SeededRandom): Body {
  const name = random.pick(NAMES);
  const message = random.next() < 0.85 ? request(name) : Buffer.from(random.pick(MALFORMED), "hex");
  const label = `${JSON.stringify(name.slice(0, 8))} ${message.subarray(0, 12).toString("hex")}`;
  const chance = random.next();
  if (chance < 0.7) return { label, body: frame(message) };
  if (chance < 0.75) return { label: `gzip ${label}`, body: frame(gzipSync(message), 1), encoding: "gzip" };
  if (chance < 0.8) return { label: `deflate ${label}`, body: frame(deflateSync(message), 1), encoding: "deflate" };
  if (chance < 0.83) return { label: "gzip of garbage", body: frame(Buffer.from("garbage"), 1), encoding: "gzip" };
  if (chance < 0.86) return { label: "flag 1 without encoding", body: frame(message, 1) };
  if (chance < 0.89) return { label: "flag 2", body: frame(message, 2) };
  if (chance < 0.92) return { label: "two messages", body: Buffer.concat([frame(message), frame(message)]) };
  if (chance < 0.95) return { label: "half a message", body: frame(request("up")).subarray(0, 7) };
  if (chance < 0.98) return { label: "no message", body: Buffer.alloc(0) };
  return { label: "5,000 bytes", body: frame(Buffer.alloc(5_000)) };
}
