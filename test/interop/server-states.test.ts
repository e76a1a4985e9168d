/**
 * States of Redis, PostgreSQL and MariaDB in which they accept a connection and give no service: loading, recovering, full,
 * shutting down. Each has its reason.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import type { DialogueStep, ProberOptions } from "../../src/probers/options.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { probe, verdict } from "../probers/probing.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { DIALOGUES } from "./dialogue-servers.js";
import { accepting, type Running } from "./peers.js";
import { CA, PASSWORD, PATIENCE_MS, type Prepared, prepareMariadb, preparePostgres } from "./real-servers.js";

const folders: string[] = [];
const programs = new Set<Running>();

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-states-"));
  folders.push(folder);
  return folder;
}

/** An address of this machine that is not loopback: for servers that trust loopback more than others. */
const [OWN_ADDRESS = assert.fail("this machine has no address but loopback")] = Object.values(networkInterfaces())
  .flatMap((addresses = []) => addresses)
  .filter(({ family, internal }) => family === "IPv4" && !internal)
  .map(({ address }) => address);

async function stopAll(): Promise<void> {
  await Promise.all([...programs].map((program) => program.stop()));
  programs.clear();
}

afterEach(stopAll);
after(async () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** The verdict and the detail of one probe. */
async function resultOf(url: string, options: ProberOptions = {}): Promise<string> {
  const prober = openTarget(url, systemDeps(), { reuse: false, ...options });
  const { outcome, reason, detail } = await probe(prober);
  prober.close();
  return [outcome, reason, detail].filter((part) => part !== undefined).join(" | ");
}

/** Waits until a target has a verdict: a server needs a moment to come into a state. */
async function becomes(url: string, expected: RegExp, options: ProberOptions = {}): Promise<void> {
  let last = "";
  const isThere = async () => {
    last = await resultOf(url, options);
    return expected.test(last);
  };
  const patience = eventually(isThere, `${expected} of ${url}`);
  await patience.catch((error) => assert.fail(`${error}, but ${last}`));
}

/** Takes connections with a login; each stays. Returns how they are closed. */
async function hold(url: string, count: number): Promise<() => void> {
  const probers = Array.from({ length: count }, () => openTarget(url));
  for (const prober of probers) assert.equal(await verdict(prober), "pass");
  return () => {
    for (const prober of probers) prober.close();
  };
}

describe("Redis", () => {
  /** Sends a command, and nothing else. */
  const send = (port: number, command: string) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(`${command}\r\n`));
    socket.on("error", () => {}).resume();
    return socket;
  };
  const start = async (folder: string, ...more: string[]) => {
    const port = await freePort();
    const program = await DIALOGUES.Redis.start({ folder, port, more });
    programs.add(program);
    await accepting(port);
    return { program, port, url: `redis://127.0.0.1:${port}` };
  };

  test("loading: unavailable", async () => {
    const folder = newFolder();
    const first = await start(folder, "--enable-debug-command", "yes");
    send(first.port, "DEBUG POPULATE 2000\r\nSAVE");
    await eventually(() => first.program.output.includes("DB saved on disk"), "the data are saved");
    await stopAll();
    // 2,000 keys of 3 ms each; it answers between them
    const second = await start(folder, "--key-load-delay", "3000", "--loading-process-events-interval-bytes", "1024");
    assert.match(await resultOf(second.url), /^fail \| unavailable \| LOADING/);
  });

  test("a replica of a dead master: unavailable", async () => {
    const args = ["--replicaof", "127.0.0.1", "1", "--replica-serve-stale-data", "no"];
    const { url } = await start(newFolder(), ...args);
    assert.match(await resultOf(url), /^fail \| unavailable \| MASTERDOWN/);
  });

  test("too many clients: unavailable", async () => {
    const { port, url } = await start(newFolder(), "--maxclients", "1");
    await becomes(url, /^pass$/);
    const socket = send(port, "PING");
    await becomes(url, /^fail \| unavailable \| ERR max number of clients reached/);
    socket.destroy();
    await becomes(url, /^pass$/);
  });

  test("a script that does not end: unavailable", async () => {
    const { port, url } = await start(newFolder(), "--busy-reply-threshold", "50");
    send(port, 'EVAL "while true do end" 0');
    await becomes(url, /^fail \| unavailable \| BUSY/);
  });

  test("a snapshot that failed: unavailable", async () => {
    const folder = newFolder();
    const { port, url } = await start(folder, "--save", "3600", "1");
    rmSync(folder, { recursive: true });
    send(port, "BGSAVE");
    await becomes(url, /^fail \| unavailable \| MISCONF/);
  });

  test("protected mode, seen from another address: auth", async () => {
    const { port, url } = await start(newFolder(), "--bind", "127.0.0.1", OWN_ADDRESS);
    assert.equal(await resultOf(url), "pass");
    assert.match(await resultOf(`redis://${OWN_ADDRESS}:${port}`), /^fail \| auth \| DENIED/);
    assert.match(await resultOf(`redis://:unasked@127.0.0.1:${port}`), /^fail \| auth \| ERR AUTH/);
  });
});

