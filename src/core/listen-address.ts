/**
 * Addresses to listen on, in text.
 *
 *     :50051            every interface, IPv6 and IPv4
 *     127.0.0.1:8080    one interface; a host name is allowed
 *     [::1]:8080
 *     unix:/run/health.sock
 *     fd://3            a listening socket that this process got at its start, as systemd's socket activation passes it
 *     plain://:8080     clear text, even where a certificate is configured
 *     open://:8086      clear text, and only the status of the server as a whole: see `registry/open-set`
 *
 * With port 0, the system chooses a free port.
 */
import { HealthError } from "./health-error.js";
import { formatHostPort } from "./host-port.js";

/**
 * What an address offers. `default`: everything, with TLS where a certificate is configured. `plain`: everything in clear text, for
 * clients without TLS. `open`: the open set alone in clear text, for clients that have no certificate of their own.
 */
export type Access = "default" | "plain" | "open";

export type ListenAddress = TcpAddress | UnixAddress | DescriptorAddress;

/** A TCP port; without a host, on every interface. */
export interface TcpAddress {
  readonly host: string | undefined;
  readonly port: number;
  readonly access: Access;
}

/** The file of a unix socket. */
export interface UnixAddress {
  readonly path: string;
  readonly access: Access;
}

/** The number of a file descriptor that is a listening socket already. */
export interface DescriptorAddress {
  readonly fd: number;
  readonly access: Access;
}

/** A bound address, with the port that the system chose for port 0. */
export type BoundAddress = { readonly host: string; readonly port: number } | { readonly path: string };

const SCHEME = /^(?<scheme>plain|open):\/\//;
/** 0 to 2 are standard input, output and error. Linux allows at most 2^20 descriptors by default. */
const DESCRIPTOR = /^fd:\/\/(?<fd>[3-9]|[1-9]\d{1,5})$/;
/** A link-local address has a zone: the name of an interface, which has no slash and no blank (dev_valid_name in Linux). */
const HOST_AND_PORT = /^(?:\[(?<ipv6>[\da-fA-F:.]+(?:%[^\]%/\s\0]+)?)\]|(?<host>[^:[\]/\s\0]*)):(?<port>\d{1,5})$/;

/** Maximum path length of a unix socket in the kernel, in bytes. */
const MAX_UNIX_PATH_BYTES = 107;

/**
 * Parses an address.
 * @throws HealthError INVALID_ADDRESS
 */
export function parseListenAddress(text: string): ListenAddress {
  const access = accessOf(text);
  const rest = text.replace(SCHEME, "");
  if (rest.startsWith("unix:")) return parseUnix(text, rest, access);
  if (rest.startsWith("fd:")) return parseDescriptor(text, rest, access);
  const { ipv6, host, port } = HOST_AND_PORT.exec(rest)?.groups ?? {};
  if (port === undefined) throw invalidAddress(text, "expected :PORT, HOST:PORT, [IPV6]:PORT, unix:/PATH or fd://N");
  if (Number(port) > 65_535) throw invalidAddress(text, "a port is a number from 0 to 65535");
  return { host: ipv6 ?? (host === "" ? undefined : host), port: Number(port), access };
}

function accessOf(text: string): Access {
  const scheme = SCHEME.exec(text)?.groups?.scheme;
  return scheme === "plain" || scheme === "open" ? scheme : "default";
}

export function formatAddress(address: ListenAddress | BoundAddress): string {
  if ("path" in address) return `unix:${address.path}`;
  if ("fd" in address) return `fd://${address.fd}`;
  const { host, port } = address;
  if (host === undefined) return `:${port}`;
  return formatHostPort(host, port);
}

/**
 * Why a listener thread cannot use an address. A thread that has ended is started again, and its descriptors are closed then.
 */
export function faultInThread(address: ListenAddress): string | undefined {
  return "fd" in address
    ? `${formatAddress(address)} cannot be used by a listener thread: expected an address that can be bound again`
    : undefined;
}

/** A private socket is bound in a new folder beside its path: see `listener/private-socket`. */
const NEW_FOLDER_BYTES = "/.hb-XXXXXX/s".length;

/** Why a path cannot be that of a private unix socket, as text that follows the name of the option. */
export function privatePathFault(path: string): string | undefined {
  const { folder = "", name = "" } = /^(?<folder>.*\/)?(?<name>[^/]*)$/s.exec(path)?.groups ?? {};
  if (name === "" || path.includes("\0")) return "must be the path of a socket, such as /run/healthbridge.sock";
  const max = MAX_UNIX_PATH_BYTES - NEW_FOLDER_BYTES;
  const isLong = Buffer.byteLength(folder) - 1 > max || Buffer.byteLength(path) > MAX_UNIX_PATH_BYTES;
  return isLong
    ? `is too long: its folder has at most ${max} bytes, and the whole path ${MAX_UNIX_PATH_BYTES}`
    : undefined;
}

function parseUnix(text: string, rest: string, access: Access): UnixAddress {
  const path = rest.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
  if (path === "" || path.includes("\0")) throw invalidAddress(text, "expected unix:/PATH");
  if (Buffer.byteLength(path) > MAX_UNIX_PATH_BYTES) {
    throw invalidAddress(text, `the path of a unix socket has at most ${MAX_UNIX_PATH_BYTES} bytes`);
  }
  return { path, access };
}

function parseDescriptor(text: string, rest: string, access: Access): DescriptorAddress {
  const { fd } = DESCRIPTOR.exec(rest)?.groups ?? {};
  if (fd === undefined) throw invalidAddress(text, "expected fd://N with a descriptor from 3 on, such as fd://3");
  return { fd: Number(fd), access };
}

function invalidAddress(text: string, expected: string): HealthError {
  return new HealthError("INVALID_ADDRESS", `address to listen on ${JSON.stringify(text)}: ${expected}`);
}
