/** `healthbridge serve` as a process: what it says, how it ends, and what it survives. Needs the build. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { GrpcPeer } from "../support/grpc-peer.js";

const LISTEN = ["--listen", "127.0.0.1:0"];
const NO_DELAY = [...LISTEN, "--drain-delay", "0s"];
const pem = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));

/** A daemon that is gone when the test is. */
async function serve(t: TestContext, ...args: string[]): Promise<DaemonProcess> {
  const daemon = await DaemonProcess.serve(...args);
  t.after(() => daemon.kill());
  return daemon;
}

/** Where a test may have a unix socket. */
function socketPath(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-serve-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return join(directory, "health.sock");
}

const eventsOf = (daemon: DaemonProcess) =>
  daemon.log.map(({ event }) => event).filter((event) => event !== "old-node");
const lineOf = (daemon: DaemonProcess, event: string) => daemon.log.find((line) => line.event === event);
const get = async (daemon: DaemonProcess, path: string) =>
  (await fetch(`http://127.0.0.1:${daemon.port}${path}`)).status;

describe("serve", { concurrency: 3 }, () => {
  test("is SERVING without checks, over HTTP and gRPC, on every address", async (t) => {
    const daemon = await serve(t, ...NO_DELAY, ...LISTEN);
    assert.equal(daemon.addresses.length, 2);
    for (const address of daemon.addresses) {
      const answer = await fetch(`http://${address}/healthcheck`);
      assert.deepEqual([answer.status, await answer.text()], [200, "OK"]);
      const peer = new GrpcPeer(`http://${address}`);
      assert.equal((await peer.check("")).status, 1);
      peer.close();
    }
  });

  test("logs one line with its services, its addresses and a command to try", async (t) => {
    const daemon = await serve(t, ...NO_DELAY);
    const url = `http://127.0.0.1:${daemon.port}/healthcheck`;
    const { level, services, msg } = lineOf(daemon, "serving") ?? {};
    const what = `serving own health over gRPC and HTTP on 127.0.0.1:${daemon.port}; try: curl ${url}`;
    assert.deepEqual([level, services, msg], ["info", [], what]);
    assert.equal((await fetch(url)).status, 200);
  });

  test("names its checks in that line", async (t) => {
    const daemon = await serve(t, ...NO_DELAY, "--check", "a=tcp://127.0.0.1:9", "--check", "b=tcp://127.0.0.1:9");
    assert.deepEqual(lineOf(daemon, "serving")?.services, ["a", "b"]);
    assert.match(String(lineOf(daemon, "serving")?.msg), /^serving health of a, b over gRPC and HTTP on /);
  });

  const commands: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["every interface", ["--listen", ":0"], /try: curl http:\/\/localhost:\d+\/healthcheck$/],
    ["IPv4's every interface", ["--listen", "0.0.0.0:0"], /try: curl http:\/\/localhost:\d+\/healthcheck$/],
    [
      "TLS",
      [...LISTEN, "--tls-cert", pem("server.crt"), "--tls-key", pem("server.key")],
      /try: curl -k https:\/\/127\.0\.0\.1:\d+\/healthcheck$/,
    ],
    [
      "TLS with client certificates",
      [
        ...[...LISTEN, "--tls-cert", pem("server.crt"), "--tls-key", pem("server.key")],
        ...["--tls-client-ca", pem("ca.crt")],
      ],
      /try: curl -k --cert FILE --key FILE https:\/\/127\.0\.0\.1:\d+\/healthcheck$/,
    ],
    [
      "TLS beside clear text",
      [...LISTEN, "--listen", "plain://127.0.0.1:0", "--tls-cert", pem("server.crt"), "--tls-key", pem("server.key")],
      /try: curl http:\/\/127\.0\.0\.1:\d+\/healthcheck$/,
    ],
  ];
  for (const [label, args, command] of commands) {
    test(`logs a command that works on ${label}`, async (t) => {
      const daemon = await serve(t, "--drain-delay", "0s", ...args);
      assert.match(String(lineOf(daemon, "serving")?.msg), command);
    });
  }

  test("logs which address shows the open set alone, and a command for one that no proxy is needed for", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-serve-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "healthbridge.yaml");
    const proxied = '{ address: "127.0.0.1:0", proxyProtocol: { from: [127.0.0.1] } }';
    writeFileSync(file, `drainDelay: 0s\nlisten: ["127.0.0.1:0", "open://127.0.0.1:0", ${proxied}]\n`);
    const daemon = await serve(t, "-c", file);
    const [all, open, behindProxy] = daemon.addresses;
    const what = `serving own health over gRPC and HTTP on ${all}, open://${open}, ${behindProxy}`;
    assert.equal(lineOf(daemon, "serving")?.msg, `${what}; try: curl http://${open}/healthcheck`);
    assert.equal((await fetch(`http://${open}/metrics`)).status, 404);
    await assert.rejects(fetch(`http://${behindProxy}/healthcheck`));
    await eventually(() => lineOf(daemon, "proxy-header-refused") !== undefined, "the missing header is logged");
    assert.match(
      await (await fetch(`http://${all}/metrics`)).text(),
      /proxy_headers_refused_total\{fault="missing"\} [1-9]/,
    );
  });

  test("serves a unix socket, and removes the file at its end", async (t) => {
    const path = socketPath(t);
    const daemon = await serve(t, "--drain-delay", "0s", "--listen", `unix:${path}`);
    assert.match(
      String(lineOf(daemon, "serving")?.msg),
      new RegExp(`curl --unix-socket ${path} http://localhost/healthcheck$`),
    );
    const ask = () =>
      new Promise((resolve) => {
        const asking = httpRequest({ socketPath: path, path: "/healthcheck", agent: false }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        asking.on("error", ({ message }) => resolve(message)).end();
      });
    assert.equal(await ask(), 200);
    daemon.process.kill("SIGTERM");
    await daemon.ended();
    assert.match(String(await ask()), /ENOENT/);
  });

  test("logs SIGTERM, drains, and ends with code 0 and nothing on stderr", async (t) => {
    const daemon = await serve(t, ...NO_DELAY);
    daemon.process.kill("SIGTERM");
    assert.deepEqual(await daemon.ended(), { code: 0, signal: null });
    await eventually(() => lineOf(daemon, "stopped") !== undefined, "its last line");
    assert.deepEqual(eventsOf(daemon), ["serving", "draining", "stopped"]);
    assert.equal(daemon.stderr, "");
  });

  for (const [level, perService] of [
    ["info", 0],
    ["debug", 4],
  ] as const)
    test(`logs a drain as one line with the number of services, at ${level} with ${perService} more`, async (t) => {
      const target = createServer().listen(0, "127.0.0.1");
      t.after(() => target.close());
      await once(target, "listening");
      const { port } = target.address() as AddressInfo;
      // a target that is down could fail before the drain, and then there would be nothing to say of its service
      const checks = ["a", "b", "c"].flatMap((name) => ["--check", `${name}=tcp://127.0.0.1:${port}`]);
      const daemon = await serve(t, ...NO_DELAY, ...checks, "--interval", "1h", "--jitter", "0", "--log-level", level);
      daemon.process.kill("SIGTERM");
      await daemon.ended();
      await eventually(() => lineOf(daemon, "stopped") !== undefined, "its last line");
      const { msg, services } = lineOf(daemon, "draining") ?? {};
      assert.equal(msg, "SIGTERM: draining: all 4 services report NOT_SERVING; send the signal again to exit now");
      assert.equal(services, 4);
      const drained = daemon.log.filter(({ reason, subject }) => reason === "draining" && subject === "service");
      assert.equal(drained.length, perService);
    });

  test("drains on SIGINT too, without a terminal", async (t) => {
    const daemon = await serve(t, ...LISTEN, "--drain-delay", "1m");
    daemon.process.kill("SIGINT");
    await eventually(async () => (await get(daemon, "/healthcheck")) === 503, "the drain");
    assert.deepEqual(
      [await get(daemon, "/healthcheck"), await get(daemon, "/livez"), daemon.exit],
      [503, 200, undefined],
    );
  });

  for (const [first, second, code] of [
    ["SIGTERM", "SIGINT", 130],
    ["SIGINT", "SIGTERM", 143],
  ] as const) {
    test(`ends at once with code ${code} on ${second} after ${first} [A76]`, async (t) => {
      const daemon = await serve(t, ...LISTEN, "--drain-delay", "1m");
      daemon.process.kill(first);
      await eventually(() => lineOf(daemon, "draining") !== undefined, "the drain");
      daemon.process.kill(second);
      assert.deepEqual(await daemon.ended(), { code, signal: null });
    });
  }

  test("keeps serving when the reader of its log is gone [C18]", async (t) => {
    const daemon = await serve(
      t,
      ...NO_DELAY,
      "--log-level",
      "debug",
      "--check",
      "a=tcp://127.0.0.1:9",
      "--interval",
      "50ms",
      "--timeout",
      "40ms",
    );
    await eventually(() => lineOf(daemon, "probe") !== undefined, "lines come");
    daemon.process.stdout?.destroy();
    for (let round = 0; round < 20; round += 1) assert.equal(await get(daemon, "/livez"), 200);
    daemon.process.kill("SIGTERM");
    assert.deepEqual(await daemon.ended(), { code: 0, signal: null });
    assert.equal(daemon.stderr, "");
  });

  for (const [level, events] of [
    ["warn", []],
    ["error", []],
    ["silent", []],
  ] as const) {
    test(`logs nothing below the level ${level}`, async (t) => {
      const path = socketPath(t);
      const daemon = new DaemonProcess([
        "serve",
        "--listen",
        `unix:${path}`,
        "--drain-delay",
        "0s",
        "--log-level",
        level,
      ]);
      t.after(() => daemon.kill());
      await eventually(() => existsSync(path), "it serves, of which it says nothing");
      daemon.process.kill("SIGTERM");
      assert.deepEqual(await daemon.ended(), { code: 0, signal: null });
      assert.deepEqual(eventsOf(daemon), events);
    });
  }
});

