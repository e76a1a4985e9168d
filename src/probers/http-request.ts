/** The request of an HTTP prober: the same bytes for each probe, made once. */
import { HealthError } from "../core/health-error.js";
import type { ProberOptions } from "./options.js";
import { authorityOf, type Credentials, credentialsOf } from "./target.js";

/** A valid name of a header (RFC 9110, section 5.6.2). */
export const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Fields that frame a request: a wrong one could turn it into two requests. */
const FRAMING: ReadonlySet<string> = new Set([
  "content-length",
  "transfer-encoding",
  "connection",
  "upgrade",
  "te",
  "trailer",
]);

/**
 * The bytes of a GET of `path` at the host of `target`, with the user name and password of `target`.
 * @throws HealthError INVALID_TARGET for credentials with an invalid percent-encoding, INVALID_OPTION for a header
 */
export function requestOf(target: URL, path: string, options: ProberOptions): Buffer {
  const { headers = {}, reuse = true } = options;
  const fields = new Map([
    // of a Unix socket, the target's host is its path: clients of Docker send `localhost` too
    ["host", target.protocol === "http+unix:" ? "localhost" : authorityOf(target)],
    ["accept", "*/*"],
    ["user-agent", "healthbridge"],
  ]);
  const basic = basicOf(credentialsOf(target, options));
  if (basic !== undefined) fields.set("authorization", basic);
  if (!reuse) fields.set("connection", "close");
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    // the value may be a secret, so it is not shown
    if (!FIELD_NAME.test(name) || !FIELD_VALUE.test(value) || FRAMING.has(key))
      throw new HealthError("INVALID_OPTION", `headers: ${JSON.stringify(name)} cannot be sent with this value`);
    if (key === "authorization" && basic !== undefined)
      throw new HealthError("INVALID_OPTION", "headers: authorization is given beside a user name or password");
    fields.set(key, value);
  }
  const lines = [...fields].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines}\r\n`, "latin1");
}

/** Basic authentication (RFC 7617, section 2): the first colon ends the user name. */
function basicOf({ user, password }: Credentials): string | undefined {
  if (user === undefined && password === undefined) return undefined;
  if (user?.includes(":")) throw new HealthError("INVALID_OPTION", "a user name with a colon cannot be sent as Basic");
  return `Basic ${Buffer.from(`${user ?? ""}:${password ?? ""}`).toString("base64")}`;
}
