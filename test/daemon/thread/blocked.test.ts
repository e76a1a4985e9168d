/**
 * An application whose event loop is blocked, or whose main thread ends, as another process sees it.
 */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, inTime, pause } from "../../support/eventually.js";
import { readValue } from "../../support/exposition.js";
import { GrpcPeer } from "../../support/grpc-peer.js";
import { notOutlive } from "../../support/not-outlive.js";

const APPLICATION = fileURLToPath(new URL("./application.cjs", import.meta.url));

class Application {
  readonly child: ChildProcess;
  port = 0;

  constructor(child: ChildProcess) {
    this.child = child;
  }

  do(action: string, value?: unknown): void {
    this.child.send([action, value]);
  }

  /** Status and body of a GET on a connection of its own; "no answer" when there is none within a second. */
  get(path: string, method = "GET", authorization = ""): Promise<string> {
    return new Promise((resolve) => {
      const options = { port: this.port, host: "127.0.0.1", path, method, agent: false, headers: { authorization } };
      const sent = request(options, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text) => {
          body += text;
        });
        response.on("end", () => resolve(`${response.statusCode} ${body}`)).on("error", () => resolve("no answer"));
      });
      const giveUp = setTimeout(() => sent.destroy(), 6_500);
      sent.on("close", () => clearTimeout(giveUp)).on("error", () => resolve("no answer"));
      sent.end();
    });
  }

  async ended(): Promise<readonly [code: number | null, signal: string | null]> {
    const { exitCode, signalCode } = this.child;
    if (exitCode === null && signalCode === null) await inTime(once(this.child, "exit"), "the process ends", 20_000);
    return [this.child.exitCode, this.child.signalCode];
  }
}

