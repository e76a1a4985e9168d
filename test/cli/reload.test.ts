/** `healthbridge serve -c FILE` while its file changes. Needs the build. */
import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually, pause } from "../support/eventually.js";
import { run } from "./program.js";

const LISTEN = ["--listen", "127.0.0.1:0", "--drain-delay", "0s"];

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-reload-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function serve(t: TestContext, file: string): Promise<DaemonProcess> {
  const daemon = await DaemonProcess.serve("-c", file, ...LISTEN);
  t.after(() => daemon.kill());
  return daemon;
}

const count = (daemon: DaemonProcess, event: string) => daemon.log.filter((line) => line.event === event).length;

/** Waits for the lines of an event, which may arrive later than an answer; there are no more of them. */
async function assertCount(daemon: DaemonProcess, event: string, expected: number): Promise<void> {
  await eventually(() => count(daemon, event) >= expected, `${expected} x ${event}`);
  assert.equal(count(daemon, event), expected);
}

/** A file that is unchanged for 500 ms is read. A machine that stops the writer for longer is no test of that. */
const MAX_WRITER_PAUSE_MS = 400;

/** Writes a file in pieces, with pauses. Returns whether no pause was so long that the file may have been read. */
async function writeInPieces(file: string, pieces: readonly string[], pauseMs: number): Promise<boolean> {
  let [longestMs, lastAt] = [0, performance.now()];
  for (const [index, piece] of pieces.entries()) {
    if (index === 0) writeFileSync(file, piece);
    else appendFileSync(file, piece);
    longestMs = Math.max(longestMs, performance.now() - lastAt);
    lastAt = performance.now();
    if (index < pieces.length - 1) await pause(pauseMs);
  }
  return longestMs < MAX_WRITER_PAUSE_MS;
}

/** Repeats an attempt that returns false, because the machine has stopped this process in the middle of it. */
async function undisturbed(attempt: (count: number) => Promise<boolean>): Promise<void> {
  let count = 1;
  while (!(await attempt(count))) {
    count += 1;
    assert.ok(count <= 10, "this machine stops the test at each attempt");
  }
}

const ask = async (daemon: DaemonProcess, service: string) =>
  (await fetch(`http://127.0.0.1:${daemon.port}/healthcheck/${service}`)).text();
const becomes = (daemon: DaemonProcess, service: string, text: string) =>
  eventually(async () => (await ask(daemon, service)) === text, `${service} is ${text}`);

