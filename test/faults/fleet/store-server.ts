/** The store of a fleet of the rows: a real redis-server or PostgreSQL, in the namespace `store`, without persistence. */
import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { debian, debianUser } from "../../interop/install.js";
import { eventually } from "../../support/eventually.js";
import type { FleetSite, Spawned } from "./fleet-site.js";

export const PASSWORD = "s3cret-Word";

const REDIS_PORT = 6379;
const POSTGRES_PORT = 5432;

export interface StoreServer {
  readonly url: string;
  start(): Promise<void>;
  /** Kills the server: what it has stored is lost. */
  kill(): Promise<void>;
  /** Stops the server in an orderly way: it keeps what it has stored. */
  stop(): Promise<void>;
  /** It answers nothing until what is returned is called. */
  hang(): () => Promise<void>;
  /** Ways to remove all entries of the log, each with its name. */
  trims(): readonly (readonly [string, () => void])[];
  /** The number of votes that are stored. */
  cells(): number;
  /** Ways to lose records, each with its name. */
  losses(): readonly (readonly [string, () => void])[];
  /** Removes the files of the server. */
  remove(): void;
}

export class RedisServer implements StoreServer {
  readonly #site: FleetSite;
  readonly #folder = mkdtempSync(join(tmpdir(), "hb-fleet-redis-"));
  #server: Spawned | undefined;

  constructor(site: FleetSite) {
    this.#site = site;
  }

  get url(): string {
    return `redis://:${PASSWORD}@${this.#site.network.addressOf("store")}:${REDIS_PORT}`;
  }