/** Lets a test throw an error in the daemon that nobody catches. */
const THROWS = ["--import", `data:text/javascript,process.on("SIGUSR2", () => { throw new Error("boom"); })`];

describe("an uncaught error", { concurrency: 2 }, () => {
  async function serving(t: TestContext, delay: string): Promise<DaemonProcess> {
    const daemon = new DaemonProcess(["serve", ...LISTEN, "--drain-delay", delay], THROWS);
    t.after(() => daemon.kill());
    await eventually(() => lineOf(daemon, "serving") !== undefined, "the daemon serves");
    return daemon;
  }

  test("is logged with its stack and ends the process with code 1, without a drain", async (t) => {
    const daemon = await serving(t, "1m");
    daemon.process.kill("SIGUSR2");
    assert.deepEqual(await daemon.ended(), { code: 1, signal: null });
    const { level, err } = lineOf(daemon, "fatal") ?? {};
    const { message, stack } = Object(err);
    assert.deepEqual([level, message], ["error", "boom"]);
    assert.match(stack, /^Error: boom\n +at /);
  });

  for (const delay of ["500ms", "1m"]) {
    test(`ends the process with code 1 during a drain of ${delay} too`, async (t) => {
      const daemon = await serving(t, delay);
      daemon.process.kill("SIGTERM");
      await eventually(() => lineOf(daemon, "draining") !== undefined, "the drain");
      daemon.process.kill("SIGUSR2");
      assert.deepEqual(await daemon.ended(), { code: 1, signal: null });
    });
  }
});
