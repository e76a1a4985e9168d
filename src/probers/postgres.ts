/**
 * `postgres://user:password@host[:5432]/database`: passes when the server lets us in and answers `select 1`.
 *
 * The client is the package `pg`, an optional peer.
 */
import { Socket } from "node:net";
import { connectOptions } from "../client/connecting.js";
import { tlsOptions } from "../client/tls-options.js";
import { requirePackage } from "./optional-package.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import { fail, type ProbeContext, type ProbeResult, type Prober } from "./prober.js";
import { openReusedClient } from "./reused-client.js";
import { credentialsOf, hostOf } from "./target.js";

/** Classes of SQLSTATE. Source: PostgreSQL's manual, appendix A. */
const INVALID_AUTHORIZATION = /^28/;
const INSUFFICIENT_RESOURCES_OR_SHUTTING_DOWN = /^(?:53|57P)/;

/** A prober of a PostgreSQL server. */
export function openPostgres(target: URL, { resolver }: ProberDeps, options: ProberOptions): Prober {
  requirePackage("pg", "postgres");
  const host = hostOf(target);
  const port = Number(target.port) || 5432;
  const database = decodeURIComponent(target.pathname.slice(1));
  const settings = {
    ...credentialsOf(target),
    ...(database === "" ? {} : { database }),
    ...(options.tls === undefined ? {} : { ssl: tlsOptions(host, options.tls) }),
    application_name: "healthbridge",
  };
  const connect = async ({ signal, timeoutMs }: ProbeContext) => {
    const { default: pg } = await import("pg");
    signal.throwIfAborted();
    const socket = new Socket();
    // the library connects the socket that it is given, by a name or address: here it is connected in our one way
    const connectSocket = socket.connect.bind(socket);
    const way = connectOptions({ host, port, resolver, timeoutMs });
    const stream = Object.assign(socket, { connect: () => connectSocket(way) });
    const client = new pg.Client({ ...settings, host, port, stream: () => stream });
    client.on("error", () => {}); // the connection ended while nobody asked: the next question tells
    const onAbort = () => stream.destroy(new Error("the deadline is over"));
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await client.connect();
      return { ask: () => client.query("select 1"), destroy: () => void stream.destroy() };
    } catch (error) {
      stream.destroy();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  };
  return openReusedClient({ connect, judge, reuse: options.reuse });
}

function judge(error: unknown): ProbeResult | undefined {
  const { code, message } = Object(error);
  if (typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code) || /^E[A-Z]/.test(code)) return ended(error);
  if (INVALID_AUTHORIZATION.test(code)) return fail("auth", `${code} ${message}`);
  const isBusy = INSUFFICIENT_RESOURCES_OR_SHUTTING_DOWN.test(code);
  return fail(isBusy ? "unavailable" : "answer", `${code} ${message}`);
}

/** The library's own words for a connection that ended, or for an answer that is none. */
function ended(error: unknown): ProbeResult | undefined {
  if (!(error instanceof Error) || "code" in error) return undefined;
  if (/terminated|ended|closed|deadline/i.test(error.message)) return fail("closed", error.message);
  return fail("protocol", error.message);
}
