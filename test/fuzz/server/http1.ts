/** Requests as HTTP/1.1 on one connection, and the ways to break them. */
import type { SeededRandom } from "../../support/seeded-random.js";
import type { Call } from "./calls.js";

/** A pipeline of requests; some bodies are chunked. */
export function encodePipeline(random: SeededRandom, calls: readonly Call[]): Buffer {
  return Buffer.concat(calls.map((call) => encodeRequest(random, call)));
}

function encodeRequest(random: SeededRandom, { fields, body }: Call): Buffer {
  const value = (wanted: string) => fields.find(([name]) => name === wanted)?.[1] ?? "";
  const isChunked = body !== undefined && body.length > 0 && random.next() < 0.4;
  const regular = fields.filter(([name]) => !name.startsWith(":") && !(isChunked && name === "content-length"));
  const lines = [
    `${value(":method")} ${value(":path")} HTTP/1.1`,
    "Host: fuzz",
    ...regular.map(([name, text]) => `${name}: ${text}`),
    ...(isChunked ? ["Transfer-Encoding: chunked"] : []),
  ];
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  if (body === undefined) return head;
  return Buffer.concat([head, isChunked ? chunked(random, body) : body]);
}

function chunked(random: SeededRandom, body: Buffer): Buffer {
  const middle = Math.floor(random.next() * (body.length + 1));
  const parts = [body.subarray(0, middle), body.subarray(middle)].filter((part) => part.length > 0);
  const chunks = parts.map((part) => `${part.length.toString(16)}\r\n${part.toString("latin1")}\r\n`);
  return Buffer.from(`${chunks.join("")}0\r\n\r\n`, "latin1");
}

/** The status codes of the answers, without interim ones. */
export function statusesIn(received: Buffer): readonly string[] {
  const codes = [...received.toString("latin1").matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, code]) => `http ${code}`);
  return codes.filter((code) => code !== "http 100");
}

/** Lines that no request should have, or not there. */
const STRAY_LINES = [
  "Content-Length: 5",
  "Content-Length: -1",
  "Content-Length: 99999999999999999999",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: chunked, identity",
  "Expect: 100-continue",
  "Connection: Upgrade, HTTP2-Settings",
  "Upgrade: h2c",
  "Upgrade: websocket",
  "Connection: close",
  "Host: another",
  "Host:",
  ": no name",
  " a folded line",
  "X\u0000Y: z",
  "Authorization: Basic OmZ1eno=",
  "GET / HTTP/1.1",
  "GET http://fuzz/healthcheck HTTP/1.1",
  "PRI * HTTP/2.0",
  "OPTIONS * HTTP/1.1",
  "CONNECT fuzz:80 HTTP/1.1",
  "GET /healthcheck HTTP/1.0",
  "GET /healthcheck",
  "fffffffffffffffff",
  `X-Long: ${"v".repeat(20_000)}`,
  "",
] as const;

/** A pipeline with some lines added, dropped, doubled, moved or ended in another way. */
export function breakLines(random: SeededRandom, bytes: Buffer): Buffer {
  const lines = bytes.toString("latin1").split("\r\n");
  for (let count = 1 + Math.floor(random.next() * 4); count > 0; count -= 1) breakLine(random, lines);
  const ending = random.next() < 0.9 ? "\r\n" : random.pick(["\n", "\r", "\r\n\r\n", "\r\r\n"]);
  return Buffer.from(lines.join(ending), "latin1");
}

function breakLine(random: SeededRandom, lines: string[]): void {
  const at = Math.floor(random.next() * lines.length);
  const line = lines[at] ?? "";
  switch (Math.floor(random.next() * 6)) {
    case 0:
      lines.splice(at, 1);
      break;
    case 1:
      lines.splice(at, 0, line);
      break;
    case 2:
      lines.push(...lines.splice(at, 1 + Math.floor(random.next() * 4)));
      break;
    case 3:
      lines[at] = line.slice(0, Math.floor(random.next() * line.length));
      break;
    case 4:
      lines.push(...lines.slice(0, 100), ...lines.slice(0, 100));
      break;
    default:
      lines.splice(at, 0, random.pick(STRAY_LINES));
  }
}
