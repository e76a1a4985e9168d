/** The control socket of a running daemon, and the commands that use it. Needs the build. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { run } from "../cli/program.js";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";

const directory = mkdtempSync(join(tmpdir(), "hb-control-"));
after(() => rmSync(directory, { recursive: true }));
const file = join(directory, "healthbridge.yaml");
const socket = join(directory, "hb.sock");
const configuration = (more = "") => `listen: ["127.0.0.1:0"]
control: ${socket}
${more}
checks:
  a: { heartbeat: { ttl: 1h, token: t } }
  b: { heartbeat: { ttl: 1h, token: "\${HB_NOT_SET:-t}" } }
  down: { target: "tcp://127.0.0.1:1", critical: false }
services: { s: [a, b] }
`;
writeFileSync(file, configuration());

let daemon: DaemonProcess;
const ask = (...args: readonly string[]) => run(...args, "--control", socket);
const json = async (...args: readonly string[]) => JSON.parse((await ask(...args, "--json")).stdout);
const http = async (path: string) => {
  const answer = await fetch(`http://127.0.0.1:${daemon.port}${path}`);
  return `${answer.status} ${await answer.text()}`;
};
const events = () => daemon.log.map(({ event }) => event);

describe("a daemon with a control socket", () => {
  before(async () => {
    daemon = await DaemonProcess.serve("-c", file);
  });
  after(() => daemon.kill());

  test("opens it with mode 0600, and says where it is", () => {
    assert.equal(lstatSync(socket).mode & 0o777, 0o600);
    assert.ok(daemon.log.some(({ event, path }) => event === "control" && path === socket));
  });

  test("does not serve the control service, nor its reflection, on a public address", async () => {
    const { code, stderr } = await run("drain", "--control", socket.replace("hb.sock", "no.sock"));
    assert.deepEqual([code, /there is no control socket at/.test(stderr)], [4, true]);
    const { HealthClient } = await import("@grpc/grpc-js").then(async (grpc) => ({ HealthClient: grpc.Client, grpc }));
    const { credentials } = await import("@grpc/grpc-js");
    const client = new HealthClient(`127.0.0.1:${daemon.port}`, credentials.createInsecure());
    const error = await new Promise<{ readonly code?: number } | null>((resolve) =>
      client.makeUnaryRequest(
        "/healthbridge.control.v1.Control/Drain",
        (bytes: Buffer) => bytes,
        (bytes) => bytes,
        Buffer.from([0x08, 0x01]),
        (failure) => resolve(failure),
      ),
    );
    client.close();
    assert.equal(error?.code, 12, "UNIMPLEMENTED");
    assert.equal(await http("/healthcheck/s"), "503 UNKNOWN", "pending, and not drained");
    assert.ok(!events().includes("drained"));
    const { FILE_DESCRIPTORS } = await import("../../src/transports/grpc/file-descriptors.js");
    assert.deepEqual(
      Object.keys(FILE_DESCRIPTORS).filter((name) => name.includes("control")),
      [],
    );
  });

  test("takes reports for heartbeats, drains and resumes one service, and shows it everywhere", async () => {
    const { callControl } = await import("../../src/client/control-client.js");
    const call = { path: socket, timeoutMs: 20_000 };
    for (const check of ["a", "b"]) await callControl("Heartbeat", { check }, call);
    await eventually(async () => (await http("/healthcheck/s")) === "200 OK", "both have reported");
    const { code, stdout } = await ask("drain", "a");
    assert.equal(code, 0);
    assert.equal(
      stdout,
      "a: drained; reports NOT_SERVING until healthbridge resume a.\nA restart ends this drain, because the daemon has no stateDir.\n",
    );
    for (const path of ["/healthcheck/a", "/healthcheck/s", "/healthcheck"])
      assert.equal(await http(path), "503 NOT_SERVING", path);
    assert.equal(await http("/healthcheck/b"), "200 OK");
    assert.match(await http("/metrics"), /^healthbridge_drained\{service="a"\} 1$/m);
    assert.match((await ask("drain", "a")).stdout, /^a: was drained already/);
    const [down] = (await json("status", "down")).checks;
    assert.deepEqual([down.reason, typeof down.latencyMs, down.latencyUs], ["refused", "number", undefined]);
    const { services, checks } = await json("status", "s");
    assert.deepEqual(services.map((each: { name: string; reason: string }) => [each.name, each.reason]), [["s", "drained"]]); // biome-ignore format: one line
    assert.deepEqual(checks.map((each: { name: string; state: string }) => `${each.name} ${each.state}`), ["a passing", "b passing"]); // biome-ignore format: one line
    assert.match((await ask("status")).stdout, /^a +NOT_SERVING +\S+Z +drained$/m);
    assert.equal((await ask("resume", "a")).stdout, "resumed: a\n");
    assert.equal(await http("/healthcheck/s"), "200 OK");
    assert.equal((await ask("resume", "a")).stdout, "a: not drained\n");
    await callControl("Heartbeat", { check: "a", failed: true }, call);
    await eventually(async () => (await http("/healthcheck/a")) === "503 NOT_SERVING", "a failure was reported");
    await callControl("Heartbeat", { check: "a" }, call);
    await assert.rejects(callControl("Heartbeat", { check: "s" }, call), { code: "NOT_FOUND" });
  });

  test("drains and resumes everything; liveness stays, and the daemon goes on", async () => {
    assert.match((await ask("drain")).stdout, /^all services: drained; report NOT_SERVING until healthbridge resume\./);
    assert.equal(await http("/healthcheck/b"), "503 NOT_SERVING");
    assert.equal(await http("/livez"), "200 OK");
    assert.match(await http("/metrics"), /^grpc_health_draining 1$/m);
    assert.equal((await json("status")).daemon.drain.sinceMs > 0, true);
    assert.equal((await ask("resume")).stdout, "resumed: all services\n");
    await eventually(async () => (await http("/healthcheck/b")) === "200 OK", "it is back");
    assert.match(
      (await ask("drain", "--overall")).stdout,
      /^the server as a whole: drained; reports NOT_SERVING until healthbridge resume --overall\./,
    );
    assert.deepEqual([await http("/readyz"), await http("/healthcheck/b")], ["503 NOT_SERVING", "200 OK"]);
    await ask("resume");
  });

  test("keeps maintenance, which changes no status", async () => {
    assert.match(
      (await ask("maintenance", "a", "--for", "2h", "--reason", "new disks")).stdout,
      /^a: maintenance until /,
    );
    assert.match((await ask("status", "a")).stdout, /maintenance until .*: new disks$/m);
    assert.equal(await http("/healthcheck/b"), "200 OK");
    assert.equal((await ask("maintenance", "a", "--end")).stdout, "a: maintenance has ended\n");
    for (const wrong of [[], ["--for", "2h", "--end"], ["--for", "soon"], ["--for", "2y"]])
      assert.equal((await ask("maintenance", ...wrong)).code, 2, wrong.join(" "));
    const { code, stderr } = await ask("maintenance", "--for", "1h", "--reason", "x".repeat(201));
    assert.deepEqual([code, stderr.includes("at most 200 characters")], [3, true]);
  });

  test("refuses an unknown service, whose name may have any characters, with exit code 3", async () => {
    for (const command of ["drain", "resume", "status"]) {
      const { code, stderr, stdout } = await ask(command, "nö%p\u001be");
      assert.deepEqual([code, stdout], [3, ""]);
      assert.equal(
        stderr,
        'healthbridge: there is no service "nö%p\\\\u001be"; healthbridge status lists all\n'.replace("\\\\", "\\"),
      );
    }
    const surplus = await ask("drain", "a", "b");
    assert.deepEqual([surplus.code, surplus.stderr], [2, 'healthbridge: unexpected argument "b"\n']);
    assert.equal((await ask("drain", "")).stderr, "healthbridge: an argument is empty: expected SERVICE\n");
    assert.equal((await ask("drain", "a", "--overall")).code, 2);
  });

  test("reloads as SIGHUP does, and answers with the result: every fault with its place, and what needs a restart", async () => {
    writeFileSync(file, configuration("listLimit: zz\nmaxWatchers: no"));
    const refused = await ask("reload");
    assert.equal(refused.code, 3);
    assert.match(refused.stdout, /healthbridge\.yaml:3:12: listLimit: .*\n.*healthbridge\.yaml:4:14: maxWatchers: .*\nthe previous configuration is kept\n$/); // biome-ignore format: one line
    writeFileSync(file, configuration("listLimit: 7").replace("s: [a, b]", "s: [a], t: [b]"));
    const { applied, restartNeeded, faults } = await json("reload");
    assert.deepEqual([applied, restartNeeded, faults], [true, ["listLimit"], []]);
    assert.equal(await http("/healthcheck/t"), "200 OK", "it is applied when the answer comes");
    assert.deepEqual((await json("status")).daemon.restartNeeded, ["listLimit"]);
    await ask("drain", "t");
    writeFileSync(file, configuration());
    await ask("reload");
    assert.ok(events().includes("drain-ended"), "t is gone, and its drain with it");
    const both = await Promise.all([ask("reload"), ask("reload"), json("reload")]);
    assert.deepEqual([both[0].code, both[1].code, both[2].applied], [0, 0, true]);
  });

  test("answers what is not gRPC with a text, and lets no client hold it", async () => {
    const text = (bytes: string) =>
      new Promise<string>((resolve) => {
        let read = "";
        const client: Socket = connect({ path: socket }, () => client.write(bytes));
        client
          .on("data", (chunk) => (read += chunk))
          .on("close", () => resolve(read))
          .on("error", () => {});
      });
    assert.match(
      await text("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
      /^HTTP\/1\.1 404 .*this is the control socket of healthbridge/s,
    );
    assert.match(await text("\u0000\u0001 nonsense\r\n\r\n"), /^HTTP\/1\.1 404 /);
    connect({ path: socket }).on("error", () => {}); // it never speaks, and must not delay the end
  });

  test("a second daemon at the same socket is refused before it serves, and the first one goes on", async () => {
    const other = join(directory, "other.yaml");
    writeFileSync(other, configuration().replace("s: [a, b]", "u: [a]"));
    const { code, stderr } = await run("serve", "-c", other);
    assert.equal(code, 2);
    assert.equal(
      stderr,
      `healthbridge: control: cannot listen on unix:${socket}: another process listens there; give each healthbridge its own path\n`,
    );
    assert.equal((await json("status")).daemon.pid, daemon.process.pid);
  });

  test("finds the socket by the configuration, though a secret is not at hand and the file has a fault", async () => {
    writeFileSync(file, configuration("token: wrong").replace("HB_NOT_SET:-t", "HB_NOT_SET"));
    const { code, stdout } = await run("status", "-c", file);
    assert.deepEqual([code, stdout.includes(`process ${daemon.process.pid}`)], [0, true]);
    writeFileSync(file, configuration());
  });

  test("answers during its shutdown, refuses changes then, and removes the file at its end", async () => {
    daemon.process.kill("SIGTERM");
    await eventually(() => events().includes("draining"), "the shutdown has begun");
    assert.equal((await json("status")).daemon.shuttingDown, true);
    const { code, stderr } = await ask("resume");
    assert.deepEqual([code, stderr], [3, "healthbridge: healthbridge is shutting down\n"]);
    assert.equal((await daemon.ended()).code, 0);
    assert.ok(!existsSync(socket));
  });
});

/** The first answer of a daemon that is about to start, at a unix socket. */
async function firstAnswer(path: string): Promise<string> {
  for (;;) {
    const answer = await new Promise<string>((resolve) => {
      let read = "";
      const client: Socket = connect({ path }, () => client.end("GET /healthcheck/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")); // biome-ignore format: one line
      client
        .on("data", (chunk) => (read += chunk))
        .on("close", () => resolve(read))
        .on("error", () => {});
    });
    if (answer !== "") return answer;
  }
}

