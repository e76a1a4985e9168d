/**
 * The examples on the pages of the targets: each is a valid configuration, and the first of each page is run.
 *
 *     example --> names of hosts and files replaced with those of a target that the test starts --> one probe: pass
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createServer as createTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { splitOptions } from "../../src/checks/check-options.js";
import { SourceOpener } from "../../src/checks/sources.js";
import type { DaemonConfig } from "../../src/config/daemon-config.js";
import { systemClock } from "../../src/core/clock.js";
import { Health } from "../../src/index.js";
import { parseConfig } from "../config/reading.js";
import { FAKE_SERVERS, type FakeServer } from "../probers/fake-servers.js";
import { verdict } from "../probers/probing.js";
import { httpTarget, rawTarget, Target } from "../probers/targets.js";
import { webSocketServer } from "../probers/websocket-server.js";
import { NameServer } from "../support/name-server.js";
import { portOf } from "../support/port-of.js";
import { blocksOf, PAGES } from "./pages.js";

const fixture = (file: string) => fileURLToPath(new URL(`../fixtures/tls/${file}`, import.meta.url));
const readFixture = (file: string) => readFileSync(fixture(file));

/** The files that the examples name. */
const FILES: Readonly<Record<string, string>> = {
  "/etc/healthbridge/ca.pem": fixture("ca.crt"),
  "/etc/healthbridge/client.pem": fixture("client.crt"),
  "/etc/healthbridge/client.key": fixture("client.key"),
};

const ENVIRONMENT = {
  REDIS_PASSWORD: "x",
  DB_PASSWORD: "x",
  AMQP_PASSWORD: "x",
  FLOWER_PASSWORD: "x",
  BACKUP_TOKEN: "x",
  CLIENT_SECRET: "x",
};

const replaceAll = (text: string, words: Readonly<Record<string, string>>) =>
  Object.entries(words).reduce((result, [from, to]) => result.replaceAll(from, to), text);

const parse = (name: string, text: string) =>
  parseConfig(`docs/targets/${name}.md`, replaceAll(text, FILES), ENVIRONMENT);

for (const { name, text } of PAGES) {
  test(`every example in docs/targets/${name}.md is valid`, () => {
    const examples = blocksOf(text, "yaml");
    assert.ok(examples.length + blocksOf(text, "ts").length > 0, "there is an example");
    for (const example of examples) assert.ok(parse(name, example).checks.length > 0, example);
  });
}

/** Starts a target, and returns what stands for it in the example. */
type Start = (t: TestContext) => Promise<Readonly<Record<string, string>>>;

/** A target in place of a host and port of the example. */
const at =
  (hostAndPort: string, start: () => Promise<Target>): Start =>
  async (t) => {
    const target = await start();
    t.after(() => target.stop());
    return { [hostAndPort]: `127.0.0.1:${target.port}` };
  };

const fake = (hostAndPort: string, server: FakeServer): Start =>
  at(hostAndPort, () => rawTarget((socket) => server(socket, () => true)));

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-docs-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** The target of the first example of each page. */
const TARGETS: Readonly<Record<string, Start>> = {
  http: at("api.internal:8080", () =>
    httpTarget((_, response) => void response.end(JSON.stringify({ status: "ok", checks: { db: { ok: true } } }))),
  ),
  grpc: fake("orders:50051", FAKE_SERVERS.grpc),
  tcp: at("mail.internal:25", () =>
    rawTarget((socket) => {
      const answers = ["250-mail\r\n250 SIZE\r\n", "221 bye\r\n"];
      socket.on("data", () => socket.write(answers.shift() ?? ""));
      socket.write("220-mail\r\n220 mail ESMTP\r\n");
    }),
  ),
  udp: async (t) => {
    const server = await NameServer.start(t);
    server.records.set("shop.internal", { ttl: 60, addresses: ["10.1.2.3"] });
    return { "10.0.0.53:53": server.address };
  },
  ws: at("chat:8080", () => Target.start(createServer(webSocketServer()))),
  tls: at("www.shop.internal:443", () =>
    Target.start(createTls({ cert: readFixture("server.crt"), key: readFixture("server.key") })),
  ),
  unix: async (t) => {
    const path = join(temporaryFolder(t), "fpm.sock");
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(path, resolve));
    t.after(() => server.close());
    return { "/run/php/fpm.sock": path };
  },
  dns: async (t) => {
    const server = await NameServer.start(t);
    server.records.set("shop.internal", { ttl: 60, addresses: ["10.1.2.3"] });
    return { "10.0.0.53": server.address };
  },
  redis: at("redis:6379", () =>
    rawTarget((socket) => {
      // AUTH and PING come in one write
      socket.on("data", (bytes) => socket.write(bytes.includes("AUTH") ? "+OK\r\n+PONG\r\n" : "+PONG\r\n"));
    }),
  ),
  postgres: fake("db.internal:5432", FAKE_SERVERS.postgres),
  mysql: fake("db.internal:3306", FAKE_SERVERS.mysql),
  amqp: fake("rabbit:5672", FAKE_SERVERS.amqp),
  flower: fake("flower:5555", FAKE_SERVERS["flower+http"]),
  exec: async (t) => {
    const file = join(temporaryFolder(t), "latest.tar");
    writeFileSync(file, "a backup");
    return { "/var/backups/latest.tar": file };
  },
};

