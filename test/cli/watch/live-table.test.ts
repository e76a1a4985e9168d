/** `healthbridge watch` in a pseudo-terminal: what the screen shows, what keys do, and that each end restores the terminal. */
import assert from "node:assert/strict";
import { constants } from "node:os";
import { describe, type TestContext, test } from "node:test";
import { Health } from "../../../src/index.js";
import { eventually, pause } from "../../support/eventually.js";
import { portOf } from "../../support/port-of.js";
import { MAIN, PseudoTerminal, type TerminalOptions } from "./pseudo-terminal.js";
import { ScriptedHealth } from "./scripted-health.js";

/** The control sequence that leaves the alternate screen. */
const LEAVE = "\u001b[?1049l";

const SHELL = { echo: true, canonical: true };

function open(t: TestContext, args: readonly string[], options?: TerminalOptions): PseudoTerminal {
  const terminal = new PseudoTerminal([process.execPath, MAIN, "watch", ...args], options);
  t.after(() => terminal.close());
  return terminal;
}

async function scripted(t: TestContext, services: readonly string[] = []): Promise<ScriptedHealth> {
  const server = await new ScriptedHealth().listen();
  t.after(() => server.kill());
  for (const service of services) server.statuses.set(service, "SERVING");
  return server;
}

/** What every end of the table leaves behind: the shell's modes, its screen, the cursor and the line wrap. */
async function assertRestored(terminal: PseudoTerminal): Promise<void> {
  assert.deepEqual(await terminal.modes(), SHELL);
  assert.deepEqual(Object.fromEntries(terminal.screen.modes), { 1049: false, 25: true, 7: true });
}

const FIVE_HUNDRED = Array.from({ length: 500 }, (_, index) => `acme.orders.v1.Service${index}`);

