/**
 * `http://` and `https://`: passes when the target answers as it is expected to, which is with 200 to 299 if nothing else
 * is said.
 *
 * A redirect is a failure and is not followed: whoever controls a target could point us at anything (Consul's
 * CVE-2022-29153). A body is read for 64 KiB; if there is more, it is judged by that, and the connection is closed.
 */
import { HttpClient } from "../client/http-client.js";
import { HealthError } from "../core/health-error.js";
import { resultOfBreak } from "./broken.js";
import { withCertificate } from "./certificate.js";
import { compileExpectation } from "./expectation.js";
import type { ProberOptions, ProbingMeans } from "./options.js";
import type { Prober } from "./prober.js";
import { hostOf } from "./target.js";

/** A prober of a web address. It keeps one connection, unless `reuse` is false. */
export function openHttp(target: URL, { clock, resolver }: ProbingMeans, options: ProberOptions): Prober {
  const judge = compileExpectation(options.expect);
  const secure = target.protocol === "https:";
  const client = new HttpClient({
    host: hostOf(target),
    port: Number(target.port) || (secure ? 443 : 80),
    tls: secure ? (options.tls ?? {}) : undefined,
    resolver,
    request: requestOf(target, options),
    reuse: options.reuse ?? true,
  });
  return {
    async probe(context) {
      try {
        const result = judge(await client.ask(context));
        if (!secure) return result;
        return withCertificate(result, client.certificateEndsAt, clock.wallTime(), options.tls?.warnBeforeMs);
      } catch (error) {
        return resultOfBreak(error);
      }
    },
    close: () => client.close(),
  };
}

const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Fields that say how a request is framed: one that is made up could make two of it. */
const FRAMING = new Set(["content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"]);

/** The whole request, ready to be sent again and again. */
function requestOf(target: URL, { headers = {}, reuse = true }: ProberOptions): Buffer {
  const fields = new Map([
    ["host", target.host],
    ["accept", "*/*"],
    ["user-agent", "healthbridge"],
  ]);
  if (target.username !== "" || target.password !== "") fields.set("authorization", basicOf(target));
  if (!reuse) fields.set("connection", "close");
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    if (!FIELD_NAME.test(name) || !FIELD_VALUE.test(value) || FRAMING.has(key))
      throw new HealthError("INVALID_OPTION", `headers: ${JSON.stringify(name)} can't be sent with this value`);
    fields.set(key, value);
  }
  const lines = [...fields].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`GET ${target.pathname}${target.search} HTTP/1.1\r\n${lines}\r\n`, "latin1");
}

function basicOf({ username, password }: URL): string {
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}
