/**
 * Redis, PostgreSQL, MariaDB and RabbitMQ for real: each with a login, with TLS, and with a log that shows how a client left.
 */
import assert from "node:assert/strict";
import { chmodSync, chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { certify, createSubject } from "../support/certificates.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { debian, debianUser } from "./install.js";
import { accepting, Running, run } from "./peers.js";

/** The part of a target that a test varies. */
export interface Login {
  readonly user?: string;
  /** `""`: none. */
  readonly password?: string;
  /** The database or the virtual host. */
  readonly path?: string;
  /** The port of TLS, where it is another one. */
  readonly tls?: boolean;
}

/** A server that is installed and has its data. */
export interface Prepared {
  /** @param args further arguments of the program */
  readonly start: (...args: string[]) => Running;
  readonly url: (login?: Login) => string;
  readonly port: number;
  readonly tlsPort: number;
  /** Gives it another certificate, for its next start. `endsInDays` below 0: one that has expired. */
  readonly certify: (endsInDays: number) => void;
  /** The lines of its log about clients that left without a goodbye. */
  readonly complaints: RegExp;
  /** A program that has to run beside it. */
  readonly beside?: Running;
}

export const PASSWORD = "s3cret-Word";

/** What the slowest server may take to start on a slow day. */
export const PATIENCE_MS = 180_000;

const authority = createSubject("authority of the servers");
const server = createSubject("server");
const client = createSubject("me");

/** The authority that has signed the certificate of each server. The certificate ends in 90 days. */
export const CA = certify(authority);
/** A client certificate that each server accepts. */
export const CLIENT = { cert: certify(client, { issuer: authority, isAuthority: false }), key: client.key };
/** An authority that has signed nothing. */
export const OTHER_CA = certify(createSubject("another authority"));

/** Writes the certificates into a folder. */
function writeCertificates(folder: string, owner?: { uid: number; gid: number }) {
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    chmodSync(path, 0o600);
    if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
    return path;
  };
  const renew = (endsInDays: number) => {
    const times = { startsInDays: Math.min(-1, endsInDays - 90), endsInDays };
    return write("server.pem", certify(server, { issuer: authority, hosts: ["localhost", "127.0.0.1"], ...times }));
  };
  return { ca: write("ca.pem", CA), cert: renew(90), key: write("server.key", server.key), renew };
}

export async function prepareRedis(folder: string): Promise<Prepared> {
  const [port, tlsPort] = [await freePort(), await freePort()];
  const program = debian("redis-server");
  const { ca, cert, key, renew } = writeCertificates(folder);
  const tls = ["--tls-port", `${tlsPort}`, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca];
  const users = ["--user", "idle", "on", ">idle-Word", "~*", "&*", "+@all", "-ping"];
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--dir", folder, "--requirepass", PASSWORD];
  return {
    start: (...more) => new Running(program, [...args, ...tls, "--loglevel", "verbose", ...users, ...more]),
    url: ({ user = "", password = PASSWORD, path = "/1", tls: isTls = false } = {}) =>
      `${isTls ? "rediss" : "redis"}://${userInfo(user, password)}127.0.0.1:${isTls ? tlsPort : port}${path}`,
    port,
    tlsPort,
    certify: renew,
    complaints: /Error (?:reading|writing)|Reading from client|Writing to client|reset by peer/i,
  };
}