describe("the live table", { concurrency: 2 }, () => {
  test("shows 500 services of healthbridge, and a change costs one row", async (t) => {
    const health = new Health();
    for (const service of FIVE_HUNDRED) health.set(service, "SERVING");
    const port = portOf(await health.listen(["127.0.0.1:0"]));
    t.after(() => health.shutdown());
    const terminal = open(t, [`:${port}`, "--interval", "1h"]);
    await terminal.shows(/501 services: 501 SERVING[\s\S]*1-20 of 501$/);
    await terminal.shows(/(?:[^\n]* SERVING +\d\d:\d\d:\d\d +0\n){20}/);
    await pause(300); // the last details
    const before = terminal.bytes;
    health.set("acme.orders.v1.Service0", "NOT_SERVING");
    await terminal.shows(/^SERVICE.*\nacme\.orders\.v1\.Service0 .*NOT_SERVING +\d\d:\d\d:\d\d +1$/m);
    assert.ok(terminal.bytes - before < 1_000, `${terminal.bytes - before} bytes for a row, the counts and a move`);
    assert.equal(terminal.screen.overflows, 0);
  });

  test("keys scroll, sort, filter, help and quit", async (t) => {
    const server = await scripted(t, FIVE_HUNDRED);
    server.statuses.set("acme.orders.v1.Service321", "NOT_SERVING");
    const terminal = open(t, [server.address]);
    await terminal.shows(/^SERVICE.*\nacme\.orders\.v1\.Service321 +NOT_SERVING/m);
    terminal.type("G");
    await terminal.shows(/482-501 of 501$/);
    terminal.type("\u001b[5~");
    await terminal.shows(/462-481 of 501$/);
    terminal.type("\u001b[A");
    await terminal.shows(/461-480 of 501$/);
    terminal.type("g");
    await terminal.shows(/1-20 of 501$/);
    terminal.type("s");
    await terminal.shows(/sorted by name\nSERVICE.*\n\(overall\)/);
    terminal.type("r");
    await terminal.shows(/sorted by name, reversed\nSERVICE.*\nacme\.orders\.v1\.Service99 /);
    terminal.type("/service3x\u007f2");
    await terminal.shows(/filter: service32_/);
    await terminal.shows(/11 with "service32"/);
    terminal.type("\rj?");
    await terminal.shows(/^s +sort by/);
    terminal.type("x");
    await terminal.shows(/1-11 of 11$/);
    terminal.type("\u001b");
    await terminal.shows(/1-20 of 501$/);
    terminal.type("q");
    assert.equal(await terminal.end(), 0);
    await assertRestored(terminal);
    assert.deepEqual(terminal.screen.strays, []);
  });

  test("a server that is gone leaves no status that looks current, and is shown again when it is back", async (t) => {
    const server = await scripted(t, ["acme.orders"]);
    const { port } = server;
    const terminal = open(t, [server.address, "--interval", "100ms"]);
    await terminal.shows(/connected, asked at[\s\S]*acme\.orders +SERVING/);
    await server.kill();
    await terminal.shows(/: disconnected since \d\d:\d\d:\d\d UTC: \S/, 5_000);
    await terminal.shows(/2 services: 2 not known;/);
    assert.match(terminal.screen.text, /acme\.orders +was SERVING/);
    assert.doesNotMatch(terminal.screen.text, /(?<!was )SERVING/);
    const other = await new ScriptedHealth().listen(port);
    t.after(() => other.kill());
    other.set("acme.orders", "NOT_SERVING");
    await terminal.shows(/connected, asked at[\s\S]*acme\.orders +NOT_SERVING[^\n]* 1$/m);
    assert.doesNotMatch(terminal.screen.text, /was/);
  });

  test("says that it connects, and why it cannot, before the first answer", async (t) => {
    const server = await new ScriptedHealth().listen();
    await server.kill();
    const terminal = open(t, [server.address]);
    await terminal.shows(
      /: connecting since \d\d:\d\d:\d\d UTC: the target refused the connection[^\n]*\nno answer yet/,
    );
    terminal.type("q");
    assert.equal(await terminal.end(), 0);
  });

  test("a service that is gone is SERVICE_UNKNOWN", async (t) => {
    const server = await scripted(t, ["celery.worker/a"]);
    const terminal = open(t, [server.address, "--interval", "100ms"]);
    await terminal.shows(/celery\.worker\/a +SERVING/);
    server.set("celery.worker/a", undefined);
    await terminal.shows(/celery\.worker\/a +SERVICE_UNKNOWN/);
  });

  test("60 columns show every column, and no line is longer", async (t) => {
    const server = await scripted(t, FIVE_HUNDRED);
    const terminal = open(t, [server.address], { columns: 60, rows: 12 });
    await terminal.shows(/SERVICE +STATUS +SINCE +CHG +REASON\n/);
    await terminal.shows(/acme\.orders\.v1\.Service0 +SERVING +0\n[\s\S]*1-8 of 501$/);
    assert.equal(terminal.screen.overflows, 0);
  });

  test("follows the size of the terminal", async (t) => {
    const server = await scripted(t, FIVE_HUNDRED);
    const terminal = open(t, [server.address]);
    await terminal.shows(/1-20 of 501$/);
    terminal.resize(10, 50);
    await terminal.shows(/1-6 of 501$/);
    terminal.resize(40, 120);
    await terminal.shows(/1-36 of 501$/);
    terminal.resize(3, 20);
    await terminal.shows(/^127\.0\.0\.1:\d+: c\.\.\n/);
    terminal.resize(1, 1);
    terminal.resize(24, 80);
    await terminal.shows(/1-20 of 501$/);
    assert.equal(terminal.screen.overflows, 0);
  });

  test("has colours, unless NO_COLOR is set", async (t) => {
    const server = await scripted(t, ["a"]);
    const coloured = open(t, [server.address]);
    await coloured.shows(/a +SERVING/);
    assert.ok(coloured.screen.renditions.has("32"));
    const plain = open(t, [server.address], { env: { NO_COLOR: "1" } });
    await plain.shows(/a +SERVING/);
    assert.deepEqual([...plain.screen.renditions], []);
  });

  test("TERM=dumb has lines, and no control sequences", async (t) => {
    const server = await scripted(t, ["a"]);
    const terminal = open(t, [server.address], { env: { TERM: "dumb" } });
    await eventually(() => /SERVING {10}a\r\n/.test(terminal.text), "a line");
    assert.ok(!terminal.text.includes("\u001b"));
  });

  test("wide names keep the columns, and names with control characters control nothing", async (t) => {
    const server = await scripted(t, ["注文サービス", "\u001b[2J\u0007evil\r\n", "e\u0301\u202e", "👩‍👩‍👧"]);
    const terminal = open(t, [server.address]);
    await terminal.shows(/注文サービス +SERVING/);
    const { lines } = terminal.screen;
    const titles = lines.find((line) => line.startsWith("SERVICE")) ?? "";
    assert.ok(
      lines.some((line) => line.startsWith("\\u{1b}[2J\\u{7}evil\\u{d}\\u{a} ")),
      lines.join("\n"),
    );
    assert.ok(
      lines.some((line) => line.startsWith("e\\u{301}\\u{202e} ")),
      lines.join("\n"),
    );
    assert.ok(
      lines.some((line) => line.startsWith("\\u{1f469}\\u{200d}")),
      lines.join("\n"),
    );
    // the screen has two cells for a wide character, the second one empty
    for (const line of lines.filter((each) => /SERVING/.test(each) && !/services/.test(each)))
      assert.equal(line.indexOf("SERVING") + (/[^\x20-\x7e]/.test(line) ? 6 : 0), titles.indexOf("STATUS"), line);
    assert.deepEqual(terminal.screen.strays, []);
  });
});

