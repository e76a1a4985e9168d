/**
 * `mysql://user:password@host[:3306]/database`: passes when the login succeeds and the server answers a ping. MariaDB
 * speaks this protocol too.
 *
 * The client is the package `mysql2`, an optional peer.
 */
import { once } from "node:events";
import type { Socket } from "node:net";
import type { InputLimit } from "../client/input-limit.js";
import { type LimitedSocket, openLibraryProber, requirePackage } from "./library-prober.js";
import { type ProberDeps, type ProberOptions, reuseOptionsOf } from "./options.js";
import { fail, type ProbeResult, type Prober } from "./prober.js";
import { credentialsOf, hostOf, pathNameOf } from "./target.js";

const REFUSALS: ReadonlySet<string> = new Set([
  "ER_ACCESS_DENIED_ERROR",
  "ER_DBACCESS_DENIED_ERROR",
  "ER_HOST_NOT_PRIVILEGED",
  "ER_ACCESS_DENIED_NO_PASSWORD_ERROR",
  "AUTH_SWITCH_PLUGIN_ERROR",
]);

const UNAVAILABLE: ReadonlySet<string> = new Set([
  "ER_CON_COUNT_ERROR",
  "ER_TOO_MANY_USER_CONNECTIONS",
  "ER_SERVER_SHUTDOWN",
  "ER_HOST_IS_BLOCKED",
]);

/** A prober of a MySQL server. */
export function openMysql(target: URL, deps: ProberDeps, options: ProberOptions): Prober {
  requirePackage("mysql2", "mysql");
  const host = hostOf(target);
  const port = Number(target.port) || 3306;
  const database = pathNameOf(target, "database");
  const { tls } = options;
  const settings = {
    ...credentialsOf(target, options),
    ...(database === "" ? {} : { database }),
    ...(tls === undefined
      ? {}
      : {
          ssl: {
            ...given({ ca: typeof tls.ca === "object" ? tls.ca.pem : tls.ca, cert: tls.cert, key: tls.key }),
            rejectUnauthorized: tls.verify ?? true,
          },
        }),
  };
  const load = async () => {
    const { default: mysql } = await import("mysql2");
    return async ({ socket, limit }: LimitedSocket) => {
      const connection = mysql.createConnection({ ...settings, host, port, stream: socket });
      connection.on("error", () => {}); // the connection ended between two probes; the next one will notice
      // packets out of order: the library would write a line to stderr for each of them, and go on
      connection.on("warn", (error: Error) => {
        throw error;
      });
      limitTls(connection as unknown as MysqlConnection, limit);
      await once(connection, "connect");
      return { ping: () => connection.promise().ping() };
    };
  };
  return openLibraryProber(
    { address: { host, port, resolver: deps.resolver }, load, judge },
    reuseOptionsOf(options, deps),
  );
}

/** The part of the connection that its types leave out. `startTLS` puts a TLS socket on top of `stream`, and into it. */
interface MysqlConnection {
  readonly stream: Socket;
  startTLS(onSecure: (error?: Error) => void): void;
}

/** Counts the bytes of the TLS socket too: it reads the socket below without its `push`. */
function limitTls(connection: MysqlConnection, limit: InputLimit): void {
  const startTls = connection.startTLS.bind(connection);
  connection.startTLS = (onSecure) => {
    startTls(onSecure);
    limit.add(connection.stream);
  };
}

function judge(error: unknown): ProbeResult | undefined {
  const { code, message } = Object(error);
  if (REFUSALS.has(code)) return fail("auth", String(message));
  if (UNAVAILABLE.has(code)) return fail("unavailable", String(message));
  if (code === "PROTOCOL_CONNECTION_LOST") return fail("closed", String(message));
  if (typeof code === "string" && code.startsWith("ER_")) return fail("answer", `${code} ${message}`);
  if (error instanceof Error && code === undefined && error.name !== "BrokenCall")
    return fail("protocol", error.message);
  return undefined;
}

function given<Value extends object>(values: Value): Partial<{ [Key in keyof Value]: NonNullable<Value[Key]> }> {
  // what is undefined is removed, as the type says
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof given<Value>
  >;
}
