/** Redis, PostgreSQL, MariaDB and RabbitMQ for real: each is stopped, killed and started again under a check. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Health } from "../../src/daemon/health.js";
import { openTarget } from "../../src/probers/schemes.js";
import { eventually } from "../support/eventually.js";
import { debian, debianUser } from "./install.js";
import { accepting, freePort, Running, run } from "./peers.js";

/** A server that is installed and has its data. */
interface Prepared {
  readonly start: () => Running;
  readonly url: (password: string) => string;
  readonly password: string;
  /** Whatever else has to run beside it. */
  readonly beside?: Running;
}

const QUICK = { interval: 500, timeout: 400, unhealthyThreshold: 2, healthyThreshold: 1, edgeInterval: 200 };

/** What the slowest server may take to start on a slow day. */
const PATIENCE_MS = 180_000;

const PASSWORD = "s3cret-Word";

async function prepareRedis(folder: string): Promise<Prepared> {
  const port = await freePort();
  const program = debian("redis-server");
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--dir", folder, "--requirepass", PASSWORD];
  return {
    start: () => new Running(program, args),
    url: (password) => `redis://:${password}@127.0.0.1:${port}/1`,
    password: PASSWORD,
  };
}

async function preparePostgres(folder: string): Promise<Prepared> {
  const port = await freePort();
  // runuser would stand between us and the server, and nobody would bury a server that was killed
  const [setpriv, initdb, server] = [
    debian("setpriv", "util-linux"),
    debian("initdb", "postgresql", "/usr/lib/postgresql/*/bin"),
    debian("postgres", "postgresql", "/usr/lib/postgresql/*/bin"),
  ];
  giveTo(folder, debianUser("postgres"));
  const data = join(folder, "data");
  const as = (program: string, ...args: string[]) => [
    "--reuid=postgres",
    "--regid=postgres",
    "--clear-groups",
    "--",
    program,
    ...args,
  ];
  const made = await run(setpriv, as(initdb, "-D", data, "-U", "me", "--auth=trust", "--no-sync"));
  assert.equal(made.code, 0, made.stderr);
  const settings = ["-p", `${port}`, "-k", folder, "-h", "127.0.0.1", "-c", "fsync=off"];
  // a password is set by one who is trusted, and asked for afterwards
  const trusting = new Running(setpriv, as(server, "-D", data, ...settings));
  await accepting(port);
  const { default: pg } = await import("pg");
  const client = new pg.Client({ host: "127.0.0.1", port, user: "me", database: "postgres" });
  await client.connect();
  await client.query(`alter user me password '${PASSWORD}'`);
  await client.end();
  await trusting.stop();
  const rules = join(folder, "rules.conf");
  writeFileSync(rules, "host all all 127.0.0.1/32 scram-sha-256\n");
  chmodSync(rules, 0o644);
  return {
    start: () => new Running(setpriv, as(server, "-D", data, ...settings, "-c", `hba_file=${rules}`)),
    url: (password) => `postgres://me:${password}@127.0.0.1:${port}/postgres`,
    password: PASSWORD,
  };
}

async function prepareMariadb(folder: string): Promise<Prepared> {
  const port = await freePort();
  const server = debian("mariadbd", "mariadb-server");
  giveTo(folder, debianUser("mysql"));
  const data = join(folder, "data");
  const install = debian("mariadb-install-db", "mariadb-server");
  const made = await run(install, ["--no-defaults", `--datadir=${data}`, "--user=mysql", "--skip-test-db"]);
  assert.equal(made.code, 0, made.stdout + made.stderr);
  const init = join(folder, "init.sql");
  writeFileSync(init, `create or replace user 'me'@'%' identified by '${PASSWORD}';\n`);
  chmodSync(init, 0o644);
  const args = [
    "--no-defaults",
    "--user=mysql",
    `--datadir=${data}`,
    `--port=${port}`,
    "--bind-address=127.0.0.1",
    `--socket=${join(folder, "s")}`,
    `--pid-file=${join(folder, "pid")}`,
    `--init-file=${init}`,
  ];
  return {
    start: () => new Running(server, args),
    url: (password) => `mysql://me:${password}@127.0.0.1:${port}`,
    password: PASSWORD,
  };
}

