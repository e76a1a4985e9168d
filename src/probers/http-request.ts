/** The request of an HTTP prober: the same for each probe, made once. */
import type { HttpClientRequest } from "../client/http-client.js";
import { OptionError } from "../core/option-error.js";
import type { ProberOptions } from "./options.js";
import { authorityOf, type Credentials, credentialsOf } from "./target.js";

/** A token: a valid name of a header or of a method (RFC 9110, section 5.6.2). */
export const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
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
 * The request of `path` at the host of `target`, with the user name and password of `target`.
 * @throws HealthError INVALID_TARGET for credentials with an invalid percent-encoding, INVALID_OPTION for an option
 */
export function requestOf(target: URL, path: string, options: ProberOptions): HttpClientRequest {
  const { headers = {}, reuse = true } = options;
  const { method, body } = methodOf(options);
  const fields = new Map([
    // of a Unix socket, the target's host is its path: clients of Docker send `localhost` too
    ["host", target.protocol === "http+unix:" ? "localhost" : authorityOf(target)],
    ["accept", "*/*"],
    ["accept-encoding", "identity"],
    ["user-agent", "healthbridge"],
  ]);
  const basic = basicOf(credentialsOf(target, options));
  if (basic !== undefined) fields.set("authorization", basic);
  if (body !== undefined) fields.set("content-type", "text/plain; charset=utf-8");
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    // the value may be a secret, so it is not shown
    const fault = fieldFault(key, value) ?? (key === "authorization" && basic !== undefined ? BESIDE_LOGIN : undefined);
    if (fault !== undefined) throw new OptionError(["headers", name], fault);
    fields.set(key, value);
  }
  if (!reuse) fields.set("connection", "close");
  const bytes = Buffer.from(body ?? "");
  if (body !== undefined || NEEDS_LENGTH.has(method)) fields.set("content-length", String(bytes.length));
  return { method, path, fields, body: bytes };
}

const BESIDE_LOGIN = "must not stand beside a user name or password, which are sent as authorization";

/** Why a header cannot be sent. The value may be a secret, so it is not shown. */
function fieldFault(name: string, value: unknown): string | undefined {
  if (!TOKEN.test(name)) return "is not a valid name of a header";
  if (FRAMING.has(name)) return "is set by healthbridge";
  if (typeof value !== "string") return "must be text";
  return FIELD_VALUE.test(value) ? undefined : "must have no line breaks, no control characters, and only Latin-1";
}

/** Methods that a server expects a body of (RFC 9110, section 8.6). */
const NEEDS_LENGTH: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

/** Methods are case-sensitive; these are accepted in lower case, as `fetch` does. */
const USUAL_METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "TRACE",
]);

/** A body alone means POST, as curl has it. */
function methodOf({ method: given, body }: ProberOptions): { readonly method: string; readonly body?: string } {
  const text = given ?? (body === undefined ? "GET" : "POST");
  if (typeof text !== "string" || !TOKEN.test(text))
    throw new OptionError(["method"], `must be a method of HTTP, such as HEAD; got ${JSON.stringify(text)}`);
  const upper = text.toUpperCase();
  const method = USUAL_METHODS.has(upper) ? upper : text;
  if (upper === "CONNECT") throw new OptionError(["method"], "must not be CONNECT, which opens a tunnel");
  if (body === undefined) return { method };
  if (typeof body !== "string") throw new OptionError(["body"], "must be text");
  if (method === "HEAD" || method === "TRACE")
    throw new OptionError(["body"], `cannot be sent with the method ${method}`);
  return { method, body };
}

/** Basic authentication (RFC 7617, section 2): the first colon ends the user name. */
function basicOf({ user, password }: Credentials): string | undefined {
  if (user === undefined && password === undefined) return undefined;
  if (user?.includes(":"))
    throw new OptionError(["user"], "must not have a colon: Basic authentication cannot carry it");
  return `Basic ${Buffer.from(`${user ?? ""}:${password ?? ""}`).toString("base64")}`;
}
