/**
 * Link-local addresses with a zone, as targets and as addresses to listen on, over a link of the test's own. Needs root,
 * iproute2 and the build.
 *
 *     this test: targets at [fe80::a:1%hb-local0] ----- link ----- serve in a namespace, at [fe80::a:2%hb-local1]
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp, get } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Health } from "../../src/daemon/health.js";
import { debian } from "../interop/install.js";
import { FAKE_SERVERS } from "../probers/fake-servers.js";
import { eventually } from "../support/eventually.js";
import { notOutlive } from "../support/not-outlive.js";
import { portOf } from "../support/port-of.js";
import { removeNetwork } from "./network-space.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));
/** An interface may have a dash in its name. */
const [SPACE, LINK, PEER] = ["healthbridge-local", "hb-local0", "hb-local1"];
const [OURS, THEIRS] = ["fe80::a:1", "fe80::a:2"];
const PORT = 18_080;

describe("link-local addresses with a zone", () => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-local-"));
  const file = join(folder, "healthbridge.yaml");
  let ip = "";
  let daemon: ChildProcess | undefined;
  let log = "";
  const hosts: (string | undefined)[] = [];
  const stops: (() => unknown)[] = [];
  const network = (...args: string[]) => execFileSync(ip, args, { stdio: "pipe" });
  const dismantle = () => removeNetwork(ip, { link: LINK, space: SPACE });

  before(async () => {
    ip = debian("ip", "iproute2");
    dismantle(); // what an interrupted run has left
    network("netns", "add", SPACE);
    network("link", "add", LINK, "type", "veth", "peer", "name", PEER);
    network("link", "set", PEER, "netns", SPACE);
    network("addr", "add", `${OURS}/64`, "dev", LINK, "nodad");
    network("link", "set", LINK, "up");
    network("-n", SPACE, "addr", "add", `${THEIRS}/64`, "dev", PEER, "nodad");
    network("-n", SPACE, "link", "set", PEER, "up");
    network("-n", SPACE, "link", "set", "lo", "up");
    const checks = { ...(await startTargets()), zoneless: `tcp://[${OURS}%hb-absent]:80` };
    const settings = { interval: "500ms", timeout: "400ms", unhealthyThreshold: 1 };
    const entries = Object.entries(checks).map(([name, target]) => [name, { target, ...settings, ...more(name) }]);
    const config = {
      allowLinkLocal: true,
      listen: [`[${THEIRS}%${PEER}]:${PORT}`],
      checks: Object.fromEntries(entries),
    };
    writeFileSync(file, JSON.stringify(config));
    daemon = spawn(ip, ["netns", "exec", SPACE, process.execPath, MAIN, "serve", "-c", file], { stdio: "pipe" });
    notOutlive(daemon, () => daemon?.kill("SIGKILL"));
    for (const stream of [daemon.stdout, daemon.stderr]) stream?.on("data", (text) => (log += text));
    await eventually(() => log.includes('"event":"serving"'), "it serves").catch(() => assert.fail(log));
  });

  after(async () => {
    daemon?.kill("SIGKILL");
    await Promise.all(stops.map((stop) => stop()));
    dismantle();
    rmSync(folder, { recursive: true });
  });

  const more = (name: string) => (name === "udp" ? { dialogue: [{ send: "ping", expect: "ping" }] } : {});

  /** Servers at our address of the link, by the name of their check. */
  async function startTargets(): Promise<Readonly<Record<string, string>>> {
    const local = `${OURS}%${LINK}`;
    const web = createHttp(({ headers }, response) => {
      hosts.push(headers.host);
      response.end("OK");
    });
    const redis = createServer((socket) =>
      FAKE_SERVERS.redis(
        socket.on("error", () => {}),
        () => true,
      ),
    );
    for (const server of [web, redis]) {
      await new Promise<void>((resolve) => server.listen(0, local, resolve));
      stops.push(() => server.close());
    }
    stops.push(() => web.closeAllConnections());
    const udp = createSocket("udp6", (message, { port, address }) => udp.send(message, port, address));
    udp.bind(0, local);
    await once(udp, "listening");
    const health = new Health();
    const grpc = await health.listen([`[${local}]:0`]);
    stops.push(
      () => udp.close(),
      () => health.shutdown(),
    );
    // servers that listen on TCP have such an address
    const [webPort, redisPort] = [web, redis].map((server) => (server.address() as AddressInfo).port);
    const host = `[${OURS}%${PEER}]`;
    return {
      http: `http://${host}:${webPort}/`,
      encoded: `http://[${OURS}%25${PEER}]:${webPort}/`,
      grpc: `grpc://${host}:${portOf(grpc)}`,
      tcp: `tcp://${host}:${webPort}`,
      redis: `redis://${host}:${redisPort}`,
      udp: `udp://${host}:${udp.address().port}`,
    };
  }

  /** The lines of /readyz?verbose, asked through the link. */
  const readyz = () =>
    new Promise<string>((resolve, reject) => {
      get({ host: `${THEIRS}%${LINK}`, port: PORT, path: "/readyz?verbose", agent: false }, async (response) => {
        let text = "";
        for await (const bytes of response) text += bytes;
        resolve(text);
      }).on("error", reject);
    });

  async function shows(...lines: readonly string[]): Promise<void> {
    let text = "";
    await eventually(async () => {
      text = await readyz();
      return lines.every((line) => text.includes(line));
    }, "every check has its result").catch(() => assert.fail(`${text}\n${log.slice(-3_000)}`));
  }

  test("every scheme connects to them, and the daemon listens on one", async () => {
    await shows(...["http", "encoded", "grpc", "tcp", "redis", "udp"].map((name) => `[+]${name} ok`));
  });

  test("the zone is no part of Host", () => {
    assert.ok(hosts.length > 0);
    assert.deepEqual([...new Set(hosts)].length, 1);
    assert.match(hosts[0] ?? "", /^\[fe80::a:1\]:\d+$/);
  });

  test("an interface that does not exist is unreachable, with a text that says so", async () => {
    await shows("[-]zoneless failed: unreachable");
    assert.match(log, /connect EINVAL fe80::a:1%hb-absent:80; the zone of its address must be an interface/);
  });

  test("healthbridge test shows the address with its zone", async () => {
    const args = ["netns", "exec", SPACE, process.execPath, MAIN, "test", "http", "-c", file];
    assert.match((await promisify(execFile)(ip, args)).stdout, /attempt +\[fe80::a:1%hb-local1\]:\d+: connected/);
  });
});