  async start(): Promise<void> {
    const args = ["--port", `${REDIS_PORT}`, "--bind", "0.0.0.0", "--save", "", "--requirepass", PASSWORD];
    this.#server = this.#site.spawn("store", debian("redis-server"), [...args, "--dir", this.#folder]);
    await eventually(() => this.#site.redis("PING") === "PONG", "redis answers");
  }

  async kill(): Promise<void> {
    await this.#server?.stop();
    rmSync(join(this.#folder, "dump.rdb"), { force: true }); // of an earlier `stop`
  }

  async stop(): Promise<void> {
    this.#site.redis("SHUTDOWN", "SAVE"); // read again at the start
    await this.#server?.stop();
  }

  hang(): () => Promise<void> {
    this.#server?.signal("SIGSTOP");
    return async () => this.#server?.signal("SIGCONT");
  }

  trims(): readonly (readonly [string, () => void])[] {
    return [
      ["trimmed", () => void this.#site.redis("XTRIM", `${REDIS_KEY}:log`, "MAXLEN", "0")],
      ["expired", () => void this.#site.redis("DEL", `${REDIS_KEY}:log`)],
    ];
  }

  cells(): number {
    // each key has a field for the head
    return this.#cellKeys().reduce((total, key) => total + Number(this.#site.redis("HLEN", key)) - 1, 0);
  }

  losses(): readonly (readonly [string, () => void])[] {
    const lose =
      (...command: readonly string[]) =>
      () =>
        void this.#site.redis(...command);
    return [
      ["FLUSHALL", lose("FLUSHALL")],
      ["beats evicted", lose("DEL", `${REDIS_KEY}:beats`)],
      ["log evicted", lose("DEL", `${REDIS_KEY}:log`)],
      ["cells of a run evicted", () => lose("DEL", this.#cellKeys()[0] ?? "")()],
    ];
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #cellKeys(): readonly string[] {
    return this.#site
      .redis("KEYS", `${REDIS_KEY}:cells:*`)
      .split("\n")
      .filter((key) => key !== "");
  }
}

/** The part that all keys of the fleet share. */
export const REDIS_KEY = "{healthbridge:rows}";

const TABLES = ["beats", "cells", "heads", "leases", "log", "texts"].map((table) => `healthbridge.${table}`).join();

export class PostgresServer implements StoreServer {
  readonly #site: FleetSite;
  readonly #folder = mkdtempSync(join(tmpdir(), "hb-fleet-postgres-"));
  #isPrepared = false;
  #server: Spawned | undefined;

  constructor(site: FleetSite) {
    this.#site = site;
  }

  get url(): string {
    return `postgres://postgres:${PASSWORD}@${this.#site.network.addressOf("store")}:${POSTGRES_PORT}/postgres`;
  }

  async start(): Promise<void> {
    const folders = ["postgresql", "/usr/lib/postgresql/*/bin"] as const;
    if (!this.#isPrepared) {
      const { uid, gid } = debianUser("postgres");
      chownSync(this.#folder, uid, gid);
      const options = ["--auth=trust", "--username=postgres", "--no-sync", "-D", this.#folder];
      execFileSync(this.#setpriv, this.#asOwner(debian("initdb", ...folders), ...options), { stdio: "pipe" });
      this.#isPrepared = true;
    }
    const rules = join(this.#folder, "pg_hba.conf");
    execFileSync("sh", ["-c", `echo "host all all 0.0.0.0/0 trust" > ${rules}`]);
    const settings = [
      "fsync=off",
      "log_min_messages=fatal",
      "listen_addresses=*",
      `port=${POSTGRES_PORT}`,
      `unix_socket_directories=${this.#folder}`,
    ];
    const args = ["-D", this.#folder, ...settings.flatMap((setting) => ["-c", setting])];
    // SIGQUIT ends all its processes at once, as a crash does: tables that are not logged are empty afterwards
    const program = debian("postgres", ...folders);
    this.#server = this.#site.spawn("store", this.#setpriv, this.#asOwner(program, ...args), "SIGQUIT");
    await eventually(() => this.#query("SELECT 1") === "1", "PostgreSQL answers");
  }

  async kill(): Promise<void> {
    await this.#server?.stop();
  }

  async stop(): Promise<void> {
    await this.#server?.stop("SIGINT"); // "fast shutdown"
  }

  /** Another session locks the tables. */
  hang(): () => Promise<void> {
    const lock = `BEGIN; LOCK TABLE ${TABLES} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3600)`;
    const [program, ...options] = this.#psql(lock);
    const session = this.#site.spawn("store", program, options, "SIGINT"); // cancels the query, and ends
    return () => session.stop();
  }

  trims(): readonly (readonly [string, () => void])[] {
    return [["deleted", () => void this.#query("DELETE FROM healthbridge.log")]];
  }

  cells(): number {
    return Number(this.#query("SELECT count(*) FROM healthbridge.cells"));
  }

  losses(): readonly (readonly [string, () => void])[] {
    const lose = (query: string) => () => void this.#query(query);
    return [
      ["all tables emptied", lose(`TRUNCATE ${TABLES}`)],
      ["beats deleted", lose("DELETE FROM healthbridge.beats")],
      ["log deleted", lose("DELETE FROM healthbridge.log")],
      [
        "cells of a run deleted",
        lose("DELETE FROM healthbridge.cells WHERE run = (SELECT min(run) FROM healthbridge.cells)"),
      ],
      ["schema dropped", lose("DROP SCHEMA healthbridge CASCADE")],
    ];
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #setpriv(): string {
    return debian("setpriv", "util-linux");
  }

  #asOwner(...command: readonly string[]): readonly string[] {
    return ["--reuid=postgres", "--regid=postgres", "--clear-groups", "--", ...command];
  }

  #query(query: string): string {
    const [program = "", ...rest] = [...this.#site.network.within("store"), ...this.#psql(query)];
    return spawnSync(program, rest, { encoding: "utf8" }).stdout.trim();
  }

  #psql(query: string): readonly [program: string, ...options: string[]] {
    const options = ["-X", "-A", "-t", "-h", this.#site.network.addressOf("store"), "-U", "postgres", "-c", query];
    return [debian("psql", "postgresql-client"), ...options];
  }
}
