/**
 * The smoke suite: what every installation of healthbridge can do, whatever its form (`installation.ts`).
 *
 *     before(() => install())
 *     smokeRows(() => installation)
 *
 * Each row starts the installed programs, with files in a folder of its own, and asks them over loopback. The ports are
 * chosen by the system and read from the log.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { eventually, inTime } from "../eventually.js";
import { freePort } from "../free-port.js";
import type { Installation } from "./installation.js";
import { events, folderOf, get, peerOf, serve, target, writeCertificates } from "./serving.js";

const { version: VERSION } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));

/** Time for a machine that is busy: both are 1 s by default. */
const PATIENT = ["-connect-timeout=10s", "-rpc-timeout=10s"];

const TWO_ADDRESSES = `listen: ["127.0.0.1:0", "127.0.0.1:0"]\n`;

/** Statuses of grpc.health.v1. */
const [SERVING, NOT_SERVING] = [1, 2];

/** `grpc-status` UNAVAILABLE. */
const UNAVAILABLE = 14;

/** Registers the rows as tests. `installation` is called when they run. */
export function smokeRows(installation: () => Installation): void {
  describe("the smoke suite", { concurrency: 3 }, () => {
    programRows(installation);
    servingRows(installation);
    probeRows(installation);
    changeRows(installation);
  });
}

function programRows(installation: () => Installation): void {
  test("the programs print the version of the package, and a wrong command is an error with exit code 2", async () => {
    const version = await installation().run(["--version"]);
    assert.deepEqual(version, { code: 0, stdout: `healthbridge ${VERSION}\n`, stderr: "" });
    const probe = await installation().run(["-version"], { program: "grpc-health-probe" });
    assert.deepEqual([probe.code, probe.stdout], [0, `v${VERSION}; healthbridge probe\n`]);
    const wrong = await installation().run(["srve"]);
    assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
    assert.match(wrong.stderr, /unknown command "srve"; did you mean serve\?/);
  });

  test("validate accepts what serve accepts, and prints each error with its line; schema is a JSON Schema", async (t) => {
    const folder = folderOf(t);
    const validate = (name: string, text: string) => {
      const file = join(folder, name);
      writeFileSync(file, text);
      return installation().run(["validate", file], { folder });
    };
    const good = `checks: { a: { target: "http://a/", expect: { body: { matches: "^O?K" } } } }\n`;
    assert.equal((await validate("good.yaml", good)).code, 0);
    const bad = await validate("bad.yaml", good.replace("^O?K", "(").concat("lissen: []\n"));
    assert.equal(bad.code, 2);
    assert.match(bad.stderr, /bad\.yaml:1:.*RE2 regular expression/);
    assert.match(bad.stderr, /bad\.yaml:2:1: lissen: unknown key; did you mean listen\?/);
    const schema = await installation().run(["schema"]);
    assert.equal(JSON.parse(schema.stdout).title, "healthbridge.yaml");
  });
}

function servingRows(installation: () => Installation): void {
  for (const [label, keys] of [
    ["by default", ""],
    ["with a listener thread", "listenThread: true\n"],
    ["with the engine grpc-js", "engine: grpc-js\n"],
  ] as const)
    test(`${label}, both addresses answer gRPC and HTTP, and metrics and page have the version`, async (t) => {
      const url = await target(t);
      const { ports } = await serve(t, installation(), {
        text: `${TWO_ADDRESSES}${keys}checks: { web: "${url}" }\n`,
      });
      for (const port of ports) {
        await eventually(
          async () => (await get(`http://127.0.0.1:${port}/healthcheck/web`)) === "200 OK",
          "web passes",
        );
        assert.equal(await get(`http://127.0.0.1:${port}/healthcheck`), "200 OK");
        const peer = peerOf(t, `http://127.0.0.1:${port}`);
        assert.deepEqual([(await peer.check("")).status, (await peer.check("web")).status], [SERVING, SERVING]);
        assert.equal((await peer.list()).statuses.get("web"), SERVING);
      }
      const metrics = await get(`http://127.0.0.1:${ports[1]}/metrics`);
      assert.ok(metrics.includes(`healthbridge_build_info{version="${VERSION}"`), metrics.slice(0, 400));
      assert.match(await get(`http://127.0.0.1:${ports[1]}/`, { accept: "text/html" }), /^200 <!doctype html>/i);
    });

  test("with a certificate, both addresses answer over TLS alone", async (t) => {
    const folder = folderOf(t);
    const ca = writeCertificates(folder);
    const tls = `tls: { certFile: ${folder}/server.crt, keyFile: ${folder}/server.key }\n`;
    const { ports, started } = await serve(t, installation(), { text: TWO_ADDRESSES + tls, folder });
    for (const port of ports) {
      assert.equal(await get(`https://localhost:${port}/healthcheck`, {}, ca), "200 OK");
      const peer = peerOf(t, `https://localhost:${port}`, ca);
      assert.equal((await peer.check("")).status, SERVING);
      await assert.rejects(get(`http://127.0.0.1:${port}/healthcheck`));
    }
    const flags = [...PATIENT, "-tls", `-tls-ca-cert=${folder}/ca.crt`, "-tls-server-name=localhost"];
    const probe = await started.exec("healthbridge", ["probe", `-addr=127.0.0.1:${ports[0]}`, ...flags]);
    assert.deepEqual([probe.code, probe.stderr], [0, "status: SERVING\n"]);
  });
}

