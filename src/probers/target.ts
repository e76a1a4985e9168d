/**
 * Targets are URLs. The rules of every scheme are checked here, when a check is declared and not at its first probe.
 */
import { HealthError } from "../core/health-error.js";

/**
 * Reads a target.
 * @throws HealthError INVALID_TARGET
 */
export function parseTarget(text: string): URL {
  const target = URL.canParse(text) ? new URL(text) : undefined;
  if (target === undefined) throw invalidTarget(text, "expected a URL such as http://host:port/path");
  return target;
}

/** The host to connect to: an IPv6 address without its brackets. */
export function hostOf(target: URL): string {
  return target.hostname.replace(/^\[(.*)\]$/, "$1");
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
  let path: string;
  try {
    path = decodeURIComponent(isHost ? target.hostname : target.pathname);
  } catch {
    throw invalid("the path of the socket has an invalid percent-encoding");
  }
  if (!path.startsWith("/") || path.length < 2 || path.includes("\0"))
    throw invalid("the path of the socket must be absolute");
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES)
    throw invalid(`the path of a Unix socket has at most ${MAX_SOCKET_PATH_BYTES} bytes`);
  return path;
}

/** The user name and password of a target, decoded. */
export function credentialsOf({ username, password }: URL): { readonly user?: string; readonly password?: string } {
  return {
    ...(username === "" ? {} : { user: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
  };
}

/** An error about a target. Everything up to the last `@` may be a user name and password, so it is not shown. */
export function invalidTarget(text: string, expected: string, options?: ErrorOptions): HealthError {
  const shown = text.replace(/^([a-z][a-z0-9+.-]*:\/*)?.*@/is, "$1***@");
  return new HealthError("INVALID_TARGET", `target ${JSON.stringify(shown)}: ${expected}`, options);
}