describe("a file that changes", { concurrency: 3 }, () => {
  const asked = new Set<string | undefined>();
  const target: Server = createServer((request, response) => {
    asked.add(request.url);
    response.end();
  });
  let url = "";
  before(async () => {
    await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
    // a server that listens on TCP has such an address
    url = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;
  });
  after(() => {
    target.close();
    target.closeAllConnections();
  });

  test("is applied when it is written or replaced, without a dropped connection", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    writeFileSync(file, `checks: { a: "${url}" }\n`);
    const daemon = await DaemonProcess.serve("-c", file, "--log-level", "debug", ...LISTEN);
    t.after(() => daemon.kill());
    await becomes(daemon, "a", "OK");
    // a first probe that times out, because this process does not run, would be a change
    const patient = "defaults: { timeout: 9s }\n";
    writeFileSync(file, `${patient}checks: { a: "${url}", b: "${url}/b" }\n`);
    await becomes(daemon, "b", "OK");
    writeFileSync(`${file}.new`, `${patient}checks: { b: "${url}/b", c: "${url}/c" }\n`);
    renameSync(`${file}.new`, file);
    await becomes(daemon, "c", "OK");
    assert.equal(await ask(daemon, "a"), "SERVICE_UNKNOWN");
    await assertCount(daemon, "reloaded", 2);
    const states = daemon.log.flatMap(({ event, name, to }) => (event === "transition" && name === "b" ? [to] : []));
    assert.ok(
      states.length > 0 && states.every((state) => ["UNKNOWN", "passing", "SERVING"].includes(`${state}`)),
      `${states}`,
    );
  });

  const names = Array.from({ length: 25 }, (_, index) => `c${index}`);
  const pieces = () => ["drainDelay: 0s\n", "checks:\n", ...names.map((name) => `  ${name}: "${url}"\n`)];

  test("is read at the start when it is complete, though its first lines would do", (t) =>
    undisturbed(async () => {
      const file = join(folderOf(t), "healthbridge.yaml");
      const writing = writeInPieces(file, pieces(), 80);
      const daemon = await serve(t, file);
      if (!(await writing)) return false;
      assert.deepEqual(daemon.log.find(({ event }) => event === "serving")?.services, names);
      return true;
    }));

  test("is read by a reload when it is complete, though every line of it would do", (t) =>
    undisturbed(async () => {
      const file = join(folderOf(t), "healthbridge.yaml");
      writeFileSync(file, `checks: { a: "${url}" }\n`);
      const daemon = await serve(t, file);
      if (!(await writeInPieces(file, pieces(), 80))) return false;
      await becomes(daemon, "c24", "OK");
      await assertCount(daemon, "reloaded", 1);
      return true;
    }));

  test("is applied when the symlink to its folder is replaced, as Kubernetes does with a ConfigMap", async (t) => {
    const folder = folderOf(t);
    const put = (version: string, text: string) => {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, "healthbridge.yaml"), text);
      symlinkSync(version, join(folder, "..data.new"));
      renameSync(join(folder, "..data.new"), join(folder, "..data"));
    };
    put("..1", `checks: { a: "${url}" }\n`);
    symlinkSync("..data/healthbridge.yaml", join(folder, "healthbridge.yaml"));
    const daemon = await serve(t, join(folder, "healthbridge.yaml"));
    await becomes(daemon, "a", "OK");
    put("..2", `checks: { b: "${url}" }\n`);
    await becomes(daemon, "b", "OK");
    assert.equal(await ask(daemon, "a"), "SERVICE_UNKNOWN");
  });

  test("changes nothing when it is invalid, and every error is logged with its place; a corrected file is applied [B100, C31]", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    writeFileSync(file, `checks: { a: "${url}" }\n`);
    const daemon = await serve(t, file);
    await becomes(daemon, "a", "OK");
    writeFileSync(file, `checks: { b: "${url}", c: ftp://x }\nlissen: []\n`);
    await eventually(() => count(daemon, "reload-refused") === 2, "it is refused");
    const texts = daemon.log.filter(({ event }) => event === "reload-refused").map(({ msg }) => String(msg));
    assert.ok(texts[0]?.startsWith(`${file}:1:`) && texts[0]?.includes("checks.c"), texts[0]);
    assert.ok(texts[1]?.includes(":2:1: lissen: unknown key; did you mean listen?"), texts[1]);
    assert.deepEqual([await ask(daemon, "a"), await ask(daemon, "b")], ["OK", "SERVICE_UNKNOWN"]);
    assert.equal(daemon.exit, undefined);
    writeFileSync(file, `checks: { b: "${url}" }\n`);
    await becomes(daemon, "b", "OK");
  });

  test("is read again on SIGHUP, also without a change, but not while the daemon shuts down", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    writeFileSync(file, `checks: { a: "${url}" }\ndrainDelay: 1s\n`);
    const daemon = await DaemonProcess.serve("-c", file, "--listen", "127.0.0.1:0");
    t.after(() => daemon.kill());
    daemon.process.kill("SIGHUP");
    await eventually(() => count(daemon, "reloaded") === 1, "it is reloaded");
    daemon.process.kill("SIGTERM");
    await eventually(() => count(daemon, "draining") === 1, "it drains");
    daemon.process.kill("SIGHUP");
    assert.deepEqual(await daemon.ended(), { code: 0, signal: null });
    assert.equal(count(daemon, "reloaded"), 1);
  });

  test("a first check and the loss of the last one are applied: the server as a whole is theirs, then the process's", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    writeFileSync(file, "checks: {}\n");
    const daemon = await serve(t, file);
    assert.equal(await ask(daemon, ""), "OK");
    writeFileSync(file, "checks: { a: { heartbeat: { ttl: 1h, token: t } } }\n");
    await becomes(daemon, "", "UNKNOWN");
    writeFileSync(file, "checks: {}\n");
    await becomes(daemon, "", "OK");
    assert.equal(await ask(daemon, "a"), "SERVICE_UNKNOWN");
  });

  test("one edited target of 20 never makes the server as a whole fail", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    const textOf = (path: string) => {
      const lines = Array.from(
        { length: 20 },
        (_, index) => `  c${index}: { target: "${url}${index === 7 ? path : ""}" }`,
      );
      return `defaults: { interval: 30s }\nchecks:\n${lines.join("\n")}\n`;
    };
    writeFileSync(file, textOf("/one"));
    const daemon = await serve(t, file);
    await becomes(daemon, "", "OK");
    const before = daemon.log.length;
    for (const path of ["/two", "/three"]) {
      writeFileSync(file, textOf(path));
      await eventually(() => asked.has(path), `${path} is probed`);
    }
    const changes = daemon.log.slice(before).filter(({ event, name }) => event === "transition" && name === "");
    assert.deepEqual(changes, []);
    assert.equal(await ask(daemon, ""), "OK");
  });

  test("SIGHUP without a file is ignored [C29]", async (t) => {
    const daemon = await DaemonProcess.serve(...LISTEN);
    t.after(() => daemon.kill());
    daemon.process.kill("SIGHUP");
    await eventually(() => count(daemon, "reloaded") === 1, "it says so");
    assert.equal(daemon.exit, undefined);
  });

  test("logs the keys that need a restart", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    writeFileSync(file, `checks: { a: "${url}" }\n`);
    const daemon = await serve(t, file);
    writeFileSync(file, `checks: { a: "${url}" }\npaths: [/ping]\n`);
    await eventually(() => count(daemon, "restart-needed") === 1, "it says so");
    const { keys, msg } = daemon.log.find(({ event }) => event === "restart-needed") ?? {};
    assert.deepEqual([keys, msg], [["paths"], "`paths` changed; restart to apply"]);
    writeFileSync(file, `checks: { a: "${url}" }\nlistLimit: 5\nmaxWatchers: 7\ntokenFile: ${file}.token\n`);
    await eventually(() => count(daemon, "reload-refused") === 1, "the token is not there");
    writeFileSync(`${file}.token`, "secret");
    daemon.process.kill("SIGHUP");
    await eventually(() => count(daemon, "restart-needed") === 2, "it says so");
    const last = daemon.log.findLast(({ event }) => event === "restart-needed");
    assert.equal(last?.msg, "`listLimit`, `maxWatchers` changed; restart to apply");
    writeFileSync(file, `checks: { a: "${url}" }\n`);
    await eventually(() => count(daemon, "reloaded") === 3, "the values of the start are back");
    assert.equal(count(daemon, "restart-needed"), 2);
  });

  test("applies another drain delay", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    writeFileSync(file, "drainDelay: 60s\n");
    const daemon = await DaemonProcess.serve("-c", file, "--listen", "127.0.0.1:0");
    t.after(() => daemon.kill());
    writeFileSync(file, "drainDelay: 0s\n");
    await eventually(() => count(daemon, "reloaded") === 1, "it is reloaded");
    daemon.process.kill("SIGTERM");
    assert.deepEqual(await daemon.ended(10_000), { code: 0, signal: null });
  });
});

