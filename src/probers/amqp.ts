/**
 * `amqp://user:password@host[:5672][/vhost]` and `amqps://`: passes when the broker lets us in and opens a channel.
 *
 * The client is the package `amqplib`, an optional peer.
 */
import type { Socket } from "node:net";
import { connectOptions } from "../client/connecting.js";
import { tlsOptions } from "../client/tls-options.js";
import { requirePackage } from "./optional-package.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import { fail, type ProbeContext, type ProbeResult, type Prober } from "./prober.js";
import { openReusedClient } from "./reused-client.js";
import { credentialsOf, hostOf } from "./target.js";

/** A prober of an AMQP 0-9-1 broker. */
export function openAmqp(target: URL, { resolver }: ProberDeps, options: ProberOptions): Prober {
  const secure = target.protocol === "amqps:";
  requirePackage("amqplib", "amqp");
  const hostname = hostOf(target);
  const port = Number(target.port) || (secure ? 5671 : 5672);
  const vhost = target.pathname.length > 1 ? decodeURIComponent(target.pathname.slice(1)) : "/";
  const { user = "guest", password = "guest" } = credentialsOf(target);
  const address = { protocol: secure ? "amqps" : "amqp", hostname, port, username: user, password, vhost };
  const connect = async ({ signal, timeoutMs }: ProbeContext) => {
    const { connect: connectAmqp } = await import("amqplib");
    signal.throwIfAborted();
    const { host: _, port: __, ...way } = connectOptions({ host: hostname, port, resolver, timeoutMs });
    const tls = secure ? tlsOptions(hostname, options.tls) : {};
    // the library has no way to give up but its own timer; a connection that comes after all is ended then
    const connecting = connectAmqp(
      { ...address, heartbeat: 0 },
      { ...way, ...tls, timeout: timeoutMs, clientProperties: { connection_name: "healthbridge" } },
    );
    const model = await untilAborted(connecting, signal, (late) => socketOf(late)?.destroy());
    model.on("error", () => {}); // the connection ended while nobody asked: the next question tells
    return {
      ask: async () => (await model.createChannel()).close(),
      destroy: () => void socketOf(model)?.destroy(),
    };
  };
  return openReusedClient({ connect, judge, reuse: options.reuse });
}

/** The socket under a connection. Its closing handshake would wait for a broker that may not answer. */
function socketOf(model: unknown): Socket | undefined {
  // the library's types leave its parts out; where they are others, nothing is destroyed and the broker ends it
  return (model as { connection?: { stream?: Socket } }).connection?.stream;
}

function untilAborted<Value>(work: Promise<Value>, signal: AbortSignal, drop: (late: Value) => void): Promise<Value> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(
      (value) => {
        signal.removeEventListener("abort", onAbort);
        if (signal.aborted) drop(value);
        resolve(value);
      },
      (error) => {
        signal.removeEventListener("abort", onAbort);
        reject(error);
      },
    );
  });
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