test("after kill -9, a drained service is NOT_SERVING in the first answer, though its check says that it passes", async () => {
  const folder = mkdtempSync(join(directory, "restart-"));
  const [config, address, control] = ["f.yaml", "public.sock", "hb.sock"].map((name) => join(folder, name));
  const text = `listen: ["unix:${address}"]\ncontrol: ${control}\nstateDir: ${folder}/state
checks: { a: { target: "tcp://127.0.0.1:1", initialState: passing, initialDelay: 1m } }\n`;
  writeFileSync(config ?? "", text);
  const first = await DaemonProcess.serve("-c", config ?? "");
  assert.match(await firstAnswer(address ?? ""), /^HTTP\/1\.1 200 /, "without a drain");
  assert.equal((await run("drain", "a", "--control", control ?? "")).code, 0);
  await first.kill();
  for (let round = 0; round < 3; round += 1) {
    const answering = firstAnswer(address ?? "");
    const next = await DaemonProcess.serve("-c", config ?? "");
    const answer = await answering;
    await next.kill();
    assert.match(answer, /^HTTP\/1\.1 503 .*NOT_SERVING$/s);
    assert.ok(next.log.some(({ event, service }) => event === "drained" && service === "a"));
  }
});

test("a stateDir that cannot be used ends the start, with no socket left", async () => {
  const folder = mkdtempSync(join(directory, "unreadable-"));
  mkdirSync(join(folder, "state", "journal"), { recursive: true });
  const config = join(folder, "f.yaml");
  writeFileSync(config, `listen: ["127.0.0.1:0"]\ncontrol: ${folder}/hb.sock\nstateDir: ${folder}/state\nchecks: {}\n`);
  const { code, stderr } = await run("serve", "-c", config);
  assert.deepEqual([code, /must be a regular file/.test(stderr)], [2, true]);
  assert.ok(!existsSync(join(folder, "hb.sock")));
});

