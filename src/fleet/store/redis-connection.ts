/**
 * One connection to the primary of a Redis or Valkey.
 *
 *     call --> connected? --no--> find the primary --> connect --> log in --.
 *                  | yes              redis: the host of the URL            |
 *                  |                  sentinel: what a Sentinel says        |
 *                  |                  cluster: the node with our slot       |
 *                  '------------------------------------------------------> send
 *
 * A server that is not the primary any more is left, as one that does not answer is (see store-connection.ts): the next
 * call looks for the primary again.
 *
 * The client is the package `@redis/client`, an optional peer. What it would do by itself is switched off: it would
 * reconnect without an end, queue calls without a bound, and send commands that a user with few rights may not. Its time-out
 * would count the delays of this process: the deadline of a call ends what connects too.
 */
import { createRequire } from "node:module";
import { type TlsClientOptions, tlsOptions } from "../../client/tls-options.js";
import type { Clock } from "../../core/clock.js";
import { HealthError, messageOf } from "../../core/health-error.js";
import { printable } from "../../core/printable.js";
import { StoreError } from "./store.js";
import { type Link, StoreConnection } from "./store-connection.js";
import type { StoreHost, StoreLogin, StoreUrl } from "./store-url.js";

/** A command and its arguments. */
export type RedisCommand = readonly string[];

export interface FieldLimit {
  readonly key: string;
  readonly maxFields: number;
}

export interface RedisOptions {
  /** How long a call may take. */
  readonly deadlineMs: number;
  readonly tls?: TlsClientOptions | undefined;
  readonly clock: Clock;
  /** A key of the slot that is used: it tells the node of a cluster. */
  readonly key: string;
}

type Package = typeof import("@redis/client");

/** The part of a client that is used. */
interface RedisClient {
  connect(): Promise<unknown>;
  destroy(): void;
  sendCommand(args: string[]): Promise<unknown>;
  multi(): Multi;
  on(event: "error", listener: (error: unknown) => void): unknown;
}

interface Multi {
  sendCommand(args: string[]): Multi;
  exec(): Promise<unknown[]>;
}

/** Commands that wait for their answers. Each caller has few. */
const MAX_QUEUE = 10_000;

const MAX_MESSAGE_LENGTH = 200;

/** The client ends an attempt to connect after so many deadlines. The deadline itself, which delays of this process do not use up, is that of the call. */
const CONNECT_TIMES = 10;

/** Errors of Redis: what the user may not do, and what no user may do now. Source: redis.io, and server.c of Redis 7. */
const REFUSALS =
  /^(?:EXECABORT .*NOPERM|NOPERM|NOAUTH|WRONGPASS|READONLY|OOM|MISCONF|NOREPLICAS|DENIED|ERR invalid password|ERR AUTH|ERR RedisClient sent AUTH)/;

const UNAVAILABLE = /^(?:LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|BUSY|ERR max number of clients)/;

/** Of the same errors, those that have a word of their own. */
const FAULTS = [
  [/^(?:EXECABORT .*)?READONLY/, "read-only"],
  [/^(?:EXECABORT .*)?OOM/, "out-of-memory"],
  [/^(?:MOVED|ASK|CROSSSLOT)/, "other-node"],
] as const;

/** After these, another server may be the primary. */
const NOT_PRIMARY = /^(?:READONLY|MOVED|ASK|CLUSTERDOWN|MASTERDOWN|LOADING)/;

const loadPackage = createRequire(import.meta.url);

/** @throws HealthError MISSING_PACKAGE */
function loadClient(): Package {
  try {
    // a bundler of the application does not see this, so it does not look for the package, which is optional
    return loadPackage("@redis/client") as Package;
  } catch (cause) {
    const message = "a fleet on Redis or Valkey needs the package @redis/client, which is not installed";
    throw new HealthError("MISSING_PACKAGE", `${message}; try: npm install @redis/client`, { cause });
  }
}

