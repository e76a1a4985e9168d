/**
 * Targets are URLs. The rules of every scheme are checked here, when a check is declared and not at its first probe.
 *
 *     postgres://app:p%40ss@db:5432/orders   user info: percent-encoded in the URL, or plain text as `user` and `password`
 *                ^^^^^^^^^^
 *                never part of an error, also when the URL cannot be parsed
 */
import { HealthError } from "../core/health-error.js";
import { OptionError } from "../core/option-error.js";
import type { ProberOptions } from "./options.js";

/** A zone of a link-local address: `[fe80::1%eth0]`, or `[fe80::1%25eth0]` as RFC 6874 has it. */
const ZONE = /^([a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?\[[0-9a-f:.]+)%(?:25)?([\w.~-]+)(?=\])/i;

/** A URL with the zone of its address, for which URLs have no place. */
class TargetUrl extends URL {
  zone: string | undefined;
}

/**
 * Reads a target. Its host is in ASCII (RFC 5891) and an IPv4 address in its usual form, for every scheme: the URL parser
 * does that for http and https only.
 * @throws HealthError INVALID_TARGET
 */
export function parseTarget(text: string): URL {
  const plain = text.replace(ZONE, "$1");
  // the parser drops line breaks, and takes a backslash for a slash
  if (hasControlCharacters(plain.trim()))
    throw invalidTarget(text, "a URL must have no line breaks and control characters");
  if (/^[^?#]*\\/.test(plain)) throw invalidTarget(text, "a URL must have / and no backslash; in a password write %5C");
  const target = URL.canParse(plain) ? new TargetUrl(plain) : undefined;
  if (target === undefined) throw invalidTarget(text, syntaxFault(text));
  target.zone = ZONE.exec(text)?.[2];
  const isName = target.hostname !== "" && !target.hostname.startsWith("[") && !target.protocol.endsWith("unix:");
  if (isName) target.hostname = asciiHost(target, text);
  return target;
}

function hasControlCharacters(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is searched for
  return /[\u0000-\u001f\u007f]/.test(text);
}

const MAX_PORT = 65_535;

/** Why a URL cannot be parsed. Nothing of the URL is shown: with a login, a part of its password may be anywhere. */
function syntaxFault(text: string): string {
  const usual = "expected a URL such as http://host:port/path";
  if (text.includes("@")) return `${usual}${loginHint(text)}`;
  const authority = /^\s*[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(text)?.[1]?.trim();
  if (authority === undefined) return usual;
  const [, host = "", port] = /^(\[[^\]]*\]|[^:]*)(?::([^:]*))?$/.exec(authority) ?? [];
  if (authority === "" || (host === "" && port !== undefined)) return `a host is missing; ${usual}`;
  if (authority.startsWith("[") !== host.startsWith("[") || (host === "" && /^[\da-f:.%]+$/i.test(authority)))
    return "an IPv6 address must be in brackets: http://[::1]:8080/path";
  if (host === "" || (port !== undefined && !/^\d*$/.test(port))) return `a port is a number; ${usual}`;
  if (Number(port ?? 0) > MAX_PORT) return `a port is a number from 1 to ${MAX_PORT}`;
  return `its host is not a valid name or address; ${usual}`;
}

/** A reserved character in a password is the usual reason why a URL with a login cannot be parsed. */
export function loginHint(text: string): string {
  if (!text.includes("@")) return "";
  return "; in its password write # as %23, / as %2F, ? as %3F, @ as %40 and % as %25, or use the option password";
}

function asciiHost(target: URL, text: string): string {
  const host = decodePart(target, target.hostname, "host");
  const like = `http://${host}/`;
  // a decoded character must not end the host
  if (!/[/\\?#@:\s]/.test(host) && URL.canParse(like)) return new URL(like).hostname;
  if (host === target.hostname) return host;
  throw invalidTarget(text, `${JSON.stringify(host)} is not a valid name of a host`);
}

/** The host to connect to: an IPv6 address without its brackets, and with its zone. A dot at the end of a name is kept. */
export function hostOf(target: URL): string {
  const zone = target instanceof TargetUrl ? target.zone : undefined;
  return `${target.hostname.replace(/^\[(.*)\]$/, "$1")}${zone === undefined ? "" : `%${zone}`}`;
}

/** Host and port as a request names them: without the dot that makes a name absolute in DNS, and without a zone. */
export function authorityOf({ hostname, port }: URL): string {
  return `${hostname.replace(/\.$/, "")}${port === "" ? "" : `:${port}`}`;
}

/** A longer path does not fit into the address of a Unix socket (unix(7)). */
const MAX_SOCKET_PATH_BYTES = 107;

/**
 * The path of a Unix socket: of `unix:///run/x.sock` as it is, of `http+unix://%2Frun%2Fx.sock/path` percent-encoded in the
 * place of the host, as Docker's clients write it.
 * @throws HealthError INVALID_TARGET
 */
export function socketPathOf(target: URL, example: string): string {
  const isHost = target.protocol !== "unix:";
  const invalid = (text: string) => invalidTarget(target.href, `${text}; expected ${example}`);
  if (isHost ? target.hostname === "" : target.host !== "")
    throw invalid(`the path of the socket must be ${isHost ? "percent-encoded in the place of the host" : "the path"}`);
  if (target.port !== "") throw invalid("a Unix socket has no port");
  const path = decodePart(target, isHost ? target.hostname : target.pathname, "path of the socket");
  if (!path.startsWith("/") || path.length < 2) throw invalid("the path of the socket must be absolute");
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES)
    throw invalid(`the path of a Unix socket has at most ${MAX_SOCKET_PATH_BYTES} bytes`);
  return path;
}

/** A user name and a password, decoded. */
export interface Credentials {
  readonly user?: string;
  readonly password?: string;
}

/** Encodes an id or a secret for Basic authentication at an authorization server (RFC 6749, section 2.3.1). */
export function formEncoded(text: string): string {
  return new URLSearchParams([["", text]]).toString().slice(1);
}

const CREDENTIALS = [
  { option: "user", part: "username", noun: "user name" },
  { option: "password", part: "password", noun: "password" },
] as const;

/**
 * The user name and password of a target: from its URL, or from the options `user` and `password`.
 * @throws HealthError INVALID_TARGET for an invalid percent-encoding, INVALID_OPTION for an option that is no text, or
 *   that the URL has too
 */
export function credentialsOf(target: URL, options: Pick<ProberOptions, "user" | "password"> = {}): Credentials {
  const credentials: { user?: string; password?: string } = {};
  for (const { option, part, noun } of CREDENTIALS) {
    const given: unknown = options[option];
    const inUrl = decodePart(target, target[part], noun);
    // the values are secrets, so they are not shown
    if (given !== undefined && (typeof given !== "string" || given === ""))
      throw new OptionError([option], "must be text that is not empty");
    if (given !== undefined && inUrl !== "")
      throw new OptionError([option], `must not stand beside a target with a ${noun} in its URL; remove one of them`);
    if (given?.includes("\0")) throw new OptionError([option], "must not contain a NUL character");
    const value = given ?? inUrl;
    if (value !== "") credentials[option] = value;
  }
  return credentials;
}

/**
 * A part of a target's URL, decoded. `noun` names the part in the error.
 * @throws HealthError INVALID_TARGET
 */
export function decodePart(target: URL, part: string, noun: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(part);
  } catch {
    // the cause would only say "URI malformed"
    const expected = `the ${noun} has an invalid percent-encoding; a percent sign is written %25`;
    throw invalidTarget(target.href, expected);
  }
  if (decoded.includes("\0")) throw invalidTarget(target.href, `the ${noun} must not contain a NUL character`);
  return decoded;
}

/**
 * What the path of a target names on a server with a login, decoded; `""` for nothing.
 * @throws HealthError INVALID_TARGET
 */
export function pathNameOf(target: URL, noun: string): string {
  // a slash in a password has ended the user info early: the rest of it is in the path
  if (target.pathname.includes("@"))
    throw invalidTarget(target.href, `in a password, / is written %2F and @ is written %40; in a ${noun}, @ is %40`);
  return decodePart(target, target.pathname.slice(1), noun);
}

/** A longer target is shown without its end. */
const MAX_SHOWN_CHARACTERS = 300;

function shortened(text: string): string {
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}...` : text;
}

/** An error about a target. Its user info is not shown. */
export function invalidTarget(text: string, expected: string, options?: ErrorOptions): HealthError {
  return new HealthError(
    "INVALID_TARGET",
    `target ${JSON.stringify(shortened(withoutUserInfo(text)))}: ${expected}`,
    options,
  );
}

/**
 * The text of a target without its user info. A password with a reserved character ends the user info early: the rest of
 * it would be read as a port, a path or a query. So everything up to the last `@` counts, and so does a port that is no
 * number.
 */
export function withoutUserInfo(text: string): string {
  return text
    .replace(/^(\s*[a-z][a-z0-9+.-]*:[/\\]{2})?.*@/is, "$1***@")
    .replace(/^([^@]*?:[/\\]{2}[^@:/?#[\]\\]*:)(?!\d*(?:[/?#\\]|$))[\s\S]*$/, "$1***");
}
