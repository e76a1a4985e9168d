/** `healthbridge watch` in a pipe, against servers of every kind. */
import assert from "node:assert/strict";
import type { ServerHttp2Session } from "node:http2";
import { describe, type TestContext, test } from "node:test";

import { Health } from "../../../src/index.js";
import { eventually, pause } from "../../support/eventually.js";
import { portOf } from "../../support/port-of.js";
import { servePackaged } from "./packaged-health.js";
import { RunningWatch } from "./running.js";
import { ScriptedHealth } from "./scripted-health.js";

/** Faster than the default, for tests. */
const FAST = ["--interval", "100ms"];

function watch(t: TestContext, ...args: string[]): RunningWatch {
  const running = new RunningWatch([...args]);
  t.after(() => running.close());
  return running;
}

async function scripted(t: TestContext, maxConcurrentStreams?: number): Promise<ScriptedHealth> {
  const server = await new ScriptedHealth(maxConcurrentStreams).listen();
  t.after(() => server.kill());
  return server;
}

describe("watch in a pipe", { concurrency: 2 }, () => {
  test("has a line for each status, and for each change", async (t) => {
    const server = await scripted(t);
    server.set("acme.orders", "SERVING");
    const running = watch(t, server.address);
    await running.writes(/SERVING {10}acme\.orders$/);
    server.set("acme.orders", "NOT_SERVING");
    await running.writes(/NOT_SERVING {6}acme\.orders {2}\(was SERVING\)$/);
    assert.deepEqual(running.texts, [
      "connected",
      "SERVING          (overall)",
      "SERVING          acme.orders",
      "NOT_SERVING      acme.orders  (was SERVING)",
    ]);
    for (const line of running.lines) assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z {2}/);
  });

  test("a change of healthbridge comes with its reason", async (t) => {
    const health = new Health();
    let isGood = true;
    health.check("db", () => isGood, { interval: "50ms", timeout: "40ms", unhealthyThreshold: 1 });
    const port = portOf(await health.listen(["127.0.0.1:0"]));
    t.after(() => health.shutdown());
    const running = watch(t, `127.0.0.1:${port}`, "--json");
    await running.writes(/"service":"db","status":"SERVING"/);
    isGood = false;
    await running.writes(/"service":"db","status":"NOT_SERVING"/);
    const change = running.objects.find(({ service, status }) => service === "db" && status === "NOT_SERVING");
    const { time, since, ...rest } = change ?? {};
    assert.ok(Math.abs(Date.parse(String(time)) - Date.parse(String(since))) < 5_000);
    assert.deepEqual(rest, {
      ...{ type: "status", addr: `127.0.0.1:${port}`, service: "db", status: "NOT_SERVING" },
      ...{ previousStatus: "SERVING", reason: rest.reason, degraded: false, error: null },
    });
    assert.equal(typeof rest.reason, "string");
  });

  test("the loss of a server has a line at once, and each status has one again when the server is back", async (t) => {
    const server = await scripted(t);
    const { port } = server;
    const running = watch(t, server.address, "--json", ...FAST);
    await running.writes(/"status":"SERVING"/);
    await server.kill();
    await running.writes(/"state":"disconnected","error":"[^"]+"/, 1, 5_000);
    const other = await new ScriptedHealth().listen(port);
    t.after(() => other.kill());
    await running.writes(/"status":"SERVING"/, 2);
    const shown = running.objects.map(({ type, state, status }) => (type === "status" ? status : state));
    const [first, second, ...rest] = shown;
    assert.deepEqual([first, second, rest.at(-2), rest.at(-1)], ["connected", "SERVING", "connected", "SERVING"]);
    assert.ok(
      rest.slice(0, -2).every((state) => state === "disconnected"),
      shown.join(" "),
    );
  });

  test("a server that does not answer any more is disconnected, although its connection is open", async (t) => {
    const server = await scripted(t);
    const running = watch(t, server.address, "--rpc-timeout", "300ms", ...FAST);
    await running.writes(/SERVING/);
    server.failures.set("List", "silence");
    await running.writes(/ {2}disconnected: List: no answer within 300ms$/, 1, 5_000);
  });

  test("starts before the server", async (t) => {
    const server = await new ScriptedHealth().listen();
    const { port } = server;
    await server.kill();
    const running = watch(t, `:${port}`);
    await running.writes(/ {2}disconnected: the target refused the connection/);
    const other = await new ScriptedHealth().listen(port);
    t.after(() => other.kill());
    await running.writes(/SERVING/);
  });

  test("services that appear and vanish in List have lines", async (t) => {
    const server = await scripted(t);
    const running = watch(t, server.address, ...FAST);
    await running.writes(/\(overall\)/);
    server.set("celery.worker/a", "SERVING");
    await running.writes(/SERVING {10}celery\.worker\/a$/);
    server.statuses.delete("celery.worker/a"); // without a word to the Watch
    await running.writes(/SERVICE_UNKNOWN {2}celery\.worker\/a {2}\(was SERVING\)$/);
    server.set("celery.worker/a", "SERVING");
    await running.writes(/SERVING {10}celery\.worker\/a {2}\(was SERVICE_UNKNOWN\)$/);
  });

  test("named services: an unknown one is SERVICE_UNKNOWN until it exists", async (t) => {
    const server = await scripted(t);
    const running = watch(t, server.address, "b", "a", "--overall", "b");
    await running.writes(/ (?:a|b)$/, 2);
    server.set("a", "NOT_SERVING");
    await running.writes(/NOT_SERVING {6}a {2}\(was SERVICE_UNKNOWN\)$/);
    assert.deepEqual([...running.texts].sort(), [
      "NOT_SERVING      a  (was SERVICE_UNKNOWN)",
      ...["SERVICE_UNKNOWN  a", "SERVICE_UNKNOWN  b", "SERVING          (overall)", "connected"],
    ]);
    assert.equal(server.count("List"), 0, "named services need no List");
  });

  test("named services of a server without Watch are polled", async (t) => {
    const server = await scripted(t);
    server.methods = ["Check"];
    server.set("a", "SERVING");
    const running = watch(t, server.address, "a", ...FAST);
    await running.writes(/SERVING {10}a$/);
    server.statuses.set("a", "NOT_SERVING");
    await running.writes(/NOT_SERVING {6}a {2}\(was SERVING\)$/);
    assert.equal(server.count("Watch"), 1, "UNIMPLEMENTED is final");
  });

  test("a Watch that says nothing is done without", async (t) => {
    const server = await scripted(t);
    server.failures.set("Watch", "silence");
    const running = watch(t, server.address, "--rpc-timeout", "200ms", ...FAST);
    await running.writes(/SERVING {10}\(overall\)$/);
    await pause(1_000);
    server.statuses.set("", "NOT_SERVING");
    await running.writes(/NOT_SERVING {6}\(overall\)/);
    assert.deepEqual(
      running.texts.filter((text) => text.startsWith("disconnected")),
      [],
    );
    assert.equal(server.count("Watch"), 1);
  });

  test("a Watch that contradicts List for two polls is ignored", async (t) => {
    const server = await scripted(t);
    const running = watch(t, server.address, ...FAST);
    await running.writes(/SERVING/);
    await eventually(() => server.openWatches === 1, "the Watch");
    server.statuses.set("", "NOT_SERVING"); // the Watch does not report it
    await running.writes(/NOT_SERVING {6}\(overall\)/, 1, 5_000);
    server.set("", "SERVING");
    await running.writes(/ SERVING {10}\(overall\) {2}\(was NOT_SERVING\)/);
  });

  test("a Watch that ends is opened again, and its service is polled meanwhile", async (t) => {
    const server = await scripted(t);
    const running = watch(t, server.address, "a", ...FAST);
    server.set("a", "SERVING");
    await eventually(() => server.openWatches === 1, "the Watch");
    server.endWatches("UNKNOWN");
    server.set("a", "NOT_SERVING");
    await running.writes(/NOT_SERVING {6}a/);
    await eventually(() => server.openWatches === 1, "the Watch again");
    assert.deepEqual(
      running.texts.filter((text) => text.startsWith("disconnected")),
      [],
    );
  });

  for (const [kind, leave] of [
    ["that refuses the open calls", (session: ServerHttp2Session) => session.goaway()],
    ["that lets the open calls go on", (session: ServerHttp2Session) => session.close()],
  ] as const)
    test(`GOAWAY ${kind} is no loss: the next connection is open before a second is over`, async (t) => {
      const server = await scripted(t);
      const running = watch(t, server.address, ...FAST);
      await running.writes(/SERVING/);
      await eventually(() => server.openWatches === 1, "the Watch");
      const [session] = server.sessions;
      if (session !== undefined) leave(session);
      const others = () => [...server.sessions].filter((other) => other !== session);
      await eventually(() => others().length > 0, "another connection");
      server.statuses.set("", "NOT_SERVING");
      await running.writes(/NOT_SERVING/);
      assert.deepEqual(
        running.texts.filter((text) => text.startsWith("disconnected")),
        [],
      );
    });

  test("statuses stay current for a second after GOAWAY, also when the next connection takes no call", async (t) => {
    const server = await scripted(t);
    const running = watch(t, server.address, ...FAST, "--rpc-timeout", "5s");
    await running.writes(/SERVING/);
    const [session] = server.sessions;
    server.failures.set("List", "late refusal");
    const leftAt = Date.now();
    session?.goaway();
    await running.writes(/disconnected/);
    const lostAt = Date.parse(running.lines.find((line) => line.includes("disconnected"))?.slice(0, 24) ?? "");
    assert.ok(lostAt - leftAt < 1_500, `${lostAt - leftAt} ms`);
  });

  test("a watched service whose Check has failed once is asked again at the next poll", async (t) => {
    const server = await scripted(t);
    const names = Array.from({ length: 60 }, (_, index) => `acme.${index}`);
    for (const name of names) server.statuses.set(name, "SERVING");
    const running = watch(t, server.address, ...names, ...FAST);
    await eventually(() => server.openWatches === names.length, "the Watches");
    await pause(300);
    server.failures.set("Check", "RESOURCE_EXHAUSTED");
    await running.writes(/\(Check failed/);
    server.failures.clear();
    const failed = new Set(running.texts.flatMap((text) => /^\? +(\S+) +\(Check failed/.exec(text)?.[1] ?? []));
    assert.ok(failed.size > 0);
    for (const name of failed) await running.writes(new RegExp(`SERVING {10}${name}$`), 2, 2_000);
  });

  test("a Check that fails for one service is an error of that service", async (t) => {
    const server = await scripted(t);
    server.failures.set("Check", "PERMISSION_DENIED");
    server.methods = ["Check"];
    const running = watch(t, server.address, "a", "--json", ...FAST);
    await running.writes(/"service":"a","status":null,.*"error":"Check failed: PERMISSION_DENIED"/);
    server.failures.clear();
    server.set("a", "SERVING");
    await running.writes(/"service":"a","status":"SERVING"/);
  });

  test("500 services need at most 100 Watches, and leave streams for calls", async (t) => {
    const server = await scripted(t, 50);
    for (let index = 0; index < 500; index += 1) server.statuses.set(`acme.${index}`, "SERVING");
    const running = watch(t, server.address, ...FAST);
    await running.writes(/SERVING/, 501);
    await eventually(() => server.openWatches > 0, "a Watch");
    await pause(500);
    assert.equal(server.openWatches, 32, "50 streams without those of calls");
    server.statuses.set("acme.499", "NOT_SERVING");
    await running.writes(/NOT_SERVING {6}acme\.499/);
    assert.deepEqual(
      running.texts.filter((text) => text.startsWith("disconnected")),
      [],
    );
  });

  test("a server of grpc-health-check is watched, and asked only once for what it does not have", async (t) => {
    const { health, address } = await servePackaged(t, { "": "SERVING", "acme.Orders": "SERVING" });
    const running = watch(t, address, "acme.Orders");
    await running.writes(/SERVING {10}acme\.Orders/);
    health.setStatus("acme.Orders", "NOT_SERVING");
    await running.writes(/NOT_SERVING {6}acme\.Orders/, 1, 1_500);
  });

  test("a server that is not healthbridge is asked once whether it is", async (t) => {
    const server = await scripted(t);
    server.set("a", "SERVING");
    const running = watch(t, server.address, ...FAST);
    await running.writes(/SERVING/, 2);
    await eventually(() => server.count("List") > 5, "some polls");
    assert.equal(server.requests.get("healthcheck"), 1);
  });

  test("a server that closes the connection for a request of HTTP gets no second one", async (t) => {
    const server = await scripted(t);
    server.closesOnHttp = true;
    const running = watch(t, server.address, ...FAST);
    await running.writes(/SERVING/);
    assert.equal(server.requests.get("healthcheck"), 1);
  });

  test("names of services control no terminal", async (t) => {
    const server = await scripted(t);
    server.set("\u001b[2Ja\u202e", "SERVING");
    const running = watch(t, server.address);
    await running.writes(/SERVING {10}\\u\{1b\}\[2Ja\\u\{202e\}$/);
    const json = watch(t, server.address, "--json");
    await json.writes(/"service":"\\u001b\[2Ja\\u202e"/);
  });
});

describe("the end of watch", { concurrency: 2 }, () => {
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)
    test(`${signal} ends with code ${code}`, async (t) => {
      const running = watch(t, (await scripted(t)).address);
      await running.writes(/SERVING/);
      running.kill(signal);
      assert.deepEqual(await running.end(), { code, stderr: "" });
    });

  test("a reader that is gone ends it, with code 0", async (t) => {
    const server = await scripted(t);
    const running = watch(t, server.address);
    await running.writes(/SERVING/);
    running.closeOutput();
    server.set("", "NOT_SERVING");
    assert.deepEqual(await running.end(), { code: 0, stderr: "" });
  });

  const refused: readonly (readonly [string, (server: ScriptedHealth) => void, readonly string[], RegExp])[] = [
    [
      "without List and SERVICE",
      (server) => {
        server.methods = ["Check", "Watch"];
      },
      [],
      /: the server has no List, so its services are not known: name them, or use --overall for the server as a whole\n$/,
    ],
    [
      "without a health service",
      (server) => {
        server.methods = [];
      },
      [],
      /: the server has no health service \(grpc\.health\.v1\.Health\)\n$/,
    ],
    [
      "without a health service, for a named service",
      (server) => {
        server.methods = [];
      },
      ["a"],
      /: the server has no health service \(grpc\.health\.v1\.Health\)\n$/,
    ],
    [
      "that refuses the credentials",
      (server) => server.failures.set("List", "UNAUTHENTICATED"),
      [],
      /: List failed: UNAUTHENTICATED\n$/,
    ],
  ];
  for (const [kind, prepare, args, text] of refused)
    test(`a server ${kind} ends it with code 3 and one line`, async (t) => {
      const server = await scripted(t);
      prepare(server);
      const running = watch(t, server.address, ...args);
      const { code, stderr } = await running.end();
      assert.equal(code, 3, stderr);
      assert.match(stderr, text);
      assert.equal(stderr.split("\n").length, 2);
    });
});