describe("a reload that is refused changes nothing", { concurrency: 3 }, () => {
  const down: Server = createServer((_, response) => void response.writeHead(500).end());
  let bad = "";
  before(async () => {
    await new Promise<void>((resolve) => down.listen(0, "127.0.0.1", resolve));
    // a server that listens on TCP has such an address
    bad = `http://127.0.0.1:${(down.address() as AddressInfo).port}`;
  });
  after(() => {
    down.close();
    down.closeAllConnections();
  });

  /** The answer of every service that the test knows, and the startup and readiness views. */
  async function answersOf(daemon: DaemonProcess, ...services: string[]): Promise<readonly string[]> {
    const paths = ["/healthcheck", "/readyz", ...services.map((service) => `/healthcheck/${service}`)];
    return Promise.all(
      paths.map(async (path) => {
        const answer = await fetch(`http://127.0.0.1:${daemon.port}${path}`);
        return `${path} ${answer.status} ${await answer.text()}`;
      }),
    );
  }

  const rows: readonly (readonly [label: string, before: string, refused: string, services: readonly string[]])[] = [
    [
      "a heartbeat with a timeout above its ttl",
      "checks: { a: BAD }",
      "checks: { beat: { heartbeat: { ttl: 3s, token: t }, timeout: 5s } }",
      ["a", "beat"],
    ],
    [
      "a check under the self-check's name, beside an isolation rule and other services",
      "checks: { a: BAD, b: BAD }\nservices: { s: [a, b] }",
      'isolation: { selfCheck: "tcp://127.0.0.1:9" }\nchecks: { a: BAD, self-check: BAD, c: BAD }\nservices: { s2: [a, c] }',
      ["a", "b", "c", "s", "s2", "self-check"],
    ],
  ];
  for (const [label, before, refused, services] of rows)
    test(`${label}: statuses, checks and services stay, and a corrected file is accepted`, async (t) => {
      const file = join(folderOf(t), "healthbridge.yaml");
      writeFileSync(file, before.replaceAll("BAD", `"${bad}"`));
      const daemon = await serve(t, file);
      await becomes(daemon, "a", "NOT_SERVING");
      await eventually(async () => (await ask(daemon, "")) === "NOT_SERVING", "the whole is down");
      const statuses = await answersOf(daemon, ...services);
      writeFileSync(file, refused.replaceAll("BAD", `"${bad}"`));
      await eventually(() => count(daemon, "reload-refused") > 0, "it is refused");
      assert.deepEqual(await answersOf(daemon, ...services), statuses);
      assert.equal((await run("validate", "-c", file)).code, 2, "validate refuses it too");
      writeFileSync(file, `checks: { a: "${bad}", fresh: "${bad}" }`);
      await becomes(daemon, "fresh", "NOT_SERVING");
      await assertCount(daemon, "reloaded", 1);
    });

  test("a file that is empty for less than half a second changes no status; one that stays empty is refused", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    const text = `checks: { a: "${bad}" }`;
    writeFileSync(file, text);
    const daemon = await serve(t, file);
    await becomes(daemon, "", "NOT_SERVING");
    const answers: string[] = [];
    const watchFor = async (ms: number) => {
      const end = performance.now() + ms;
      while (performance.now() < end) answers.push(await ask(daemon, ""));
    };
    const reloads = () => count(daemon, "reload-refused") + count(daemon, "reloaded");
    await undisturbed(async () => {
      const before = reloads();
      const emptiedAt = performance.now();
      writeFileSync(file, "");
      await watchFor(350);
      writeFileSync(file, text);
      const emptyMs = performance.now() - emptiedAt;
      await watchFor(1_000);
      if (emptyMs > 480) return false;
      assert.equal(reloads(), before, "the content is the same again");
      return true;
    });
    for (const empty of ["", "# all gone\n", "---\n", "{}"]) {
      const before = count(daemon, "reload-refused");
      writeFileSync(file, empty);
      await eventually(() => count(daemon, "reload-refused") > before, "it is refused");
      answers.push(await ask(daemon, ""));
    }
    assert.deepEqual([...new Set(answers)], ["NOT_SERVING"]);
    const text0 = String(daemon.log.find(({ event }) => event === "reload-refused")?.msg);
    assert.equal(
      text0,
      `${file}:1:1: this file is empty; for a server without checks write checks: {}; keeping the previous configuration`,
    );
  });

  test("a file that is deleted is logged once, changes nothing, and is read again when it is back", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    const text = `drainDelay: 0s\nchecks: { a: "${bad}" }`;
    writeFileSync(file, text);
    const daemon = await serve(t, file);
    for (const [missing, reloaded] of [
      [1, 1],
      [2, 2],
    ] as const) {
      rmSync(file);
      await eventually(() => count(daemon, "config-missing") === missing, "the line about the missing file");
      assert.equal(await ask(daemon, "a"), "NOT_SERVING");
      writeFileSync(file, `${text} # ${reloaded}`);
      await eventually(() => count(daemon, "reloaded") === reloaded, "the file is read again");
    }
    assert.equal(count(daemon, "config-missing"), 2);
    assert.equal(count(daemon, "reload-refused"), 0);
  });

  test("all checks are removed by checks: {} only, not by a file that has lost the key", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    writeFileSync(file, `drainDelay: 0s\nchecks: { a: "${bad}", b: "${bad}" }`);
    const daemon = await serve(t, file);
    await becomes(daemon, "", "NOT_SERVING");
    writeFileSync(file, "drainDelay: 0s\n");
    await eventually(() => count(daemon, "reload-refused") > 0, "it is refused");
    assert.equal(await ask(daemon, ""), "NOT_SERVING");
    const text = String(daemon.log.find(({ event }) => event === "reload-refused")?.msg);
    const expected =
      "checks: the previous configuration has 2 checks, and this file has no `checks`; to remove all checks write checks: {}; keeping the previous configuration";
    assert.equal(text, `${file}:1:1: ${expected}`);
    writeFileSync(file, "drainDelay: 0s\nchecks: {}\n");
    await becomes(daemon, "", "OK");
    assert.equal(await ask(daemon, "a"), "SERVICE_UNKNOWN");
    writeFileSync(file, "drainDelay: 0s\n");
    await eventually(() => count(daemon, "reloaded") === 2, "there is nothing to lose any more");
  });

  test("checks of the file are not lost beside a --check, nor when SIGHUP comes in the middle of a write", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    writeFileSync(file, `checks: { a: "${bad}" }`);
    const daemon = await DaemonProcess.serve("-c", file, "--check", `mine=${bad}`, ...LISTEN);
    t.after(() => daemon.kill());
    await becomes(daemon, "a", "NOT_SERVING");
    writeFileSync(file, "paths: [/x]\n");
    daemon.process.kill("SIGHUP");
    await eventually(() => count(daemon, "reload-refused") > 0, "it is refused");
    assert.equal(await ask(daemon, "a"), "NOT_SERVING");
    await undisturbed(async (attempt) => {
      const refusals = count(daemon, "reload-refused");
      const pieces = ["checks:\n", `  a: "${bad}"\n`, `  b${attempt}: "${bad}"\n`];
      const hup = setInterval(() => daemon.process.kill("SIGHUP"), 100);
      const isUndisturbed = await writeInPieces(file, pieces, 200).finally(() => clearInterval(hup));
      await becomes(daemon, `b${attempt}`, "NOT_SERVING");
      if (!isUndisturbed) return false;
      assert.equal(count(daemon, "reload-refused"), refusals);
      return true;
    });
  });

  test("a service with the name of a --check: both places are named, and a corrected file is accepted", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    writeFileSync(file, `checks: { a: "${bad}" }`);
    const daemon = await DaemonProcess.serve("-c", file, "--check", `mine=${bad}`, ...LISTEN);
    t.after(() => daemon.kill());
    await becomes(daemon, "mine", "NOT_SERVING");
    await becomes(daemon, "a", "NOT_SERVING");
    const statuses = await answersOf(daemon, "a", "mine");
    writeFileSync(file, `checks: { a: "${bad}" }\nservices: { mine: [a] }`);
    await eventually(() => count(daemon, "reload-refused") > 0, "it is refused");
    assert.deepEqual(await answersOf(daemon, "a", "mine"), statuses);
    const text = String(daemon.log.find(({ event }) => event === "reload-refused")?.msg);
    assert.ok(text.startsWith(`${file}:2:19: services.mine: `) && text.includes("--check mine"), text);
    writeFileSync(file, `checks: { a: "${bad}", b: "${bad}" }\nservices: { other: [a, mine] }`);
    await becomes(daemon, "b", "NOT_SERVING");
    await becomes(daemon, "other", "NOT_SERVING");
    await assertCount(daemon, "reloaded", 1);
  });
});

