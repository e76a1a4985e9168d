/** The server of `healthbridge conformance`, from the flags: its address, TLS, and the headers of calls. */
import { metadataFieldsOf, serverNamesOf } from "../client/grpc-head.js";
import { resolverFor } from "../client/resolver.js";
import { createReadBuffer } from "../client/target-socket.js";
import { tlsOptions } from "../client/tls-options.js";
import { isDescriptor, readDescriptor, readRegularFile } from "../config/read-file.js";
import type { TestedServer } from "../conformance/context.js";
import { systemClock } from "../core/clock.js";
import { parseDuration } from "../core/duration.js";
import { type Flag, type FlagValues, shownArgument, UsageError } from "./flags.js";

/** The flags that say what server it is. The names of TLS are those of grpc_health_probe. */
export const SERVER_FLAGS: readonly Flag[] = [
  { name: "tls", help: "Use TLS." },
  { name: "tls-ca-cert", value: "FILE", fallback: "the authorities of Node", help: "Authorities to trust (PEM)." },
  { name: "tls-client-cert", value: "FILE", help: "The client certificate (PEM), with --tls-client-key." },
  { name: "tls-client-key", value: "FILE", help: "The key of the client certificate (PEM)." },
  {
    name: "tls-server-name",
    value: "NAME",
    fallback: "the host of ADDR",
    help: "The name in the certificate, and the authority of calls.",
  },
  { name: "tls-no-verify", help: "Accept any certificate." },
  {
    name: "rpc-header",
    value: "NAME:VALUE",
    repeats: true,
    help: "A header of each call, such as credentials. Reports do not show it. Repeatable.",
  },
  { name: "timeout", value: "TIME", fallback: "2s", help: "How long one answer may take: at most 4s." },
];

const DEFAULT_ANSWER_MS = 2_000;
const MAX_ANSWER_MS = 4_000;

/** Long enough for a wrong message to come, also from a server on a busy machine. */
const QUIET_MS = 400;

const ADDRESS = /^(?:\[(?<ipv6>[0-9a-fA-F:.%\w]+)\]|(?<host>[^:[\]/\s\0]*)):(?<port>\d{1,5})$/;

/** @throws UsageError, HealthError */
export async function testedServer(address: string, values: FlagValues): Promise<TestedServer> {
  const isTls = values.has("tls");
  const needsTls = SERVER_FLAGS.map(({ name }) => name).filter((name) => name.startsWith("tls-"));
  const [surplus] = needsTls.filter((name) => values.has(name));
  if (!isTls && surplus !== undefined) throw new UsageError(`--${surplus} needs --tls`);
  const to = readAddress(address);
  const serverName = values.get("tls-server-name")?.[0];
  const names = serverNamesOf({ address: "path" in to ? undefined : to, serverName });
  const tls = isTls ? await secureOptions(names.tlsName, values) : undefined;
  const where = "path" in to ? to : { ...to, resolver: resolverFor(true) };
  return {
    socket: { ...where, tls, readBuffer: createReadBuffer() },
    isTls,
    authority: names.authority,
    metadata: metadataFieldsOf(readHeaders(values.get("rpc-header") ?? [])),
    clock: systemClock,
    answerMs: readTimeout(values.get("timeout")?.[0]),
    quietMs: QUIET_MS,
  };
}

/** `HOST:PORT`, `:PORT`, `[IPV6]:PORT`, `unix:/PATH` or `unix:///PATH`. */
function readAddress(address: string): { readonly host: string; readonly port: number } | { readonly path: string } {
  const path = /^unix:(?:\/\/(?=\/))?(.+)$/s.exec(address)?.[1];
  if (path !== undefined && !path.includes("\0")) return { path };
  const { ipv6, host, port } = ADDRESS.exec(address)?.groups ?? {};
  const isPort = Number(port) >= 1 && Number(port) <= 65_535;
  if (isPort) return { host: ipv6 ?? (host || "localhost"), port: Number(port) };
  throw new UsageError(`${shownArgument(address)} is not an address: expected HOST:PORT, :PORT or unix:/PATH`);
}

async function secureOptions(name: string, values: FlagValues) {
  const [cert, key] = [await readPem("tls-client-cert", values), await readPem("tls-client-key", values)];
  if ((cert === undefined) !== (key === undefined))
    throw new UsageError("--tls-client-cert and --tls-client-key need each other");
  const ca = await readPem("tls-ca-cert", values);
  return tlsOptions(name, { ca, cert, key, verify: !values.has("tls-no-verify") }, ["h2"]);
}

async function readPem(flag: string, values: FlagValues): Promise<string | undefined> {
  const file = values.get(flag)?.[0];
  if (file === undefined) return undefined;
  const content = isDescriptor(file) ? readDescriptor(file) : await readRegularFile(file);
  if ("fault" in content)
    throw new UsageError(`--${flag}: cannot read the file ${shownArgument(file)}${content.fault}`);
  return content.text;
}

function readHeaders(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const colon = text.indexOf(":");
      // the text may hold a secret, so it is not shown
      if (colon < 1) throw new UsageError("--rpc-header: expected NAME:VALUE");
      return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
    }),
  );
}

function readTimeout(text: string | undefined): number {
  if (text === undefined) return DEFAULT_ANSWER_MS;
  const ms = parseDuration(text) ?? 0;
  if (ms > 0 && ms <= MAX_ANSWER_MS) return ms;
  throw new UsageError(`--timeout: ${JSON.stringify(text)} is not a duration above 0 and at most 4s (try 500ms, 2s)`);
}