async function start(t: TestContext, options: object = {}, ...words: string[]): Promise<Application> {
  const stdio = ["ignore", "ignore", "ignore", "ipc"] as const;
  const [flags, modes] = [words.filter((word) => word.startsWith("-")), words.filter((word) => !word.startsWith("-"))];
  const child = fork(APPLICATION, [...modes, JSON.stringify(options)], { stdio: [...stdio], execArgv: flags });
  notOutlive(child, () => void child.kill("SIGKILL"));
  t.after(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  const application = new Application(child);
  child.on("error", () => {}); // a message that came too late for it
  const [message] = await inTime(once(child, "message"), "the application serves");
  application.port = Object(message).port;
  return application;
}

/** Asks again and again until `until`; returns the answers with their times, in ms since the first. */
async function follow(application: Application, path: string, until: (answer: string, ms: number) => boolean) {
  const [startedAt, answers] = [performance.now(), [] as { readonly answer: string; readonly ms: number }[]];
  for (;;) {
    const answer = await application.get(path);
    const ms = performance.now() - startedAt;
    answers.push({ answer, ms });
    if (until(answer, ms)) return answers;
    assert.ok(ms < 30_000, `still ${answer} after 30 s`);
    await pause(10);
  }
}

describe("a blocked event loop", () => {
  test("is answered for at all times: NOT_SERVING from stallAfter on, and SERVING again within a second", async (t) => {
    const application = await start(t, { stallAfter: "1500ms" });
    const peer = new GrpcPeer(application.port);
    t.after(() => peer.close());
    const watch = peer.watch("a");
    await watch.saw(1);
    const blockedAt = performance.now();
    application.do("block", 3_500);
    const down = await follow(application, "/healthcheck/a", (answer) => answer === "503 NOT_SERVING");
    assert.deepEqual(
      [...new Set(down.map(({ answer }) => answer))],
      ["200 OK", "503 NOT_SERVING"],
      "every request was answered",
    );
    const turnedAfter = down.at(-1)?.ms ?? 0;
    assert.ok(turnedAfter > 1_000 && turnedAfter < 2_000, `NOT_SERVING after ${turnedAfter} ms`);
    for (const path of [
      "/livez",
      "/readyz",
      "/startupz",
      "/healthcheck",
      "/readyz?exclude=function",
      "/readyz/function",
    ])
      assert.equal(await application.get(path), "503 NOT_SERVING", path);
    assert.equal(await application.get("/healthcheck/unknown"), "404 SERVICE_UNKNOWN");
    for (const service of ["", "a", "liveness", "startup", "function"])
      assert.equal((await peer.check(service)).status, 2, service);
    assert.deepEqual(new Set((await peer.list()).statuses.values()), new Set([2]));
    assert.match(
      await application.get("/livez?verbose"),
      /^503 \[-\]process failed: stalled for [12] s\nlivez check failed\n$/,
    );
    assert.match(
      await application.get("/readyz?verbose"),
      /\n?\[-\]process failed: stalled for [123] s\nreadyz check failed\n$/,
    );
    const page = (await application.get("/metrics")).slice("200 ".length);
    assert.ok(Number(readValue(page, "healthbridge_main_thread_silence_seconds")) >= 1.5);
    await follow(application, "/healthcheck/a", (answer) => answer === "200 OK");
    const total = performance.now() - blockedAt;
    assert.ok(total > 3_000 && total < 5_500, `SERVING again ${total} ms after the loop was blocked for 3,500 ms`);
    await watch.saw(1, 2, 1);
    assert.equal(await application.get("/livez?verbose"), "200 [+]process ok\nlivez check passed\n");
  });

  for (const kind of [
    "microtasks without an end",
    "ticks without an end",
    "a synchronous child process",
    "Atomics.wait",
    "garbage collections of a large heap",
    "a regular expression",
  ])
    test(`turns NOT_SERVING at stallAfter and back, with a loop that is blocked by ${kind}`, async (t) => {
      const application = await start(t, { stallAfter: "1s" });
      const freedAt = once(application.child, "message").then(() => performance.now());
      application.do("block-by", [kind, 2_500]);
      const down = await follow(application, "/healthcheck/a", (answer) => answer === "503 NOT_SERVING");
      const turnedAfter = down.at(-1)?.ms ?? 0;
      assert.ok(turnedAfter > 500 && turnedAfter < 1_600, `NOT_SERVING after ${turnedAfter} ms`);
      const up = await follow(application, "/healthcheck/a", (answer) => answer === "200 OK");
      const answers = new Set([...down, ...up].map(({ answer }) => answer));
      assert.deepEqual([...answers], ["200 OK", "503 NOT_SERVING"], "every request was answered");
      const backAfter = performance.now() - (await freedAt);
      assert.ok(backAfter < 1_000, `SERVING ${backAfter} ms after the block`);
    });

  test("is published when it is over: how it began, and how long it lasted", async (t) => {
    const application = await start(t, { stallAfter: "1s" });
    for (let round = 1; round <= 2; round += 1) {
      application.do("block", 2_000);
      await follow(application, "/livez", (answer) => answer === "503 NOT_SERVING");
      await follow(application, "/livez", (answer) => answer === "200 OK");
      const stalls: { silenceMs: number; isOver: boolean }[] = [];
      await eventually(async () => {
        const answer = once(application.child, "message");
        application.do("stalls");
        stalls.splice(0, stalls.length, ...Object((await answer)[0]).stalls);
        return stalls.length >= 2 * round;
      }, "both messages");
      const [begun, over] = stalls.slice(-2);
      assert.deepEqual([stalls.length, begun?.isOver, over?.isOver], [2 * round, false, true]);
      const [beganMs = 0, lastedMs = 0] = [begun?.silenceMs, over?.silenceMs];
      assert.ok(beganMs >= 1_000 && beganMs < 1_500 && lastedMs > 1_500 && lastedMs < 2_500, JSON.stringify(stalls));
    }
  });

  test("does not hide a status that was set before it was blocked", async (t) => {
    const application = await start(t);
    application.do("set-and-block", ["NOT_SERVING", 1_500]);
    const [...answers] = await follow(application, "/healthcheck/a", (_answer, ms) => ms > 1_000);
    const first = answers.findIndex(({ answer }) => answer === "503 NOT_SERVING");
    assert.ok(first !== -1 && answers.slice(first).every(({ answer }) => answer === "503 NOT_SERVING"));
    assert.ok((answers[first]?.ms ?? 0) < 500, `seen after ${answers[first]?.ms} ms`);
  });

  test("refuses a heartbeat that it has not taken in time, which does not count later", async (t) => {
    const application = await start(t, { stallAfter: "1m" });
    application.do("heartbeat");
    await eventually(
      async () => (await application.get("/healthcheck/job")).startsWith("503"),
      "the heartbeat is declared",
    );
    application.do("block", 7_000);
    await pause(200);
    assert.equal(await application.get("/heartbeat/job", "POST", "Bearer secret"), "503 STALLED");
    for (const waitMs of [0, 500]) {
      await pause(waitMs); // the loop is free: it has read what waited
      const status = once(application.child, "message");
      application.do("status", "job");
      assert.deepEqual(await status, [{ status: "UNKNOWN" }, undefined]);
    }
    assert.equal(await application.get("/heartbeat/job", "POST", "Bearer secret"), "200 OK");
  });

  test("is ended by SIGTERM: at once, or by the handler of the application when the loop is free", async (t) => {
    const [plain, handled] = await Promise.all([start(t), start(t)]);
    handled.do("on-sigterm");
    await pause(100);
    for (const application of [plain, handled]) application.do("block", 1_500);
    await pause(100);
    for (const { child } of [plain, handled]) child.kill("SIGTERM");
    assert.deepEqual(await plain.ended(), [null, "SIGTERM"]);
    assert.equal(await plain.get("/livez"), "no answer");
    assert.equal(await handled.get("/livez"), "200 OK", "the loop is still blocked");
    assert.deepEqual(await handled.ended(), [0, null]);
  });
});

describe("a main thread that is not blocked", () => {
  test("is never called stalled: idle, or suspended with the whole process", async (t) => {
    const application = await start(t, { stallAfter: "1s" });
    const idle = await follow(application, "/livez", (_answer, ms) => ms > 2_500);
    assert.deepEqual([...new Set(idle.map(({ answer }) => answer))], ["200 OK"]);
    const peer = new GrpcPeer(application.port);
    t.after(() => peer.close());
    const watch = peer.watch("liveness");
    await watch.saw(1);
    for (let round = 0; round < 3; round += 1) {
      application.child.kill("SIGSTOP");
      await pause(1_300);
      application.child.kill("SIGCONT");
      await pause(100);
    }
    const resumed = await follow(application, "/livez", (_answer, ms) => ms > 1_500);
    assert.deepEqual([...new Set(resumed.map(({ answer }) => answer))], ["200 OK"]);
    await watch.saw(1);
  });
});

describe("a main thread that ends", () => {
  for (const [action, ending] of [
    ["abort", [null, "SIGABRT"]],
    ["throw", [1, null]],
    ["reject", [1, null]],
    ["exit", [3, null]],
  ] as const)
    test(`leaves no endpoint behind: ${action}`, async (t) => {
      const application = await start(t);
      assert.equal(await application.get("/healthcheck/a"), "200 OK");
      application.do(action);
      assert.deepEqual(await application.ended(), ending);
      assert.equal(await application.get("/healthcheck/a"), "no answer");
    });

  for (const [ending, expected] of [
    ["abort", [null, "SIGABRT"]],
    ["throw", [1, null]],
    ["exit", [3, null]],
  ] as const)
    test(`leaves no endpoint behind when a block ends with it: ${ending}`, async (t) => {
      const application = await start(t, { stallAfter: "1s" });
      application.do("block-and", [ending, 1_500]);
      const answers = await follow(application, "/healthcheck/a", (answer) => answer === "no answer");
      const seen = [...new Set(answers.map(({ answer }) => answer))];
      assert.deepEqual(seen, ["200 OK", "503 NOT_SERVING", "no answer"], "never SERVING again");
      assert.deepEqual(await application.ended(), expected);
      assert.equal(await application.get("/healthcheck/a"), "no answer");
    });

  for (const signal of ["SIGKILL", "SIGHUP"] as const)
    test(`leaves no endpoint behind when a signal ends it within a block: ${signal}`, async (t) => {
      const application = await start(t);
      application.do("block", 20_000);
      await pause(200);
      application.child.kill(signal);
      assert.deepEqual(await application.ended(), [null, signal]);
      assert.equal(await application.get("/healthcheck/a"), "no answer");
    });

  test("leaves no endpoint behind when it has no memory left", async (t) => {
    const application = await start(t, {}, "--max-old-space-size=40");
    application.do("run-out-of-memory");
    const [, signal] = await application.ended();
    assert.notEqual(signal, null, "Node ends the process");
    assert.equal(await application.get("/healthcheck/a"), "no answer");
  });

  test("leaves no endpoint behind while it runs its exit handlers", async (t) => {
    const application = await start(t);
    application.do("exit-slowly", 2_000);
    await eventually(async () => (await application.get("/healthcheck/a")) === "no answer", "no answer", 1_500);
    assert.equal(application.child.exitCode, null, "it still runs");
    assert.deepEqual(await application.ended(), [3, null]);
  });

  for (const action of ["throw", "exit", "terminate"])
    test(`leaves no endpoint behind when the application is a thread itself: ${action}`, async (t) => {
      const application = await start(t, {}, "as-thread");
      assert.equal(await application.get("/healthcheck/a"), "200 OK");
      application.do(action);
      await eventually(async () => (await application.get("/healthcheck/a")) === "no answer", "no answer", 5_000);
      assert.equal(application.child.exitCode, null, "the process goes on");
    });

  test("ends the process as without a thread: after shutdown(), and not before", async (t) => {
    const [open, closed] = await Promise.all([start(t, { stallAfter: "1s" }), start(t)]);
    open.do("finish"); // nothing but the server is left
    closed.do("shutdown");
    assert.deepEqual(await closed.ended(), [0, null]);
    await pause(2_000);
    assert.equal(await open.get("/livez"), "200 OK", "it serves on, and is not called stalled");
  });
});