export async function preparePostgres(folder: string): Promise<Prepared> {
  const port = await freePort();
  // runuser would stand between us and the server, and a server that was killed would stay a zombie
  const [setpriv, initdb, program] = [
    debian("setpriv", "util-linux"),
    debian("initdb", "postgresql", "/usr/lib/postgresql/*/bin"),
    debian("postgres", "postgresql", "/usr/lib/postgresql/*/bin"),
  ];
  const owner = debianUser("postgres");
  giveTo(folder, owner);
  const { ca, cert, key, renew } = writeCertificates(folder, owner);
  const data = join(folder, "data");
  const as = (name: string, ...args: string[]) => [
    ...["--reuid=postgres", "--regid=postgres", "--clear-groups", "--", name],
    ...args,
  ];
  const made = await run(setpriv, as(initdb, "-D", data, "-U", "me", "--auth=trust", "--no-sync"));
  assert.equal(made.code, 0, made.stderr);
  const set = (values: Record<string, string>) =>
    Object.entries(values).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const settings = ["-p", `${port}`, "-k", folder, "-h", "127.0.0.1", ...set({ fsync: "off" })];
  // a password is set by a trusted user, and asked for afterwards
  const trusting = new Running(setpriv, as(program, "-D", data, ...settings));
  await accepting(port);
  await eventually(
    () =>
      createUsers(port).then(
        () => true,
        () => false,
      ),
    "the users exist",
    PATIENCE_MS,
  );
  await trusting.stop();
  const rules = join(folder, "rules.conf");
  writeFileSync(
    rules,
    [
      "hostssl all secure 127.0.0.1/32 scram-sha-256",
      "hostnossl all secure 127.0.0.1/32 reject",
      "hostssl all certified 127.0.0.1/32 scram-sha-256 clientcert=verify-ca",
      "host all all 127.0.0.1/32 scram-sha-256\n",
    ].join("\n"),
  );
  chmodSync(rules, 0o644);
  const secure = { ssl: "on", ssl_cert_file: cert, ssl_key_file: key, ssl_ca_file: ca };
  const logging = { log_connections: "on", log_disconnections: "on" };
  const rest = set({ hba_file: rules, ...secure, ...logging });
  return {
    start: (...more) => new Running(setpriv, as(program, "-D", data, ...settings, ...rest, ...more)),
    url: ({ user = "me", password = PASSWORD, path = "/postgres" } = {}) =>
      `postgres://${userInfo(user, password)}127.0.0.1:${port}${path}`,
    port,
    tlsPort: port,
    certify: renew,
    complaints: /unexpected EOF|could not (?:receive|send) data|connection to client lost/,
  };
}

async function createUsers(port: number): Promise<void> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ host: "127.0.0.1", port, user: "me", database: "postgres" });
  client.on("error", () => {});
  try {
    await client.connect();
    const users = ["secure", "certified", "limited connection limit 0"];
    await client.query(`alter user me password '${PASSWORD}'`);
    await client.query(users.map((user) => `create user ${user} password '${PASSWORD}'`).join(";"));
  } finally {
    await client.end();
  }
}

export async function prepareMariadb(folder: string): Promise<Prepared> {
  const port = await freePort();
  const program = debian("mariadbd", "mariadb-server");
  const owner = debianUser("mysql");
  giveTo(folder, owner);
  const { ca, cert, key, renew } = writeCertificates(folder, owner);
  const data = join(folder, "data");
  const install = debian("mariadb-install-db", "mariadb-server");
  const made = await run(install, ["--no-defaults", `--datadir=${data}`, "--user=mysql", "--skip-test-db"]);
  assert.equal(made.code, 0, made.stdout + made.stderr);
  const init = join(folder, "init.sql");
  const users = [
    `create or replace user 'me'@'%' identified by '${PASSWORD}';`,
    `create or replace user 'secure'@'%' identified by '${PASSWORD}' require ssl;`,
    `create or replace user 'certified'@'%' identified by '${PASSWORD}' require x509;`,
    `create or replace user 'admin'@'%' identified by '${PASSWORD}';`,
    "grant all on *.* to 'admin'@'%';",
    `create or replace user 'locked'@'%' identified by '${PASSWORD}' account lock;`,
    `create or replace user 'limited'@'%' identified by '${PASSWORD}' with max_connections_per_hour 1;\n`,
  ];
  writeFileSync(init, users.join("\n"));
  chmodSync(init, 0o644);
  const args = [
    ...["--no-defaults", "--user=mysql", `--datadir=${data}`, `--port=${port}`, "--bind-address=127.0.0.1"],
    ...[`--socket=${join(folder, "s")}`, `--pid-file=${join(folder, "pid")}`, `--init-file=${init}`],
    ...[`--ssl-ca=${ca}`, `--ssl-cert=${cert}`, `--ssl-key=${key}`, "--log-warnings=4"],
  ];
  return {
    start: (...more) => new Running(program, [...args, ...more]),
    url: ({ user = "me", password = PASSWORD, path = "" } = {}) =>
      `mysql://${userInfo(user, password)}127.0.0.1:${port}${path}`,
    port,
    tlsPort: port,
    certify: renew,
    complaints: /Aborted connection/,
  };
}