/** These are run in another way, below. */
const APART = ["function", "heartbeat"];

test("the first example of every page is run", () => {
  assert.deepEqual(
    PAGES.map(({ name }) => name),
    [...Object.keys(TARGETS), ...APART].sort(),
  );
});

for (const { name, text } of PAGES.filter((page) => !APART.includes(page.name))) {
  test(`the first example in docs/targets/${name}.md passes`, async (t) => {
    const words = await TARGETS[name]?.(t);
    assert.ok(words !== undefined, "the test has a target for this page");
    const [example = ""] = blocksOf(text, "yaml");
    for (const word of Object.keys(words)) assert.ok(example.includes(word), `the example has ${word}`);
    const config = parse(name, replaceAll(example, words));
    for (const check of config.checks) assert.equal(await verdictOf(check, config), "pass", check.name);
  });
}

/** The result of one probe of a declared check. */
async function verdictOf(check: DaemonConfig["checks"][number], config: DaemonConfig): Promise<string> {
  const opener = new SourceOpener({ clock: systemClock, random: Math.random, environment: process.env });
  const { proberOptions } = splitOptions(check.options);
  const { prober } = opener.open(check.source, proberOptions, config.allowLinkLocal);
  try {
    await new Promise<void>((resolve) => (prober.reserve === undefined ? resolve() : prober.reserve(resolve)));
    return await verdict(prober);
  } finally {
    prober.close();
  }
}

test("the example in docs/targets/heartbeat.md passes with a report, sent as its second example does", async (t) => {
  const page = PAGES.find(({ name }) => name === "heartbeat")?.text ?? "";
  const { checks } = parse("heartbeat", blocksOf(page, "yaml")[0] ?? "");
  const [check] = checks;
  assert.ok(check?.source.kind === "heartbeat");
  const health = new Health();
  t.after(() => health.shutdown({ drainDelayMs: 0 }));
  health.heartbeat(check.name, { ttl: check.source.ttl, token: check.source.token });
  const server = await health.listen(["127.0.0.1:0"]);
  const command = (blocksOf(page, "sh")[0] ?? "").replace("healthbridge:8080", `127.0.0.1:${portOf(server)}`);
  await promisify(execFile)("sh", ["-c", command], { env: { ...process.env, ...ENVIRONMENT }, timeout: 30_000 });
  assert.equal(health.status(check.name), "SERVING");
});

test("the example in docs/targets/function.md runs", async (t) => {
  const target = await httpTarget((_, response) => void response.end("7"));
  t.after(() => target.stop());
  const page = PAGES.find(({ name }) => name === "function")?.text ?? "";
  const code = replaceAll(blocksOf(page, "ts")[0] ?? "", {
    '"healthbridge"': JSON.stringify(new URL("../../src/index.ts", import.meta.url).href),
    "stock.internal:8080": `127.0.0.1:${target.port}`,
  });
  const ending =
    'while (health.status("stock") === "UNKNOWN") await new Promise((next) => setTimeout(next, 5));\nconsole.log(health.status("stock"));\nawait health.shutdown({ drainDelayMs: 0 });\n';
  const file = join(temporaryFolder(t), "example.mts");
  writeFileSync(file, `${code}${ending}`);
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", file], { timeout: 60_000 });
  assert.equal(stdout.trim(), "SERVING");
});