export class RedisConnection {
  readonly #link: RedisLink;
  readonly #connection: StoreConnection<RedisClient>;

  /** @throws HealthError MISSING_PACKAGE, TLS_FAILED, and INVALID_OPTION for an option of TLS */
  constructor(url: StoreUrl, options: RedisOptions) {
    this.#link = new RedisLink(url, options);
    this.#connection = new StoreConnection(this.#link, options.deadlineMs, options.clock);
  }

  send(command: RedisCommand): Promise<unknown> {
    return this.#connection.call((client) => client.sendCommand([...command]));
  }

  /**
   * All commands, or none of them. Returns their answers.
   * @param limit a hash that is removed before, if it has more fields: its answer could have any size
   */
  transaction(commands: readonly RedisCommand[], limit?: FieldLimit): Promise<readonly unknown[]> {
    return this.#connection.call(async (client) => {
      if (limit !== undefined && Number(await client.sendCommand(["HLEN", limit.key])) > limit.maxFields)
        await client.sendCommand(["UNLINK", limit.key]);
      const multi = client.multi();
      for (const command of commands) multi.sendCommand([...command]);
      return multi.exec();
    });
  }

  close(): void {
    this.#connection.close();
  }
}

class RedisLink implements Link<RedisClient> {
  readonly label: string;
  readonly #package = loadClient();
  readonly #url: StoreUrl;
  readonly #options: RedisOptions;
  /** Why the connection has ended: the calls on it tell of its end alone. */
  #fault: unknown;
  /** Every client that is not closed yet, also while it connects. */
  readonly #clients = new Set<RedisClient>();

  constructor(url: StoreUrl, options: RedisOptions) {
    this.label = url.label;
    this.#url = url;
    this.#options = options;
    if (url.isTls) tlsOptions(url.hosts[0]?.host ?? "", options.tls); // a wrong option is found now
  }

  async open(): Promise<RedisClient> {
    this.#fault = undefined;
    const [host] = this.#url.hosts;
    if (host === undefined) throw new StoreError("unreachable", "there is no host");
    const primary = this.#url.kind === "redis" ? host : await this.#findPrimary();
    return this.#connectTo(primary, this.#url, Number(this.#url.database));
  }