async function prepareRabbitmq(folder: string): Promise<Prepared> {
  const [port, distribution, mapper] = [await freePort(), await freePort(), await freePort()];
  const server = debian("rabbitmq-server", "rabbitmq-server", "/usr/lib/rabbitmq/bin");
  const env = {
    HOME: folder,
    ERL_EPMD_PORT: `${mapper}`,
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_NODENAME: "healthbridge@localhost",
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: `${port}`,
    RABBITMQ_DIST_PORT: `${distribution}`,
    RABBITMQ_MNESIA_BASE: join(folder, "data"),
    RABBITMQ_LOG_BASE: join(folder, "log"),
    RABBITMQ_PID_FILE: join(folder, "pid"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "plugins"),
    RABBITMQ_CONFIG_FILE: join(folder, "none"),
  };
  return {
    beside: new Running(debian("epmd", "erlang-base"), ["-port", `${mapper}`, "-address", "127.0.0.1"]),
    start: () => new Running(server, [], { env }),
    url: (password) => `amqp://guest:${password}@127.0.0.1:${port}/`,
    password: "guest",
  };
}

function giveTo(folder: string, { uid, gid }: { uid: number; gid: number }): void {
  chownSync(folder, uid, gid);
  chmodSync(folder, 0o755);
}

/** Signals a program and all that it has started: PostgreSQL gives each of its processes a group of its own. */
function signalFamily({ process: { pid } }: Running, name: NodeJS.Signals): void {
  const signal = (member: number): void => {
    try {
      process.kill(member, name);
      const children = readFileSync(`/proc/${member}/task/${member}/children`, "utf8").split(" ");
      for (const child of children) if (child.trim() !== "") signal(Number(child));
    } catch {
      // it has ended meanwhile, as those that serve one connection do
    }
  };
  if (pid !== undefined) signal(pid);
}

const SERVERS: Readonly<Record<string, (folder: string) => Promise<Prepared>>> = {
  Redis: prepareRedis,
  PostgreSQL: preparePostgres,
  MariaDB: prepareMariadb,
  RabbitMQ: prepareRabbitmq,
};

for (const [name, prepare] of Object.entries(SERVERS)) {
  describe(name, () => {
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-"));
    const programs: Running[] = [];
    const health = new Health();
    after(async () => {
      await health.shutdown({ drainDelayMs: 0 });
      await Promise.all(programs.map((program) => program.stop()));
      rmSync(folder, { recursive: true, force: true });
    });
    const becomes = (status: string) =>
      eventually(() => health.status("server") === status, `${name} is ${status}`, PATIENCE_MS);

    test("passes, fails while it hangs or is dead, recovers, and fails with auth for a wrong password", async () => {
      const { start, url, password, beside } = await prepare(folder);
      if (beside !== undefined) programs.push(beside);
      const begin = () => {
        const running = start();
        programs.push(running);
        return running;
      };
      let server = begin();
      const reasons = new Set<string | undefined>();
      health.onTransition(({ subject, reason }) => subject === "check" && reasons.add(reason));
      health.check("server", url(password), QUICK);
      await becomes("SERVING");

      const stranger = openTarget(url("wrong"));
      const {
        outcome,
        reason,
        detail = "",
      } = await stranger.probe({
        signal: AbortSignal.timeout(10_000),
        timeoutMs: 10_000,
      });
      stranger.close();
      assert.deepEqual([outcome, reason], ["fail", "auth"], detail);
      assert.ok(!detail.includes("wrong"), detail);

      signalFamily(server, "SIGSTOP");
      await becomes("NOT_SERVING");
      assert.ok(reasons.has("timeout"), [...reasons].join());
      signalFamily(server, "SIGCONT");
      await becomes("SERVING");

      await server.stop();
      await becomes("NOT_SERVING");
      await eventually(async () => {
        const gone = openTarget(url(password));
        const found = await gone.probe({ signal: AbortSignal.timeout(5_000), timeoutMs: 5_000 });
        gone.close();
        return found.reason === "refused";
      }, "its port is refused");
      server = begin();
      await becomes("SERVING");
    });
  });
}
