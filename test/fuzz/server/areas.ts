/**
 * The areas that the fuzzer must reach: which listener, which protocol, which requests. A new area is a row.
 */
import { h2frame, TYPE, uint32 } from "../../support/raw-http2.js";
import type { SeededRandom } from "../../support/seeded-random.js";
import { drawConversation } from "../conversation.js";
import { mutate } from "../mutation.js";
import {
  type Call,
  type DrawCall,
  drawConnect,
  drawHealth,
  drawHeartbeat,
  drawNamePage,
  drawNames,
  drawPage,
  drawReflection,
  drawStatusCode,
  drawUnknown,
  withToken,
} from "./calls.js";
import { breakFrames } from "./frames.js";
import { breakLines, encodePipeline } from "./http1.js";
import type { Listener } from "./names.js";

/** A valid conversation. */
export interface ValidConversation {
  readonly protocol: "h2" | "http/1.1";
  /** By the identifiers of their streams; in HTTP/1 by their order. */
  readonly calls: ReadonlyMap<number, Call>;
  readonly bytes: Buffer;
}

/** One thing that the server must stand. */
export interface Area {
  readonly listener: Listener;
  readonly protocol: ValidConversation["protocol"];
  readonly draw: DrawCall;
  /** Comes before everything else: the server refuses it, or reads it if it is valid and the listener is for proxies. */
  readonly prefix?: (random: SeededRandom) => Buffer;
}

const PROXY_V1 = [
  "PROXY TCP4 10.0.0.1 10.0.0.2 1000 80\r\n",
  "PROXY UNKNOWN\r\n",
  "PROXY TCP6 ::1 ::1 1 2\r\n",
] as const;
const PROXY_V2 = "0d0a0d0a000d0a515549540a";

/** A header of the PROXY protocol, version 1 or 2, or a broken one. */
function brokenProxyHeader(random: SeededRandom): Buffer {
  const header = proxyLine(random);
  return random.next() < 0.4 ? mutate(random, header) : header;
}

/** A header of the PROXY protocol, version 1 or 2. */
function proxyLine(random: SeededRandom): Buffer {
  if (random.next() < 0.5) return Buffer.from(random.pick(PROXY_V1));
  const addresses = Buffer.from("7f0000017f00000103e80050", "hex");
  const head = random.pick(["2111000c", "2011000c", "21110fff"]);
  return Buffer.concat([Buffer.from(PROXY_V2 + head, "hex"), addresses]);
}

/** Every area by its name. */
export const AREAS = {
  "Check, Watch, List": { listener: "clear", protocol: "h2", draw: drawHealth },
  reflection: { listener: "clear", protocol: "h2", draw: drawReflection },
  "status codes": { listener: "clear", protocol: "h2", draw: drawStatusCode },
  "unknown methods": { listener: "clear", protocol: "h2", draw: drawUnknown },
  "pages over HTTP/2": { listener: "clear", protocol: "h2", draw: drawPage },
  "JSON over HTTP/2": { listener: "clear", protocol: "h2", draw: drawConnect },
  "heartbeats over HTTP/2": { listener: "clear", protocol: "h2", draw: drawHeartbeat },
  "pages over HTTP/1": { listener: "clear", protocol: "http/1.1", draw: drawPage },
  "JSON over HTTP/1": { listener: "clear", protocol: "http/1.1", draw: drawConnect },
  "heartbeats over HTTP/1": { listener: "clear", protocol: "http/1.1", draw: drawHeartbeat },
  "TLS, HTTP/2": { listener: "tls", protocol: "h2", draw: drawHealth },
  "TLS, reflection": { listener: "tls", protocol: "h2", draw: drawReflection },
  "TLS, HTTP/1": { listener: "tls", protocol: "http/1.1", draw: drawPage },
  "10,000 names over HTTP/2": { listener: "large", protocol: "h2", draw: drawNames },
  "10,000 names over HTTP/1": { listener: "large", protocol: "http/1.1", draw: drawNamePage },
  "token over HTTP/2": { listener: "token", protocol: "h2", draw: withToken(drawNames) },
  "token over HTTP/1": { listener: "token", protocol: "http/1.1", draw: withToken(drawNamePage) },
  middleware: { listener: "middleware", protocol: "http/1.1", draw: drawPage },
  addToServer: { listener: "added", protocol: "h2", draw: drawHealth },
  "PROXY before HTTP/2": { listener: "clear", protocol: "h2", draw: drawHealth, prefix: proxyLine },
  "PROXY before HTTP/1": { listener: "clear", protocol: "http/1.1", draw: drawPage, prefix: proxyLine },
  "a proxy, HTTP/2": { listener: "proxied", protocol: "h2", draw: drawHealth, prefix: brokenProxyHeader },
  "a proxy, HTTP/1": { listener: "proxied", protocol: "http/1.1", draw: drawPage, prefix: brokenProxyHeader },
} as const satisfies Readonly<Record<string, Area>>;

/** The client can read large answers: windows of 1 GB. */
const WIDE = Buffer.concat([
  h2frame(TYPE.SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(0x3fff_ffff)])),
  h2frame(TYPE.WINDOW_UPDATE, 0, 0, uint32(0x3fff_ffff)),
]);

/** Draws a valid conversation. */
export function drawValid(
  random: SeededRandom,
  { protocol, draw }: Pick<Area, "protocol" | "draw">,
): ValidConversation {
  const calls: Call[] = [];
  const drawn: DrawCall = (source) => {
    const call = draw(source);
    calls.push(call);
    return call;
  };
  if (protocol === "http/1.1") {
    for (let count = 1 + Math.floor(random.next() * 6); count > 0; count -= 1) drawn(random);
    return { protocol, calls: new Map(calls.entries()), bytes: encodePipeline(random, calls) };
  }
  const { bytes } = drawConversation(random, { draw: drawn, opening: WIDE });
  return { protocol, calls: new Map(calls.map((call, index) => [2 * index + 1, call])), bytes };
}

/** What can be asked over HTTP/2 of every listener. */
const ANY: readonly [DrawCall, ...DrawCall[]] = [
  ...([drawHealth, drawReflection, drawReflection, drawStatusCode, drawUnknown, drawUnknown] as const),
  ...([drawPage, drawConnect, drawHeartbeat] as const),
];

/** Draws a conversation of an area, mixed with requests of other areas, and breaks it. */
export function drawBroken(random: SeededRandom, area: Area): Buffer {
  const mixed: DrawCall = (source) => (source.next() < 0.5 ? area.draw : source.pick(ANY))(source);
  const { bytes } = drawValid(random, { ...area, draw: area.protocol === "h2" ? mixed : area.draw });
  const prefix = area.prefix?.(random) ?? Buffer.alloc(0);
  const chance = random.next();
  if (chance < 0.1) return Buffer.concat([prefix, mutate(random, bytes)]);
  const broken = area.protocol === "h2" ? breakFrames(random, bytes) : breakLines(random, bytes);
  return Buffer.concat([prefix, chance < 0.25 ? mutate(random, broken) : broken]);
}