describe("the file", () => {
  test("that is empty ends the start with code 2, also beside a --check", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    writeFileSync(file, "# later\n");
    for (const flags of [[], ["--check", "a=tcp://127.0.0.1:9"]]) {
      const { code, stderr } = await run("serve", "-c", file, ...LISTEN, ...flags);
      const line = `${file}:1:1: this file is empty; for a server without checks write checks: {}\n`;
      assert.deepEqual([code, stderr], [2, line]);
    }
  });

  test("a key that a flag replaces is logged when it changes in the file", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    writeFileSync(file, "checks: {}\nengine: native\n");
    const daemon = await serve(t, file);
    writeFileSync(file, 'checks: {}\nengine: native\nlisten: ["127.0.0.1:1"]\ndrainDelay: 7s\npaths: [/x]\n');
    await eventually(() => count(daemon, "reloaded") === 1, "it is reloaded");
    const logged = daemon.log.filter(({ event }) => event === "overridden").map(({ msg }) => msg);
    assert.deepEqual(logged, [
      `\`listen\` changed in ${file} without effect: --listen replaces it`,
      `\`drainDelay\` changed in ${file} without effect: --drain-delay replaces it`,
    ]);
    daemon.process.kill("SIGHUP");
    await eventually(() => count(daemon, "reloaded") === 2, "it is reloaded again");
    assert.equal(count(daemon, "overridden"), 2, "and logged once");
  });

  test("an invalid file ends the start with code 2 and a line for each error, before any socket is opened [B79]", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    writeFileSync(file, 'listen: ["127.0.0.1:0"]\nchecks: { a: ftp://x }\nlissen: []\n');
    const daemon = new DaemonProcess(["serve", "-c", file]);
    assert.deepEqual(await daemon.ended(), { code: 2, signal: null });
    assert.equal(daemon.stderr.trim().split("\n").length, 2, daemon.stderr);
    assert.ok(daemon.stderr.startsWith(`${file}:2:`), daemon.stderr);
    assert.equal(count(daemon, "serving"), 0);
  });

  test("its heartbeats can be reported over HTTP with the token only", async (t) => {
    const file = join(folderOf(t), "healthbridge.yaml");
    writeFileSync(file, "checks: { nightly: { heartbeat: { ttl: 1h, token: s3cret } } }\n");
    const daemon = await serve(t, file);
    const report = (path: string, headers: Record<string, string> = {}, method = "POST") =>
      fetch(`http://127.0.0.1:${daemon.port}${path}`, { method, headers }).then(({ status }) => status);
    const bearer = { authorization: "Bearer s3cret" };
    assert.equal(await report("/heartbeat/nightly"), 401);
    assert.equal(await report("/heartbeat/nightly", { authorization: "Bearer wrong" }), 401);
    assert.equal(await report("/heartbeat/other", bearer), 401);
    assert.equal(await report("/heartbeat/nightly", bearer, "GET"), 405);
    assert.equal(await report("/heartbeat/nightly?status=bogus", bearer), 400);
    assert.equal(await report("/heartbeat", bearer), 404);
    assert.equal(await ask(daemon, "nightly"), "UNKNOWN");
    assert.equal(await report("/heartbeat/nightly", bearer), 200);
    await becomes(daemon, "nightly", "OK");
    assert.equal(await report("/heartbeat/nightly?status=fail", bearer), 200);
    await becomes(daemon, "nightly", "NOT_SERVING");
  });
});