export async function prepareRabbitmq(folder: string): Promise<Prepared> {
  const [port, tlsPort, distribution, mapper] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const program = debian("rabbitmq-server", "rabbitmq-server", "/usr/lib/rabbitmq/bin");
  const { ca, cert, key, renew } = writeCertificates(folder);
  const config = join(folder, "rabbitmq.conf");
  const lines = [
    `listeners.tcp.default = 127.0.0.1:${port}`,
    `listeners.ssl.default = 127.0.0.1:${tlsPort}`,
    `ssl_options.cacertfile = ${ca}`,
    `ssl_options.certfile = ${cert}`,
    `ssl_options.keyfile = ${key}`,
    "ssl_options.versions.1 = tlsv1.3",
    "ssl_options.versions.2 = tlsv1.2",
    "ssl_options.verify = verify_peer",
    "ssl_options.fail_if_no_peer_cert = true",
    `load_definitions = ${writeDefinitions(folder)}`,
    "log.console = true",
    "log.console.level = info\n",
  ];
  writeFileSync(config, lines.join("\n"));
  const env = {
    HOME: folder,
    ERL_EPMD_PORT: `${mapper}`,
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_NODENAME: "healthbridge@localhost",
    RABBITMQ_DIST_PORT: `${distribution}`,
    RABBITMQ_MNESIA_BASE: join(folder, "data"),
    RABBITMQ_LOG_BASE: join(folder, "log"),
    RABBITMQ_LOGS: "-",
    RABBITMQ_PID_FILE: join(folder, "pid"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "plugins"),
    RABBITMQ_CONFIG_FILE: config,
  };
  return {
    beside: new Running(debian("epmd", "erlang-base"), ["-port", `${mapper}`, "-address", "127.0.0.1"]),
    start: () => new Running(program, [], { env }),
    url: ({ user = "guest", password = PASSWORD, path = "/", tls = false } = {}) =>
      `${tls ? "amqps" : "amqp"}://${userInfo(user, password)}127.0.0.1:${tls ? tlsPort : port}${path}`,
    port,
    tlsPort,
    certify: renew,
    complaints: /unexpectedly closed|handshake_timeout|handshake_error|connection_closed_abruptly/,
  };
}

/** Virtual hosts and users of RabbitMQ. There is no user `guest` without them. */
function writeDefinitions(folder: string): string {
  const path = join(folder, "definitions.json");
  const users = ["guest", "limited"].map((name) => ({ name, password: PASSWORD, tags: "" }));
  const permission = (user: string, vhost: string) => ({ user, vhost, configure: ".*", write: ".*", read: ".*" });
  const definitions = {
    users: users.map((user) => (user.name === "limited" ? { ...user, limits: { "max-connections": 0 } } : user)),
    vhosts: ["/", "full", "private"].map((name) => ({ name })),
    permissions: [permission("guest", "/"), permission("guest", "full"), permission("limited", "/")],
    parameters: [{ vhost: "full", component: "vhost-limits", name: "limits", value: { "max-connections": 0 } }],
  };
  writeFileSync(path, JSON.stringify(definitions));
  return path;
}

function userInfo(user: string, password: string): string {
  return password === "" ? (user === "" ? "" : `${user}@`) : `${user}:${password}@`;
}

function giveTo(folder: string, { uid, gid }: { uid: number; gid: number }): void {
  chownSync(folder, uid, gid);
  chmodSync(folder, 0o755);
}
