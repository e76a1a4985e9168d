/**
 * Binds a server to an address.
 */
import { lstatSync, unlinkSync } from "node:fs";
import { connect, type Server } from "node:net";
import { HealthError } from "../core/health-error.js";
import { type BoundAddress, formatAddress, type ListenAddress } from "../core/listen-address.js";

/** Connections that the kernel may hold for us while we are busy. */
const BACKLOG = 4096;

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "something else listens there already",
  EACCES:
    "no permission: ports below 1024 need a privilege, a unix socket a directory that exists and can be written to",
  EADDRNOTAVAIL: "this machine does not have that address",
  ENOTFOUND: "that host name is not known",
};

/**
 * Starts listening.
 * @throws HealthError LISTEN_FAILED, naming the address
 */
export async function bind(server: Server, address: ListenAddress): Promise<BoundAddress> {
  try {
    return await listen(server, address);
  } catch (cause) {
    if ("path" in address && codeOf(cause) === "EADDRINUSE" && (await removeAbandoned(address.path))) {
      return bind(server, address);
    }
    const code = codeOf(cause);
    const message = `cannot listen on ${formatAddress(address)}: ${REASONS[code] ?? "the system refused"} (${code})`;
    throw new HealthError("LISTEN_FAILED", message, { cause });
  }
}

function listen(server: Server, address: ListenAddress): Promise<BoundAddress> {
  return new Promise((resolve, reject) => {
    const where =
      "path" in address
        ? { path: address.path }
        : { port: address.port, ...(address.host === undefined ? {} : { host: address.host }) };
    const onError = (error: Error) => reject(error);
    server.once("error", onError);
    server.listen({ ...where, backlog: BACKLOG }, () => {
      server.off("error", onError);
      resolve(boundAddress(server));
    });
  });
}

function boundAddress(server: Server): BoundAddress {
  const bound = server.address();
  if (bound === null) throw new Error("a server that listens has no address");
  return typeof bound === "string" ? { path: bound } : { host: bound.address, port: bound.port };
}

/**
 * Removes a unix socket's file that a process left behind when it died, and says whether it has. Nothing but a socket is
 * ever removed: a connection to a plain file is refused just like one to a socket that nobody listens on.
 */
async function removeAbandoned(path: string): Promise<boolean> {
  try {
    if (!lstatSync(path).isSocket() || !(await isRefused(path))) return false;
    unlinkSync(path);
    return true;
  } catch {
    return false; // not ours to remove: the caller tells that the address is taken
  }
}

function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const visitor = connect({ path });
    visitor.once("connect", () => {
      visitor.destroy();
      resolve(false);
    });
    visitor.once("error", (error) => resolve(codeOf(error) === "ECONNREFUSED"));
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
