/**
 * `postgres://user:password@host[:5432]/database`: passes when the login succeeds and the server answers `select 1`.
 *
 * The client is the package `pg`, an optional peer.
 */
import type { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import type { Goodbye } from "../client/goodbyes.js";
import { tlsOptions } from "../client/tls-options.js";
import { traceTls } from "../client/trace.js";
import { type LimitedSocket, openLibraryProber, requirePackage } from "./library-prober.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import { fail, type ProbeResult, type Prober } from "./prober.js";
import { credentialsOf, hostOf, pathNameOf } from "./target.js";

/** The part of the client that its types leave out. `sslconnect` comes when `stream` is the TLS socket, before it is read. */
interface PgClient {
  readonly connection: EventEmitter & { readonly stream: Socket };
}

const loadPackage = createRequire(import.meta.url);

/** The message Terminate. */
const TERMINATE: Goodbye = { request: Buffer.from([0x58, 0, 0, 0, 4]) };

/** Classes of SQLSTATE. Source: PostgreSQL's manual, appendix A. */
const INVALID_AUTHORIZATION = /^(?:28|42501)/; // 42501: the user may not connect to the database
const INSUFFICIENT_RESOURCES_OR_SHUTTING_DOWN = /^(?:53|57P)/;

/** A prober of a PostgreSQL server. */
export function openPostgres(target: URL, deps: ProberDeps, options: ProberOptions): Prober {
  requirePackage("pg", "postgres");
  const host = hostOf(target);
  const port = Number(target.port) || 5432;
  const database = pathNameOf(target, "database");
  const secure = options.tls === undefined ? undefined : tlsOptions(host, options.tls);
  const settings = {
    password: refuseToGuess, // the library would look for one in the environment and in a file
    ...credentialsOf(target, options),
    ...(database === "" ? {} : { database }),
    ssl: secure ?? false,
    // the library would send its host as the name for TLS; the socket is connected already
    host: secure?.servername ?? host,
    port,
    application_name: "healthbridge",
  };
  const load = async () => {
    // a bundler of the application does not see this, so it does not look for the package, which is optional
    const pg = loadPackage("pg") as typeof import("pg");
    return async ({ socket, limit }: LimitedSocket) => {
      // the library connects its socket, and waits for the event
      Object.assign(socket, { connect: () => process.nextTick(() => socket.emit("connect")) });
      const client = new pg.Client({ ...settings, stream: () => socket });
      client.on("error", () => {}); // the connection ended between two probes; the next one will notice
      const { connection } = client as unknown as PgClient;
      connection.once("sslconnect", () => {
        limit.add(connection.stream);
        if (deps.resolver.trace !== undefined) traceTls(connection.stream, deps.resolver.trace);
      });
      await client.connect();
      return { secureSocket: connection.stream, ping: () => client.query("select 1") };
    };
  };
  const address = { host, port, resolver: deps.resolver };
  return openLibraryProber({ address, load, evaluate, goodbye: TERMINATE, secure }, deps, options);
}

/** Called when the server asks for a password and the check has none. The code is PostgreSQL's for a wrong password. */
function refuseToGuess(): never {
  throw Object.assign(new Error("the server asks for a password, and the check has none"), { code: "28P01" });
}

function evaluate(error: unknown): ProbeResult | undefined {
  const { code, message } = Object(error);
  if (typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code) || /^E[A-Z]/.test(code)) return ended(error);
  if (INVALID_AUTHORIZATION.test(code)) return fail("auth", `${code} ${message}`);
  const isBusy = INSUFFICIENT_RESOURCES_OR_SHUTTING_DOWN.test(code);
  return fail(isBusy ? "unavailable" : "answer", `${code} ${message}`);
}

/** The library's own errors have no code: the connection ended, or the answer is not the protocol. */
function ended(error: unknown): ProbeResult | undefined {
  if (!(error instanceof Error) || "code" in error) return undefined;
  if (/does not support SSL/.test(error.message)) return fail("tls", error.message);
  if (/terminated|ended|closed|deadline/i.test(error.message)) return fail("closed", error.message);
  return fail("protocol", error.message);
}