function probeRows(installation: () => Installation): void {
  test("healthbridge probe, grpc-health-probe and the HEALTHCHECK command end with the code of the status", async (t) => {
    const [url, closed] = [await target(t), await freePort()];
    const checks = `checks: { up: "${url}", down: "tcp://127.0.0.1:${closed}" }\n`;
    const { ports, started } = await serve(t, installation(), { text: TWO_ADDRESSES + checks });
    const addr = `-addr=127.0.0.1:${ports[0]}`;
    const rows = [
      [[addr, ...PATIENT, "-service=up"], 0, /^status: SERVING\n$/],
      [[addr, ...PATIENT, "-service=down"], 4, /^service unhealthy \(responded with "NOT_SERVING"\)\n$/],
      [[addr, ...PATIENT, "-service=none"], 3, /^error: health rpc failed: .*NotFound/],
      [[`-addr=127.0.0.1:${closed}`], 2, /^error: failed to connect|^timeout: failed to connect/],
      [[], 1, /-addr not specified/],
    ] as const;
    await eventually(
      async () => (await get(`http://127.0.0.1:${ports[0]}/healthcheck/down`)).startsWith("503 NOT"),
      "down fails",
    );
    await eventually(async () => (await get(`http://127.0.0.1:${ports[0]}/healthcheck/up`)) === "200 OK", "up passes");
    for (const [args, code, text] of rows) {
      const ended = await installation().run(["probe", ...args]);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, text);
      assert.deepEqual(
        await installation().run(args, { program: "grpc-health-probe" }),
        ended,
        "both programs do the same",
      );
    }
    const healthCheck = (service: string) =>
      started.exec("healthbridge", ["probe", `-addr=:${ports[0]}`, ...PATIENT, `-service=${service}`]);
    assert.deepEqual([(await healthCheck("up")).code, (await healthCheck("down")).code], [0, 4]);
  });
}

function changeRows(installation: () => Installation): void {
  test("a changed file and SIGHUP reload it in a thread, and an invalid file changes nothing", async (t) => {
    const url = await target(t);
    const text = (...names: readonly string[]) =>
      `${TWO_ADDRESSES}checks:\n${names.map((name) => `  ${name}: "${url}"\n`).join("")}`;
    const { ports, started, file } = await serve(t, installation(), { text: text("a") });
    const ask = (name: string) => get(`http://127.0.0.1:${ports[1]}/healthcheck/${name}`);
    writeFileSync(file, text("a", "b"));
    await eventually(async () => (await ask("b")) === "200 OK", `the changed file is applied: ${started.output()}`);
    writeFileSync(file, `${text("c")}lissen: []\n`);
    await eventually(() => events(started, "reload-refused").length > 0, "the invalid file is refused");
    assert.match(String(events(started, "reload-refused")[0]?.msg), /healthbridge\.yaml:4:1: lissen: unknown key/);
    assert.deepEqual([await ask("b"), await ask("c")], ["200 OK", "404 SERVICE_UNKNOWN"]);
    writeFileSync(file, text("a", "d"));
    await eventually(async () => (await ask("d")) === "200 OK", "the corrected file is applied");
    const before = events(started, "reloaded").length;
    started.signal("SIGHUP");
    await eventually(() => events(started, "reloaded").length === before + 1, "SIGHUP reloads");
  });

  test("SIGTERM drains: every watcher and every request sees NOT_SERVING, then it ends with exit code 0", async (t) => {
    const { ports, started } = await serve(t, installation(), {
      text: `${TWO_ADDRESSES}drainDelay: 3s\n`,
    });
    const watch = peerOf(t, `http://127.0.0.1:${ports[0]}`).watch("");
    await watch.saw(SERVING);
    started.signal("SIGTERM");
    await watch.saw(SERVING, NOT_SERVING);
    assert.equal(await get(`http://127.0.0.1:${ports[1]}/healthcheck`), "503 NOT_SERVING");
    assert.equal(await get(`http://127.0.0.1:${ports[1]}/livez`), "200 OK");
    const probe = await started.exec("grpc-health-probe", [`-addr=127.0.0.1:${ports[0]}`, ...PATIENT]);
    assert.equal(probe.code, 4);
    assert.equal((await watch.ended()).code, UNAVAILABLE);
    assert.equal(await inTime(started.ended, "the daemon ends"), 0);
  });
}