describe("the end of the live table", { concurrency: 2 }, () => {
  const { SIGTERM, SIGINT, SIGKILL } = constants.signals;
  for (const [name, act, code] of [
    ["Ctrl-C", (terminal: PseudoTerminal) => terminal.type("\u0003"), 130],
    ["SIGINT", (terminal: PseudoTerminal) => terminal.signal(SIGINT), 130],
    ["SIGTERM", (terminal: PseudoTerminal) => terminal.signal(SIGTERM), 143],
    ["q while it connects", (terminal: PseudoTerminal) => terminal.type("q"), 0],
  ] as const)
    test(`${name} restores the terminal`, async (t) => {
      const server = await scripted(t);
      const terminal = open(t, [name.startsWith("q") ? "192.0.2.1:1" : server.address]);
      await terminal.shows(name.startsWith("q") ? /connecting/ : /SERVING/);
      assert.deepEqual(await terminal.modes(), { echo: false, canonical: false });
      act(terminal);
      assert.equal(await terminal.end(), code);
      await assertRestored(terminal);
    });

  test("a server that cannot be watched restores the terminal, and the text stands on the shell's screen", async (t) => {
    const server = await scripted(t);
    server.methods = ["Check"];
    const terminal = open(t, [server.address]);
    assert.equal(await terminal.end(), 3);
    await assertRestored(terminal);
    const [, after = ""] = terminal.text.split(LEAVE);
    assert.match(after, /^healthbridge: 127\.0\.0\.1:\d+: the server has no List, [^\n]*\n$/);
  });

  test("an uncaught error restores the terminal", async (t) => {
    const server = await scripted(t);
    const fault = "data:text/javascript,setTimeout(() => { throw new Error('planted') }, 2000)";
    const terminal = new PseudoTerminal([process.execPath, "--import", fault, MAIN, "watch", server.address]);
    t.after(() => terminal.close());
    await terminal.shows(/SERVING/);
    assert.equal(await terminal.end(), 1);
    await assertRestored(terminal);
    const [, after = ""] = terminal.text.split(LEAVE);
    assert.match(after, /^healthbridge: Error: planted/);
  });

  test("a terminal that is closed ends the program", async (t) => {
    const server = await scripted(t);
    const terminal = open(t, [server.address, "--interval", "100ms"]);
    await terminal.shows(/SERVING/);
    terminal.hangUp();
    await terminal.end();
    assert.notEqual(terminal.ended, -SIGKILL);
  });

  test("Ctrl-Z gives the terminal to the shell, and fg draws the table again", async (t) => {
    const server = await scripted(t, ["acme.orders"]);
    const terminal = new PseudoTerminal(["bash", "--norc", "--noprofile", "-i"]);
    t.after(() => terminal.close());
    const prompts = (count: number) =>
      eventually(() => (terminal.text.match(/bash-[^\n]*[#$] /g) ?? []).length >= count, `${count} prompts`);
    await prompts(1);
    terminal.type(`${process.execPath} ${MAIN} watch ${server.address} --interval 100ms\n`);
    await terminal.shows(/acme\.orders +SERVING/);
    terminal.type("\u001a");
    await prompts(2);
    assert.match(terminal.text, /Stopped/);
    assert.equal(terminal.screen.modes.get("1049"), false);
    assert.equal(terminal.screen.modes.get("25"), true);
    server.statuses.set("acme.orders", "NOT_SERVING");
    terminal.type("fg\n");
    await terminal.shows(/acme\.orders +NOT_SERVING/);
    assert.equal(terminal.screen.modes.get("1049"), true);
    terminal.type("q");
    await prompts(3);
    assert.equal(terminal.screen.modes.get("1049"), false);
    terminal.type("echo code=$?\n");
    await eventually(() => terminal.text.includes("code=0"), "the exit code");
  });

  test("Ctrl-Z without a shell that could continue it has no effect", async (t) => {
    const server = await scripted(t, ["acme.orders"]);
    const terminal = open(t, [server.address, "--interval", "100ms"]);
    await terminal.shows(/acme\.orders +SERVING/);
    terminal.type("\u001a");
    await pause(200);
    server.statuses.set("acme.orders", "NOT_SERVING");
    await terminal.shows(/acme\.orders +NOT_SERVING/);
    assert.deepEqual(await terminal.modes(), { echo: false, canonical: false });
  });
});
