/**
 * Addresses to listen on, as people write them.
 *
 *     :50051            every interface, IPv6 and IPv4
 *     127.0.0.1:8080    one interface; also a host's name
 *     [::1]:8080
 *     unix:/run/health.sock
 *     plain://:8080     clear text, even where a certificate is configured
 *
 * Port 0 takes a free port.
 */
import { HealthError } from "./health-error.js";

/** Where to listen. */
export type ListenAddress = TcpAddress | UnixAddress;

/** A TCP port. Without a host it is every interface. */
export interface TcpAddress {
  readonly host: string | undefined;
  readonly port: number;
  /** Clear text, even where a certificate is configured: for probers that cannot speak TLS, such as Kubernetes'. */
  readonly plain: boolean;
}

/** A unix socket's file. */
export interface UnixAddress {
  readonly path: string;
  readonly plain: boolean;
}

/** An address that is bound: its real port. */
export type BoundAddress = { readonly host: string; readonly port: number } | { readonly path: string };

const PLAIN = "plain://";
const HOST_AND_PORT = /^(?:\[(?<ipv6>[0-9a-fA-F:.%\w]+)\]|(?<host>[^:[\]/\s\0]*)):(?<port>\d{1,5})$/;

/** The longest path that the kernel takes for a unix socket, in bytes. */
const MAX_UNIX_PATH_BYTES = 107;

/**
 * Reads an address.
 * @throws HealthError INVALID_ADDRESS
 */
export function parseListenAddress(text: string): ListenAddress {
  const plain = text.startsWith(PLAIN);
  const rest = plain ? text.slice(PLAIN.length) : text;
  if (rest.startsWith("unix:")) return parseUnix(text, rest, plain);
  const { ipv6, host, port } = HOST_AND_PORT.exec(rest)?.groups ?? {};
  if (port === undefined) throw unreadable(text, "expected :PORT, HOST:PORT, [IPV6]:PORT or unix:/PATH");
  if (Number(port) > 65_535) throw unreadable(text, "a port is a number from 0 to 65535");
  return { host: ipv6 ?? (host === "" ? undefined : host), port: Number(port), plain };
}

/** The address as a person would write it. */
export function formatAddress(address: ListenAddress | BoundAddress): string {
  if ("path" in address) return `unix:${address.path}`;
  const { host, port } = address;
  if (host === undefined) return `:${port}`;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseUnix(text: string, rest: string, plain: boolean): UnixAddress {
  const path = rest.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
  if (path === "" || path.includes("\0")) throw unreadable(text, "expected unix:/PATH");
  if (Buffer.byteLength(path) > MAX_UNIX_PATH_BYTES) {
    throw unreadable(text, `the path of a unix socket has at most ${MAX_UNIX_PATH_BYTES} bytes`);
  }
  return { path, plain };
}

function unreadable(text: string, expected: string): HealthError {
  return new HealthError("INVALID_ADDRESS", `address to listen on ${JSON.stringify(text)}: ${expected}`);
}
