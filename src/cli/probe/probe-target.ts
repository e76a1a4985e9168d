/**
 * What `-addr` names, by the rules of grpc-go.
 *
 *     HOST:PORT, :PORT, passthrough:///HOST:PORT     this address; an empty host is this machine
 *     dns:///HOST[:PORT], dns://SERVER/HOST[:PORT]   the name, asked of SERVER; port 443 by default
 *     unix:PATH, unix:///PATH, unix-abstract:NAME    a Unix socket
 *     ipv4:ADDRESS[:PORT], ipv6:[ADDRESS][:PORT]     of other gRPC libraries; grpc-go does not have them
 *
 * Source: grpc/grpc doc/naming.md; initParsedTargetAndResolverBuilder and initAuthority in
 * https://github.com/grpc/grpc-go/blob/master/clientconn.go.
 */
import { isIP } from "node:net";
import { goQuote } from "./go-format.js";

/** Where a health service is, and by which names it is called. */
export interface ProbeTarget {
  readonly address: ProbeAddress;
  readonly authority: string;
  /** The name that the certificate must have. */
  readonly tlsHost: string;
}

export type ProbeAddress =
  | {
      readonly host: string;
      readonly port: number;
      readonly nameServer?: string | undefined;
      /** The text that grpc-go looks up among the hosts without a proxy. */
      readonly hostPort: string;
    }
  | { readonly path: string };

/** A target that cannot be used. */
export class TargetFault extends Error {
  override readonly name = "TargetFault";
  /** grpc-go refuses it at once. For other faults it tries until the timeout is over. */
  readonly isRefused: boolean;

  constructor(message: string, isRefused: boolean) {
    super(message);
    this.isRefused = isRefused;
  }
}

/** The port of a `dns` target without one. */
const DEFAULT_PORT = "443";

/** HOST:PORT and :PORT without brackets, escapes, capitals or a port that is too large. The host may be a scheme. */
const PLAIN = /^([a-z0-9_.-]*):(\d{1,4}|[1-5]\d{4})$/;

const SCHEMES: ReadonlySet<string> = new Set(["unix", "unix-abstract", "dns", "passthrough", "ipv4", "ipv6"]);

const SCHEME = /^([a-z][a-z0-9+.-]*):(.*)$/is;

interface ParsedTarget {
  readonly authority: string;
  readonly endpoint: string;
  /** The path with its slash, or the endpoint. */
  readonly path: string;
}

/** @throws TargetFault */
export function readProbeTarget(addr: string): ProbeTarget {
  const [, plainHost, port] = PLAIN.exec(addr) ?? [];
  if (plainHost !== undefined && !SCHEMES.has(plainHost)) return plainTarget(addr, plainHost, Number(port));
  const [, scheme = "", rest = ""] = SCHEME.exec(addr) ?? [];
  switch (scheme.toLowerCase()) {
    case "unix":
      return unixTarget(parseUrl(rest, addr), "");
    case "unix-abstract":
      return unixTarget(parseUrl(rest, addr), "\0");
    case "dns":
      return dnsTarget(parseUrl(rest, addr));
    case "passthrough":
      return tcpTarget(parseUrl(rest, addr).endpoint);
    case "ipv4":
    case "ipv6":
      return literalTarget(rest, scheme.toLowerCase() === "ipv4" ? 4 : 6);
    default:
      return tcpTarget(parseUrl(`///${addr}`, `passthrough:///${addr}`).endpoint);
  }
}

/** The same result as by all rules, without most of them. */
function plainTarget(addr: string, plainHost: string, port: number): ProbeTarget {
  const host = plainHost || "localhost";
  return { address: { host, port, hostPort: addr }, authority: plainHost ? addr : `${host}${addr}`, tlsHost: host };
}

