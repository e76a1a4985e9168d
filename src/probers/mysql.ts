/**
 * `mysql://user:password@host[:3306]/database`: passes when the login succeeds and the server answers a ping. MariaDB
 * speaks this protocol too.
 *
 * The client is the package `mysql2`, an optional peer.
 */
import { connect as connectSocket } from "node:net";
import { connectOptions } from "../client/target-socket.js";
import { openLibraryProber, requirePackage } from "./library-prober.js";
import { type ProberDeps, type ProberOptions, reuseOptionsOf } from "./options.js";
import { fail, type ProbeContext, type ProbeResult, type Prober } from "./prober.js";
import { credentialsOf, hostOf } from "./target.js";

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
  const database = decodeURIComponent(target.pathname.slice(1));
  const { tls } = options;
  const settings = {
    ...credentialsOf(target),
    ...(database === "" ? {} : { database }),
    ...(tls === undefined
      ? {}
      : { ssl: { ...given({ ca: tls.ca, cert: tls.cert, key: tls.key }), rejectUnauthorized: tls.verify ?? true } }),
  };
  const connect = async ({ signal, timeoutMs }: ProbeContext) => {
    const { createConnection } = await import("mysql2/promise");
    signal.throwIfAborted();
    const socket = connectSocket({ ...connectOptions({ host, port, resolver: deps.resolver, timeoutMs }), signal });
    const connection = await createConnection({ ...settings, host, port, stream: socket });
    connection.on("error", () => {}); // the connection ended between two probes; the next one will notice
    return { socket, ping: () => connection.ping() };
  };
  return openLibraryProber({ connect, judge }, reuseOptionsOf(options, deps));
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
