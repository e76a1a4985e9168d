/**
 * `postgres://user:password@host[:5432]/database`: passes when the login succeeds and the server answers `select 1`.
 *
 * The client is the package `pg`, an optional peer.
 */
import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { tlsOptions } from "../client/tls-options.js";
import { type LimitedSocket, openLibraryProber, requirePackage } from "./library-prober.js";
import { type ProberDeps, type ProberOptions, reuseOptionsOf } from "./options.js";
import { fail, type ProbeResult, type Prober } from "./prober.js";
import { credentialsOf, hostOf, pathNameOf } from "./target.js";

/** The part of the client that its types leave out. `sslconnect` comes when `stream` is the TLS socket, before it is read. */
interface PgClient {
  readonly connection: EventEmitter & { readonly stream: Socket };
}

/** Classes of SQLSTATE. Source: PostgreSQL's manual, appendix A. */
const INVALID_AUTHORIZATION = /^28/;
const INSUFFICIENT_RESOURCES_OR_SHUTTING_DOWN = /^(?:53|57P)/;

/** A prober of a PostgreSQL server. */
export function openPostgres(target: URL, deps: ProberDeps, options: ProberOptions): Prober {
  requirePackage("pg", "postgres");
  const host = hostOf(target);
  const port = Number(target.port) || 5432;
  const database = pathNameOf(target, "database");
  const settings = {
    ...credentialsOf(target, options),
    ...(database === "" ? {} : { database }),
    ...(options.tls === undefined ? {} : { ssl: tlsOptions(host, options.tls) }),
    application_name: "healthbridge",
  };
  const load = async () => {
    const { default: pg } = await import("pg");
    return async ({ socket, limit }: LimitedSocket) => {
      // the library connects its socket, and waits for the event
      Object.assign(socket, { connect: () => process.nextTick(() => socket.emit("connect")) });
      const client = new pg.Client({ ...settings, host, port, stream: () => socket });
      client.on("error", () => {}); // the connection ended between two probes; the next one will notice
      const { connection } = client as unknown as PgClient;
      connection.once("sslconnect", () => limit.add(connection.stream));
      await client.connect();
      return { ping: () => client.query("select 1") };
    };
  };
  return openLibraryProber(
    { address: { host, port, resolver: deps.resolver }, load, judge },
    reuseOptionsOf(options, deps),
  );
}

function judge(error: unknown): ProbeResult | undefined {
  const { code, message } = Object(error);
  if (typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code) || /^E[A-Z]/.test(code)) return ended(error);
  if (INVALID_AUTHORIZATION.test(code)) return fail("auth", `${code} ${message}`);
  const isBusy = INSUFFICIENT_RESOURCES_OR_SHUTTING_DOWN.test(code);
  return fail(isBusy ? "unavailable" : "answer", `${code} ${message}`);
}

/** The library's own errors have no code: the connection ended, or the answer is not the protocol. */
function ended(error: unknown): ProbeResult | undefined {
  if (!(error instanceof Error) || "code" in error) return undefined;
  if (/terminated|ended|closed|deadline/i.test(error.message)) return fail("closed", error.message);
  return fail("protocol", error.message);
}
