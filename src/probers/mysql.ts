/**
 * `mysql://user:password@host[:3306]/database`: passes when the login succeeds and the server answers a ping. MariaDB
 * speaks this protocol too.
 *
 * The client is the package `mysql2`, an optional peer.
 */
import { once } from "node:events";
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import type { Goodbye } from "../client/goodbyes.js";
import type { InputLimit } from "../client/input-limit.js";
import { tlsOptions } from "../client/tls-options.js";
import { traceTls } from "../client/trace.js";
import { type LimitedSocket, openLibraryProber, requirePackage } from "./library-prober.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import { fail, type ProbeResult, type Prober } from "./prober.js";
import { credentialsOf, hostOf, pathNameOf } from "./target.js";

const REFUSALS: ReadonlySet<string> = new Set([
  "ER_ACCESS_DENIED_ERROR",
  "ER_DBACCESS_DENIED_ERROR",
  "ER_HOST_NOT_PRIVILEGED",
  "ER_ACCESS_DENIED_NO_PASSWORD_ERROR",
  "AUTH_SWITCH_PLUGIN_ERROR",
  "ER_ACCOUNT_HAS_BEEN_LOCKED",
  "ER_MUST_CHANGE_PASSWORD",
  "ER_MUST_CHANGE_PASSWORD_LOGIN",
]);

const loadPackage = createRequire(import.meta.url);

/** One side demands TLS, and the other one does not offer it. */
const TLS_MISSING: ReadonlySet<string> = new Set(["HANDSHAKE_NO_SSL_SUPPORT", "ER_SECURE_TRANSPORT_REQUIRED"]);

const UNAVAILABLE: ReadonlySet<string> = new Set([
  "ER_CON_COUNT_ERROR",
  "ER_TOO_MANY_USER_CONNECTIONS",
  "ER_SERVER_SHUTDOWN",
  "ER_HOST_IS_BLOCKED",
  "ER_USER_LIMIT_REACHED",
]);

/** MariaDB's ER_ACCOUNT_HAS_BEEN_LOCKED: the library knows the names of MySQL only. */
const MARIADB_ACCOUNT_LOCKED = 4151;

/** COM_QUIT. */
const QUIT: Goodbye = { request: Buffer.from([1, 0, 0, 0, 1]) };

/** A prober of a MySQL server. */
export function openMysql(target: URL, deps: ProberDeps, options: ProberOptions): Prober {
  requirePackage("mysql2", "mysql");
  const host = hostOf(target);
  const port = Number(target.port) || 3306;
  const database = pathNameOf(target, "database");
  const secure = options.tls === undefined ? undefined : tlsOptions(host, options.tls);
  const settings = {
    ...credentialsOf(target, options),
    ...(database === "" ? {} : { database }),
    connectTimeout: 0, // the deadline of the probe ends it
    ...(secure === undefined ? {} : { ssl: {} }), // ask for TLS; `startTls` below makes it
  };
  const load = async () => {
    // a bundler of the application does not see this, so it does not look for the package, which is optional
    const mysql = loadPackage("mysql2") as typeof import("mysql2");
    return async ({ socket, limit }: LimitedSocket) => {
      const connection = mysql.createConnection({ ...settings, host, port, stream: socket });
      connection.on("error", () => {}); // the connection ended between two probes; the next one will notice
      // packets out of order: the library would write a line to stderr for each of them, and go on
      connection.on("warn", (error: Error) => {
        throw error;
      });
      const internals = connection as unknown as MysqlConnection;
      if (secure !== undefined)
        internals.startTLS = (onSecure) => {
          const stream = startTls(internals, secure, limit).once("secureConnect", onSecure);
          if (deps.resolver.trace !== undefined) traceTls(stream, deps.resolver.trace);
        };
      await once(connection, "connect");
      return { secureSocket: internals.stream, ping: () => connection.promise().ping() };
    };
  };
  const address = { host, port, resolver: deps.resolver };
  return openLibraryProber({ address, load, evaluate, goodbye: QUIT, secure }, deps, options);
}

/** The part of the connection that its types leave out. */
interface MysqlConnection {
  stream: Socket;
  readonly packetParser: { execute(bytes: Buffer): void };
  /** Puts a TLS socket on top of `stream`, and into it. */
  startTLS(onSecure: () => void): void;
}

/**
 * TLS as every other scheme has it. The library's own does not check the name of the certificate, resumes sessions without a
 * look at the certificate, and hides the code of an error.
 */
function startTls(connection: MysqlConnection, options: ConnectionOptions, limit: InputLimit): TLSSocket {
  const plain = connection.stream;
  plain.removeAllListeners("data");
  const secure = connectTls({ ...options, socket: plain });
  limit.add(secure);
  secure.on("error", (error) => plain.emit("error", error)); // the library listens there
  secure.on("data", (bytes) => connection.packetParser.execute(bytes));
  connection.stream = secure;
  return secure;
}

function evaluate(error: unknown): ProbeResult | undefined {
  const { code, errno, message } = Object(error);
  if (REFUSALS.has(code) || errno === MARIADB_ACCOUNT_LOCKED) return fail("auth", String(message));
  if (UNAVAILABLE.has(code)) return fail("unavailable", String(message));
  if (TLS_MISSING.has(code)) return fail("tls", String(message));
  if (code === "PROTOCOL_CONNECTION_LOST") return fail("closed", String(message));
  if (typeof code === "string" && code.startsWith("ER_")) return fail("answer", `${code} ${message}`);
  if (error instanceof Error && code === undefined && error.name !== "BrokenCall")
    return fail("protocol", error.message);
  return undefined;
}