describe("PostgreSQL", () => {
  let prepared: Prepared;
  let folder = "";
  before(async () => {
    folder = newFolder();
    prepared = await preparePostgres(folder);
  });
  const start = (...settings: string[]): Running => {
    const program = prepared.start(...settings.flatMap((setting) => ["-c", setting]));
    programs.add(program);
    return program;
  };

  test("all connections are taken: unavailable", async () => {
    start("max_connections=3", "superuser_reserved_connections=0");
    await becomes(prepared.url(), /^pass$/);
    const release = await hold(prepared.url(), 3);
    assert.match(await resultOf(prepared.url()), /^fail \| unavailable \| 53300 .*too many clients/);
    release();
    await becomes(prepared.url(), /^pass$/);
  });

  test("shutting down: unavailable", async () => {
    const program = start();
    await becomes(prepared.url(), /^pass$/);
    const release = await hold(prepared.url(), 1);
    program.signal("SIGTERM"); // it waits for its clients
    await becomes(prepared.url(), /^fail \| unavailable \| 57P03 .*shutting down/);
    release();
    await eventually(() => program.ended, "it has ended", PATIENCE_MS);
  });

  test("recovering from an archive: unavailable", async () => {
    const archive = join(folder, "archive-is-slow");
    const signal = join(folder, "data", "recovery.signal");
    for (const path of [archive, signal]) {
      writeFileSync(path, "");
      chmodSync(path, 0o666);
    }
    start(`restore_command=while test -e ${archive}; do sleep 0.1; done; false`);
    await becomes(prepared.url(), /^fail \| unavailable \| 57P03 .*(?:starting up|not yet accepting)/);
    rmSync(archive);
    await becomes(prepared.url(), /^pass$/);
  });

  test("a standby that takes no queries: unavailable", async (t) => {
    const signal = join(folder, "data", "standby.signal");
    writeFileSync(signal, "");
    chmodSync(signal, 0o666);
    t.after(async () => {
      await stopAll();
      rmSync(signal);
    });
    start("hot_standby=off", "restore_command=false");
    await becomes(prepared.url(), /^fail \| unavailable \| 57P03 .*not accepting/);
  });

  test("TLS that the server does not have: tls, and answer of startTls", async () => {
    start("ssl=off");
    await becomes(prepared.url(), /^pass$/);
    assert.match(await resultOf(prepared.url(), { tls: { ca: CA } }), /^fail \| tls \| .*SSL/);
    const prober = openTarget(`tcp://127.0.0.1:${prepared.port}`, systemDeps(), {
      dialogue: [{ startTls: "postgres" }],
    });
    assert.equal(await verdict(prober), "fail answer");
  });

  test("a database that is closed: answer; without right, expired or no login: auth; full: unavailable", async () => {
    start();
    await becomes(prepared.url(), /^pass$/);
    const { default: pg } = await import("pg");
    const client = new pg.Client({ connectionString: prepared.url() });
    await client.connect();
    const pw = `password '${PASSWORD}'`;
    for (const statement of [
      ...["create database closed allow_connections false", "create database crowded connection limit 0"],
      ...["create database private", "revoke connect on database private from public"],
      ...[`create user guest ${pw}`, `create user expired ${pw} valid until '2000-01-01'`, `create role idle ${pw}`],
    ])
      await client.query(statement);
    await client.end();
    const as = (user: string, path: string) => resultOf(prepared.url({ user, path }));
    assert.match(await as("me", "/closed"), /^fail \| answer \| 55000 .*not currently accepting/);
    assert.match(await as("guest", "/crowded"), /^fail \| unavailable \| 53300 /);
    assert.match(await as("guest", "/private"), /^fail \| auth \| 42501 /);
    assert.equal(await as("guest", "/postgres"), "pass");
    assert.match(await as("expired", "/postgres"), /^fail \| auth \| 28P01 /);
    assert.match(await as("idle", "/postgres"), /^fail \| auth \| 28000 .*not permitted to log in/);
  });
});

describe("MariaDB", () => {
  let prepared: Prepared;
  before(async () => {
    prepared = await prepareMariadb(newFolder());
  });
  const start = (...args: string[]): Running => {
    const program = prepared.start(...args);
    programs.add(program);
    return program;
  };

  test("all connections are taken: unavailable", async () => {
    start("--max-connections=10");
    await becomes(prepared.url(), /^pass$/);
    const release = await hold(prepared.url(), 10);
    assert.match(await resultOf(prepared.url()), /^fail \| unavailable \| Too many connections/);
    // one more connection is for an administrator; the next one gets no greeting
    const another = connect(prepared.port, "127.0.0.1").on("error", () => {});
    await once(another, "data");
    const dialogue = [{ startTls: "mysql" }] as const;
    assert.match(await startTlsResult(dialogue), /^fail \| unavailable \| startTls mysql: 1040 /);
    another.destroy();
    release();
    await becomes(prepared.url(), /^pass$/);
  });

  const startTlsResult = (dialogue: readonly DialogueStep[]) =>
    resultOf(`tcp://127.0.0.1:${prepared.port}`, { dialogue, reuse: undefined });

  test("a host that is blocked after broken connections: unavailable", async () => {
    start("--max-connect-errors=1", `--bind-address=${OWN_ADDRESS}`);
    const url = prepared.url().replace("127.0.0.1", OWN_ADDRESS);
    await becomes(url, /^pass$/);
    const leave = () =>
      new Promise<void>((resolve) => {
        const socket = connect(prepared.port, OWN_ADDRESS);
        socket
          .on("error", () => {})
          .once("data", () => socket.destroy())
          .once("close", () => resolve());
      });
    for (let round = 0; round < 3; round += 1) await leave();
    await becomes(url, /^fail \| unavailable \| Host .* is blocked/);
  });

  test("TLS that the server demands: auth, without a word about TLS; TLS that it does not have: tls", async () => {
    start("--require-secure-transport=ON");
    await becomes(prepared.url(), /^fail \| auth \| Access denied/);
    assert.equal(await resultOf(prepared.url(), { tls: { ca: CA } }), "pass");
    await stopAll();
    start("--skip-ssl");
    await becomes(prepared.url(), /^pass$/);
    assert.match(await resultOf(prepared.url(), { tls: { ca: CA } }), /^fail \| tls \| /);
  });
});