test("status shows what webhooks have not delivered, and what a recovery does", async (t) => {
  const receiver = createHttpServer((_, response) => response.writeHead(503).end()).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  t.after(() => receiver.close());
  const folder = mkdtempSync(join(directory, "hooks-"));
  const [config, path] = [join(folder, "f.yaml"), join(folder, "hb.sock")];
  const { port } = Object(receiver.address());
  writeFileSync(
    config,
    `listen: ["127.0.0.1:0"]
control: ${path}
allowExec: true
checks: { down: { target: "tcp://127.0.0.1:1", interval: 200ms, timeout: 100ms, unhealthyThreshold: 1 }, up: { heartbeat: { ttl: 1h, token: t } } }
webhooks: { ops: { url: "http://127.0.0.1:${port}/", delay: 0s, groupWait: 0s } }
recovery: { restart: { services: [down, up], exec: ["true"], after: 0s, cooldown: 10m } }
`,
  );
  const site = await DaemonProcess.serve("-c", config);
  t.after(() => site.kill());
  const status = async (...args: readonly string[]) =>
    (await run("status", ...args, "--control", path)).stdout.replace(/in 9m[0-9]+s/g, "in 9m..");
  const shows = async (line: RegExp) => eventually(async () => line.test(await status()), `status shows ${line}`);
  await shows(/^ops +1 +[1-9][0-9]* +HTTP status 503$/m);
  await shows(/^restart +down +cooling-down +1 of 3 +in 9m\.\.$/m);
  const { webhooks, recovery } = JSON.parse(await status("--json"));
  assert.deepEqual(Object.keys(webhooks[0]), ["name", "pending", "failures", "detail"]);
  assert.deepEqual([recovery.length, recovery[0].state], [1, "cooling-down"]);
  assert.doesNotMatch(await status("up"), /WEBHOOK|RECOVERY/, "the service that is asked for has no recovery");
  assert.match(await status("down"), /^RECOVERY/m);
});