  drop(): void {
    for (const client of this.#clients) this.#end(client);
  }

  failureOf(error: unknown) {
    const { ClientClosedError, DisconnectsClientError } = this.#package;
    const isOfEnd = error instanceof ClientClosedError || error instanceof DisconnectsClientError;
    const first = (isOfEnd && this.#fault) || firstError(error);
    const failure = first instanceof StoreError ? first : this.#failureFrom(first);
    const isLost = failure.code === "timeout" || failure.code === "unreachable" || NOT_PRIMARY.test(messageOf(first));
    return { failure, isLost };
  }

  /** Asks all hosts of the URL at once. The first that knows wins. */
  async #findPrimary(): Promise<StoreHost> {
    const asked = new Set<RedisClient>();
    const ask = this.#url.kind === "sentinel" ? this.#askSentinel : this.#askNode;
    try {
      return await Promise.any(this.#url.hosts.map((host) => ask.call(this, host, asked)));
    } catch (error) {
      // what a host has answered tells more than that another one is away
      const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
      const { ErrorReply } = this.#package;
      throw errors.find((each) => each instanceof StoreError || each instanceof ErrorReply) ?? errors[0];
    } finally {
      for (const client of asked) this.#end(client);
    }
  }

  async #askSentinel(host: StoreHost, asked: Set<RedisClient>): Promise<StoreHost> {
    const { master = "", sentinel } = this.#url;
    const client = await this.#connectTo(host, sentinel, 0, asked);
    const answer = await client.sendCommand(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", master]);
    if (answer === null) throw new StoreError("unreachable", `no Sentinel knows a master ${JSON.stringify(master)}`);
    const [address, port] = Array.isArray(answer) ? (answer as readonly unknown[]) : [];
    if (typeof address !== "string" || !(Number(port) > 0))
      throw new StoreError("protocol", "a Sentinel gave no address of a master");
    return { host: address, port: Number(port) };
  }

  async #askNode(host: StoreHost, asked: Set<RedisClient>): Promise<StoreHost> {
    const client = await this.#connectTo(host, this.#url, 0, asked);
    try {
      await client.sendCommand(["HLEN", this.#options.key]);
      return host;
    } catch (error) {
      // Redis Cluster specification, "MOVED Redirection": an empty host is that of the node which was asked
      const [, address, port] = /^MOVED \d+ (.*):(\d+)$/.exec(messageOf(error)) ?? [];
      if (port === undefined) throw error;
      return { host: address || host.host, port: Number(port) };
    }
  }

  async #connectTo(
    { host, port }: StoreHost,
    login: StoreLogin,
    database: number,
    asked?: Set<RedisClient>,
  ): Promise<RedisClient> {
    const { tls, deadlineMs } = this.#options;
    const secure = this.#url.isTls ? { ...tlsOptions(host, tls), tls: true as const } : {};
    const client: RedisClient = this.#package.createClient({
      socket: { ...secure, host, port, connectTimeout: CONNECT_TIMES * deadlineMs, reconnectStrategy: false },
      ...(login.user === undefined ? {} : { username: login.user }),
      ...(login.password === undefined ? {} : { password: login.password }),
      database,
      RESP: 2, // RESP 3 needs HELLO, which old proxies and users with few rights do not have
      disableOfflineQueue: true,
      commandsQueueMaxLength: MAX_QUEUE,
      disableClientInfo: true,
      maintNotifications: "disabled",
    });
    this.#clients.add(client);
    asked?.add(client);
    client.on("error", (error) => {
      this.#fault ??= error;
      this.#end(client); // calls reject
    });
    try {
      await client.connect();
      // `destroy` of the client does not end what still connects (@redis/client 6.3)
      if (!this.#clients.has(client)) throw new StoreError("timeout", `${this.label}: connected too late`);
      return client;
    } catch (error) {
      this.#end(client);
      throw error;
    }
  }

  #end(client: RedisClient): void {
    this.#clients.delete(client);
    client.destroy();
  }

  #failureFrom(error: unknown): StoreError {
    const message = messageOf(error);
    const fault = FAULTS.find(([pattern]) => pattern.test(message))?.[1];
    const isOfCluster = fault === "other-node" && this.#url.kind === "redis";
    const hint = isOfCluster ? "; the server is a node of a cluster: write redis+cluster:// in fleet.store" : "";
    const cause = fault === undefined ? { cause: error } : { cause: error, fault };
    return new StoreError(codeOfFailure(error, this.#package), this.#text(message) + hint, cause);
  }

  /** Redis shows the arguments of commands that it does not know: AUTH may be renamed. */
  #text(message: string): string {
    const secrets = [this.#url.password, this.#url.sentinel.password].filter((each) => each !== undefined);
    const shown = secrets.reduce((text, secret) => text.replaceAll(secret, "***"), message);
    const plain = printable(shown.replace(/,? with args beginning with.*/s, ""));
    return `${this.label}: ${plain.slice(0, MAX_MESSAGE_LENGTH)}`;
  }
}

function codeOfFailure(error: unknown, { ErrorReply, ConnectionTimeoutError }: Package): StoreError["code"] {
  if (error instanceof ConnectionTimeoutError) return "timeout";
  if (!(error instanceof ErrorReply)) return "unreachable";
  if (REFUSALS.test(error.message)) return "refused";
  return UNAVAILABLE.test(error.message) ? "unreachable" : "protocol";
}

/** Of a transaction, the error of the first command that failed. */
function firstError(error: unknown): unknown {
  const { replies, errorIndexes } = Object(error) as { replies?: readonly unknown[]; errorIndexes?: readonly number[] };
  const index = errorIndexes?.[0];
  return index === undefined ? error : replies?.[index];
}
