/**
 * The handshake of a WebSocket: a GET that asks for an upgrade, and what the answer must have (RFC 6455, section 4.1).
 */
import { createHash } from "node:crypto";
import { type HttpHead, membersOf } from "../client/http-head.js";
import { OptionError } from "../core/option-error.js";
import { requestOf } from "./http-request.js";
import type { ProberOptions } from "./options.js";
import { fail, type ProbeResult } from "./prober.js";

/** What a server appends to the key (section 1.3). */
const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Fields that healthbridge sets. */
const OWN_FIELDS = /^sec-websocket-(?:key|version|extensions|accept)$/i;

export class Handshake {
  /** The request without the fields of the upgrade. */
  readonly #request: string;
  readonly #subprotocols: readonly string[];

  /** @throws HealthError INVALID_OPTION for a header that cannot be sent */
  constructor(target: URL, options: ProberOptions) {
    const { headers = {} } = options;
    const own = Object.keys(headers).find((name) => OWN_FIELDS.test(name));
    if (own !== undefined) throw new OptionError(["headers", own], "is set by healthbridge");
    const [, offered = ""] = Object.entries(headers).find(([name]) => /^sec-websocket-protocol$/i.test(name)) ?? [];
    const path = `${target.pathname}${target.search}`;
    const { fields } = requestOf(target, path, options);
    this.#request = [`GET ${path} HTTP/1.1`, ...[...fields].map(([name, value]) => `${name}: ${value}`)].join("\r\n");
    this.#subprotocols = offered === "" ? [] : offered.split(",").map((name) => name.trim()); // case matters
  }

  /** @param key 16 random bytes as base64, another one for each connection */
  request(key: string): Buffer {
    const fields = [
      "upgrade: websocket",
      "connection: Upgrade",
      "sec-websocket-version: 13",
      `sec-websocket-key: ${key}`,
    ];
    return Buffer.from(`${[this.#request, ...fields].join("\r\n")}\r\n\r\n`, "latin1");
  }

  /** Evaluates the answer; `undefined` when the connection is a WebSocket now. */
  evaluate({ status, headers }: HttpHead, key: string): ProbeResult | undefined {
    if (status !== 101)
      return fail(status >= 300 && status <= 399 ? "redirect" : "status", `HTTP status ${status}, expected 101`);
    const has = (name: string, token: string) =>
      membersOf(headers.get(name) ?? "").some((each) => each.toLowerCase() === token);
    if (!has("upgrade", "websocket") || !has("connection", "upgrade"))
      return fail("protocol", "the target answers 101 without Upgrade: websocket and Connection: Upgrade");
    const accept = createHash("sha1").update(`${key}${ACCEPT_SUFFIX}`).digest("base64");
    if (headers.get("sec-websocket-accept") !== accept)
      return fail("protocol", "the target's Sec-WebSocket-Accept does not match the key of the request");
    if (headers.has("sec-websocket-extensions"))
      return fail("protocol", "the target uses an extension, which was not offered");
    return this.#judgeSubprotocol(headers.get("sec-websocket-protocol"));
  }

  /** Browsers fail too when none of the offered ones is chosen. */
  #judgeSubprotocol(chosen: string | undefined): ProbeResult | undefined {
    const offered = this.#subprotocols;
    if (chosen !== undefined && !offered.includes(chosen))
      return fail("protocol", "the target chooses a subprotocol that was not offered");
    if (chosen !== undefined || offered.length === 0) return undefined;
    return fail("header", `the target chooses none of the subprotocols ${offered.join(", ")}`);
  }
}