test("what is at the path is named: nothing, a file, a dead socket, another server", async () => {
  const other = join(directory, "other.sock");
  const fault = async () => {
    const { code, stderr } = await run("status", "--control", other, "--timeout", "2s");
    assert.equal(code, 4);
    return stderr;
  };
  assert.match(await fault(), /there is no control socket at .*other\.sock; the daemon needs the key control/);
  mkdirSync(other);
  assert.match(await fault(), /is not a socket/);
  rmSync(other, { recursive: true });
  const server = createServer((client) => client.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await new Promise<void>((resolve) => void server.listen(other, resolve));
  assert.match(await fault(), /is not the control socket of healthbridge: .*HTTP\/1/);
  server.removeAllListeners("connection").on("connection", (client) => client.destroy());
  assert.match(await fault(), /has closed the connection: its control socket has too many clients, or it is ending/);
  server.removeAllListeners("connection").on("connection", () => {});
  assert.match(await fault(), /has not answered in time \(Status, 2s\)/);
  server.close();
});

test("a control path that cannot be one is an error of the configuration, at its place", async () => {
  const wrong = join(directory, "wrong.yaml");
  for (const [value, text] of [
    ["unix:/run/x.sock", "must be a path, without unix:"],
    [`/${"x".repeat(120)}/c.sock`, "is too long"],
    ["/run/", "must be the path of a socket"],
  ]) {
    writeFileSync(wrong, `control: "${value}"\nchecks: {}\n`);
    const { code, stderr } = await run("validate", "-c", wrong);
    assert.equal(code, 2);
    assert.ok(stderr.includes(`wrong.yaml:1:10: control: ${text}`), stderr);
  }
  writeFileSync(wrong, `listen: ["unix:/tmp/x.sock"]\ncontrol: /tmp/x.sock\nchecks: {}\n`);
  assert.match((await run("validate", "-c", wrong)).stderr, /control: is an address of listen/);
});
