/**
 * Binds a server to an address.
 *
 *     resolveAddress: host name --> numeric address (may take seconds)      bind: numeric address --> listening
 *
 * The two steps are separate, so that a listener resolves all of its addresses before it binds the first one.
 */
import { lookup } from "node:dns/promises";
import { fstatSync, lstatSync, readFileSync, unlinkSync } from "node:fs";
import { connect, isIP, type Server } from "node:net";
import { HealthError } from "../core/health-error.js";
import { type BoundAddress, formatAddress, type ListenAddress } from "../core/listen-address.js";

/** An address that can be bound without a name lookup. */
export interface ResolvedAddress {
  /** The address as it was written, for error messages. */
  readonly text: string;
  readonly options:
    | { readonly path: string }
    | { readonly fd: number }
    | { readonly port: number; readonly host?: string };
}

/** Length of the kernel's queue of connections that this process has not accepted yet. */
const BACKLOG = 4096;

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the address is already in use",
  EACCES: "permission denied: a port below 1024 needs a privilege",
  EADDRNOTAVAIL: "this machine does not have that address",
  ENOTFOUND: "the host name was not found",
};

/** The system reports a directory that does not exist in the same way as one without write permission. */
const UNIX_REASONS: Readonly<Record<string, string>> = {
  ...REASONS,
  EACCES: "its directory does not exist or cannot be written to",
};

const NOT_LISTENING =
  "it is not a listening socket; systemd passes fd://3, fd://4 and so on, one for each line of the socket unit";

const DESCRIPTOR_REASONS: Readonly<Record<string, string>> = {
  EINVAL: NOT_LISTENING,
  ENOTSOCK: NOT_LISTENING,
};

/**
 * Looks up the host name of an address, if it has one.
 * @throws HealthError LISTEN_FAILED, naming the address
 */
export async function resolveAddress(address: ListenAddress): Promise<ResolvedAddress> {
  const text = formatAddress(address);
  if ("path" in address) return { text, options: { path: address.path } };
  if ("fd" in address) return { text, options: { fd: address.fd } };
  const { host, port } = address;
  if (host === undefined) return { text, options: { port } };
  if (isIP(host) !== 0) return { text, options: { port, host } };
  try {
    return { text, options: { port, host: (await lookup(host)).address } };
  } catch (cause) {
    throw listenFailed(text, cause, REASONS);
  }
}

/**
 * Starts listening. Without a cluster, a TCP address is bound before this function returns its promise.
 * @throws HealthError LISTEN_FAILED, naming the address
 */
export async function bind(server: Server, address: ResolvedAddress): Promise<BoundAddress> {
  const { text, options } = address;
  try {
    return await listen(server, options);
  } catch (cause) {
    if ("path" in options && codeOf(cause) === "EADDRINUSE" && (await removeAbandoned(options.path))) {
      return bind(server, address);
    }
    throw listenFailed(text, cause, reasonsFor(options));
  }
}

function reasonsFor(options: ResolvedAddress["options"]): Readonly<Record<string, string>> {
  if ("fd" in options) return DESCRIPTOR_REASONS;
  return "path" in options ? UNIX_REASONS : REASONS;
}

function listen(server: Server, options: ResolvedAddress["options"]): Promise<BoundAddress> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...options, backlog: BACKLOG }, () => {
      server.off("error", reject);
      resolve(boundAddress(server, options));
    });
  });
}

function boundAddress(server: Server, options: ResolvedAddress["options"]): BoundAddress {
  const bound = server.address();
  // Node does not know the path of a unix socket that another process has bound
  if (bound === null && "fd" in options) return { path: pathOfSocket(options.fd) };
  if (bound === null) throw new Error("a listening server has no address");
  return typeof bound === "string" ? { path: bound } : { host: bound.address, port: bound.port };
}

/** The path of a unix socket: the kernel lists it by the inode of the socket. */
function pathOfSocket(fd: number): string {
  const { ino } = fstatSync(fd);
  const line = new RegExp(`^(?:\\S+ ){6} *${ino} (?<path>.+)$`, "m");
  return line.exec(readFileSync("/proc/self/net/unix", "utf8"))?.groups?.path ?? `/proc/self/fd/${fd}`;
}

function listenFailed(text: string, cause: unknown, reasons: Readonly<Record<string, string>>): HealthError {
  const code = codeOf(cause);
  const reason = reasons[code] ?? "the operating system refused the address";
  return new HealthError("LISTEN_FAILED", `cannot listen on ${text}: ${reason} (${code})`, { cause });
}

/**
 * Removes the file of a unix socket whose process is dead; returns whether it did. Any other kind of file stays: a
 * connection to it is refused in the same way.
 */
async function removeAbandoned(path: string): Promise<boolean> {
  try {
    if (!lstatSync(path).isSocket() || !(await isRefused(path))) return false;
    unlinkSync(path);
    return true;
  } catch {
    return false; // the file cannot be removed: the caller reports that the address is in use
  }
}

function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const client = connect({ path });
    client.once("connect", () => {
      client.destroy();
      resolve(false);
    });
    client.once("error", (error) => resolve(codeOf(error) === "ECONNREFUSED"));
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
