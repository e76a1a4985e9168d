/**
 * The connection of a PostgreSQL store, and its tables.
 *
 * The client is the package `pg`, an optional peer. It has one connection, on which queries run one after the other.
 */
import { createRequire } from "node:module";
import { type TlsClientOptions, tlsOptions } from "../../client/tls-options.js";
import type { Clock } from "../../core/clock.js";
import { HealthError, messageOf } from "../../core/health-error.js";
import { printable } from "../../core/printable.js";
import type { StoreFault } from "../../core/store-faults.js";
import { StoreError } from "./store.js";
import type { Link } from "./store-connection.js";
import type { StoreUrl } from "./store-url.js";

/** Creates what is missing. Members that start at once wait for each other at the lock. It may be run by hand. */
export const SCHEMA = `
  SELECT pg_advisory_xact_lock(hashtext('healthbridge.fleet'));
  DO $$ BEGIN
    IF to_regnamespace('healthbridge') IS NULL THEN CREATE SCHEMA healthbridge; END IF;
  END $$;
  CREATE UNLOGGED TABLE IF NOT EXISTS healthbridge.beats (fleet text, run text, beat text NOT NULL,
    written timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (fleet, run));
  CREATE UNLOGGED TABLE IF NOT EXISTS healthbridge.heads (fleet text, run text, head text NOT NULL, PRIMARY KEY (fleet, run));
  CREATE UNLOGGED TABLE IF NOT EXISTS healthbridge.cells (fleet text, run text, check_name text COLLATE "C", cell text NOT NULL,
    PRIMARY KEY (fleet, run, check_name));
  CREATE UNLOGGED TABLE IF NOT EXISTS healthbridge.log (fleet text, run text, sequence bigint, head text NOT NULL,
    cells text NOT NULL, written timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (fleet, run, sequence));
  CREATE UNLOGGED TABLE IF NOT EXISTS healthbridge.texts (fleet text, name text, text text NOT NULL,
    written timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (fleet, name));
  CREATE UNLOGGED TABLE IF NOT EXISTS healthbridge.leases (fleet text, lease text, run text NOT NULL,
    ends timestamptz NOT NULL, PRIMARY KEY (fleet, lease));`;

const TABLES = ["beats", "heads", "cells", "log", "texts", "leases"] as const;

/** Whether no table is missing. */
const IS_THERE = `SELECT ${TABLES.map((table) => `to_regclass('healthbridge.${table}') IS NOT NULL`).join(" AND ")} AS is_there`;

export type SqlQuery = (
  text: string,
  values: readonly unknown[],
) => Promise<readonly Readonly<Record<string, unknown>>[]>;

export interface PostgresOptions {
  readonly deadlineMs: number;
  readonly tls?: TlsClientOptions | undefined;
  readonly clock: Clock;
}

const MAX_MESSAGE_LENGTH = 200;

/** Codes of SQLSTATE. Source: PostgreSQL's manual, appendix A. 25006: read-only; 3D000: there is no such database. */
const REFUSALS = /^(?:28|42501|25006|3D000|53100|53200)/;
const UNAVAILABLE = /^(?:08|53300|57P)/;
const CANCELLED = /^57014/;

/** Those that have a word of their own. */
const FAULTS: ReadonlyMap<string, StoreFault> = new Map<string, StoreFault>([
  ["25006", "read-only"],
  ["53100", "out-of-memory"],
  ["53200", "out-of-memory"],
]);

/** After these, a new connection may find another server, or makes tables that were dropped. */
const LEFT = /^(?:25006|42P01|3F000)/;

type PostgresClient = InstanceType<typeof import("pg").Client>;

const loadPackage = createRequire(import.meta.url);

/** @throws HealthError MISSING_PACKAGE */
function loadClient(): typeof import("pg") {
  try {
    // a bundler of the application does not see this, so it does not look for the package, which is optional
    return loadPackage("pg") as typeof import("pg");
  } catch (cause) {
    const message = "a fleet on PostgreSQL needs the package pg, which is not installed; try: npm install pg";
    throw new HealthError("MISSING_PACKAGE", message, { cause });
  }
}

export class PostgresLink implements Link<SqlQuery> {
  readonly label: string;
  readonly #package = loadClient();
  readonly #settings: import("pg").ClientConfig;
  readonly #clients = new Set<PostgresClient>();

  /** @throws HealthError MISSING_PACKAGE, TLS_FAILED, and INVALID_OPTION for an option of TLS */
  constructor(url: StoreUrl, { deadlineMs, tls }: PostgresOptions) {
    const { host, port } = url.hosts[0] ?? { host: "", port: 0 };
    this.label = url.label;
    this.#settings = {
      host,
      port,
      user: url.user,
      password: url.password ?? refuseToGuess, // the library would look for one in the environment and in a file
      database: url.database,
      ssl: url.isTls ? tlsOptions(host, tls) : false,
      application_name: "healthbridge",
      // its own time-out would count the delays of this process: the deadline of a call ends what connects too
      connectionTimeoutMillis: 0,
      // a query whose answer is not waited for any more ends in the server too
      statement_timeout: deadlineMs,
      keepAlive: true,
    };
  }

  async open(): Promise<SqlQuery> {
    const client = new this.#package.Client(this.#settings);
    this.#clients.add(client);
    client.on("error", () => this.#end(client)); // queries reject with the error
    try {
      await client.connect();
      const { rows } = await client.query<{ is_there: boolean }>(IS_THERE);
      if (rows[0]?.is_there !== true) await client.query(SCHEMA);
    } catch (error) {
      this.#end(client);
      throw error;
    }
    let last: Promise<unknown> = Promise.resolve();
    return async (text, values) => {
      // the client must not be asked before it has answered: pg 9 will refuse that
      const answer = last.then(() => client.query(text, [...values]));
      last = answer.catch(() => {});
      return (await answer).rows;
    };
  }

  drop(): void {
    for (const client of this.#clients) this.#end(client);
  }

  failureOf(error: unknown) {
    const code: unknown = Object(error).code;
    const state = typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]/.test(code) ? code : "";
    const failure = error instanceof StoreError ? error : this.#failureFrom(error, state);
    const isLost = failure.code === "timeout" || failure.code === "unreachable" || LEFT.test(state);
    return { failure, isLost };
  }

  #failureFrom(error: unknown, state: string): StoreError {
    const text = `${this.label}: ${printable(messageOf(error)).slice(0, MAX_MESSAGE_LENGTH)}`;
    const fault = FAULTS.get(state);
    const cause = fault === undefined ? { cause: error } : { cause: error, fault };
    return new StoreError(codeOf(state), state === "" ? text : `${text} (${state})`, cause);
  }

  /** Closes a socket at once: one that is half-open would not answer to a goodbye. */
  #end(client: PostgresClient): void {
    this.#clients.delete(client);
    // the types leave out the connection
    const { connection } = client as unknown as { connection: { stream: import("node:net").Socket } };
    connection.stream.destroy();
  }
}

function codeOf(state: string): StoreError["code"] {
  if (state === "" || UNAVAILABLE.test(state)) return "unreachable";
  if (CANCELLED.test(state)) return "timeout";
  return REFUSALS.test(state) ? "refused" : "protocol";
}

/** Called when the server asks for a password and the URL has none. The code is PostgreSQL's for a wrong password. */
function refuseToGuess(): never {
  throw Object.assign(new Error("the server asks for a password, and the URL has none"), { code: "28P01" });
}