/** The part of a URL after its scheme. */
function parseUrl(rest: string, whole: string): ParsedTarget {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is searched for
  if (/[\u0000-\u001f\u007f]/.test(whole)) throw unparsable(whole, "net/url: invalid control character in URL");
  const [text = ""] = rest.split(/[?#]/);
  const [, authority = "", path = ""] = /^\/\/([^/]*)(.*)$/s.exec(text) ?? ["", "", text];
  const decoded = path.startsWith("/") ? percentDecoded(path, whole) : path;
  return { authority, path: decoded, endpoint: decoded.replace(/^\//, "") };
}

function percentDecoded(path: string, whole: string): string {
  const wrong = /%(?![0-9a-f]{2}).{0,2}/is.exec(path)?.[0];
  if (wrong !== undefined) throw unparsable(whole, `invalid URL escape ${goQuote(wrong)}`);
  return path.replace(/(?:%[0-9a-f]{2})+/gi, (codes) => Buffer.from(codes.replaceAll("%", ""), "hex").toString());
}

function unparsable(whole: string, text: string): TargetFault {
  return new TargetFault(`parse ${goQuote(whole)}: ${text}`, true);
}

function unixTarget({ authority, path }: ParsedTarget, prefix: string): ProbeTarget {
  if (authority !== "") throw unresolvable(`invalid (non-empty) authority: ${authority}`);
  if (path === "") throw new TargetFault("the Unix socket has no path", false);
  return { address: { path: prefix + path }, authority: "localhost", tlsHost: "localhost" };
}

function dnsTarget({ authority, endpoint }: ParsedTarget): ProbeTarget {
  if (endpoint === "") throw unresolvable("dns resolver: missing address");
  if (endpoint.endsWith(":") && isIP(endpoint) === 0)
    throw unresolvable("dns resolver: missing port after port-separator colon");
  const hasPort = /^(?:[^:]*|\[.*\]):[^:]*$/.test(endpoint);
  const bare = endpoint.replace(/^\[(.*)\]$/, "$1");
  const address = hasPort ? endpoint : `${bare.includes(":") ? `[${bare}]` : bare}:${DEFAULT_PORT}`;
  const nameServer = authority === "" ? undefined : authority;
  return { ...tcpTarget(address, nameServer), authority: authorityOf(endpoint) };
}

function literalTarget(text: string, family: 4 | 6): ProbeTarget {
  if (text.includes(",")) throw new TargetFault("a probe has one address; the target names several", false);
  const { address } = dnsTarget({ authority: "", path: text, endpoint: text });
  const host = "host" in address ? address.host : "";
  if (isIP(host) !== family) throw new TargetFault(`${host} is not an IPv${family} address`, false);
  return { address, authority: authorityOf(text), tlsHost: host };
}

function tcpTarget(endpoint: string, nameServer?: string): ProbeTarget {
  const { host, port } = splitHostPort(endpoint);
  return {
    address: { host: host === "" ? "localhost" : host, port, nameServer, hostPort: endpoint },
    authority: authorityOf(endpoint),
    tlsHost: host === "" ? "localhost" : host,
  };
}

/** `net.SplitHostPort`, and the number of the port. */
function splitHostPort(endpoint: string): { readonly host: string; readonly port: number } {
  const fault = (text: string) => new TargetFault(`address ${endpoint}: ${text}`, false);
  if (!endpoint.includes(":") || endpoint.endsWith("]")) throw fault("missing port in address");
  const [, bracketed, plain = "", port = ""] = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/s.exec(endpoint) ?? [];
  if (bracketed === undefined && /:.*:/s.test(endpoint)) throw fault("too many colons in address");
  if (!/^\d+$/.test(port)) throw new TargetFault(`lookup tcp/${port}: unknown port`, false);
  if (Number(port) > 65_535) throw new TargetFault(`address ${port}: invalid port`, false);
  return { host: bracketed ?? plain, port: Number(port) };
}

/** The `:authority` of calls: `:5000` alone is no authority, so a host stands before it. */
function authorityOf(endpoint: string): string {
  const escaped = endpoint.replace(/[^\w.~!$&'()*+,;=:[\]@-]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
  return endpoint.startsWith(":") ? `localhost${escaped}` : escaped;
}

function unresolvable(text: string): TargetFault {
  return new TargetFault(`failed to exit idle mode: failed to start resolver: ${text}`, true);
}
