/**
 * `amqp://user:password@host[:5672][/vhost]` and `amqps://`: passes when the login succeeds and the broker opens a channel.
 *
 * The client is the package `amqplib`, an optional peer.
 */
import { connect as connectSocket, type Socket } from "node:net";
import { connectOptions } from "../client/target-socket.js";
import { tlsOptions } from "../client/tls-options.js";
import { openLibraryProber, requirePackage } from "./library-prober.js";
import { type ProberDeps, type ProberOptions, reuseOptionsOf } from "./options.js";
import { fail, type ProbeContext, type ProbeResult, type Prober } from "./prober.js";
import { credentialsOf, hostOf } from "./target.js";

/** A prober of an AMQP 0-9-1 broker. */
export function openAmqp(target: URL, deps: ProberDeps, options: ProberOptions): Prober {
  const secure = target.protocol === "amqps:";
  requirePackage("amqplib", "amqp");
  const host = hostOf(target);
  const port = Number(target.port) || (secure ? 5671 : 5672);
  const vhost = target.pathname.length > 1 ? decodeURIComponent(target.pathname.slice(1)) : "/";
  const { user = "guest", password = "guest" } = credentialsOf(target);
  const address = {
    protocol: secure ? "amqps" : "amqp",
    hostname: host,
    port,
    username: user,
    password,
    vhost,
    heartbeat: 0,
  };
  const tls = secure ? tlsOptions(host, options.tls) : undefined;
  const connect = async ({ signal, timeoutMs }: ProbeContext) => {
    const { connect: connectAmqp } = await import("amqplib");
    signal.throwIfAborted();
    const tcp = { ...connectOptions({ host, port, resolver: deps.resolver, timeoutMs }), signal };
    const clientProperties = { connection_name: "healthbridge" };
    // over TLS the library takes a socket that is connected here; without TLS it connects one by these options
    const way: object = tls === undefined ? tcp : { ...tls, socket: connectSocket(tcp) };
    const model = await connectAmqp(address, { ...way, clientProperties });
    model.on("error", () => {}); // the connection ended between two probes; the next one will notice
    return { socket: socketOf(model), ping: async () => (await model.createChannel()).close() };
  };
  return openLibraryProber({ connect, judge }, reuseOptionsOf(options, deps));
}

/** The socket under a connection. */
function socketOf(model: unknown): Socket | undefined {
  // the library's types leave its parts out
  return (model as { connection?: { stream?: Socket } }).connection?.stream;
}

function judge(error: unknown): ProbeResult | undefined {
  const { message, code } = Object(error);
  const text = String(message);
  if (code === 403 || /ACCESS[-_]REFUSED|\b403\b/.test(text)) return fail("auth", text);
  if (code === 530 || /NOT[-_]ALLOWED|\b530\b/.test(text)) return fail("answer", text);
  if (typeof code === "number") return fail("answer", text);
  if (!(error instanceof Error) || typeof code === "string" || error.name === "BrokenCall") return undefined;
  return fail(/clos|ended|ECONNRESET/i.test(text) ? "closed" : "protocol", text);
}
