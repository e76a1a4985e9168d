/** The log: which events of which instance, at which level, with which fields. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { type ChannelMessages, publish, type Transition } from "../../src/core/channels.js";
import { createLog, LOG_LEVELS, type LogLevel, logStall } from "../../src/telemetry/log.js";
import { formatLine } from "../../src/telemetry/log-text.js";
import { VirtualClock } from "../support/virtual-clock.js";

type Line = Readonly<Record<string, unknown>>;

/** A log of the instance `mine`, and its lines. */
function logging(t: TestContext, level: LogLevel = "debug") {
  const texts: string[] = [];
  const log = createLog("mine", level, { write: (text) => void texts.push(text) });
  t.after(() => log.close());
  const lines = (): Line[] => texts.map((text) => JSON.parse(text));
  return { log, texts, lines };
}

const TRANSITION: Transition = {
  sequence: 7,
  at: 1_767_225_600_000,
  subject: "service",
  name: "celery.flower",
  from: "SERVING",
  to: "NOT_SERVING",
  degraded: false,
  reason: "timeout",
  detail: "no answer within 2000 ms",
};

const boom = new Error("boom");

/** Every event of the channels, with the line that it makes: its level, and fields that it must have. */
const EVENTS: readonly {
  [Name in keyof ChannelMessages]: readonly [string, Name, ChannelMessages[Name], string, Line];
}[keyof ChannelMessages][] = [
  [
    "a change for the worse",
    "transition",
    TRANSITION,
    "warn",
    {
      ...TRANSITION,
      event: "transition",
      msg: 'service "celery.flower": SERVING -> NOT_SERVING (timeout)',
    },
  ],
  [
    "a change for the better",
    "transition",
    { ...TRANSITION, from: "NOT_SERVING", to: "SERVING", reason: undefined },
    "info",
    {
      event: "transition",
      msg: 'service "celery.flower": NOT_SERVING -> SERVING',
    },
  ],
  [
    "a degraded service",
    "transition",
    { ...TRANSITION, to: "SERVING", degraded: true, reason: "slow" },
    "info",
    {
      degraded: true,
      msg: 'service "celery.flower": SERVING -> SERVING, degraded (slow)',
    },
  ],
  [
    "a service that is not degraded any more",
    "transition",
    { ...TRANSITION, to: "SERVING", degraded: false, reason: undefined },
    "info",
    {
      degraded: false,
      msg: 'service "celery.flower": SERVING -> SERVING, no longer degraded',
    },
  ],
  [
    "the server as a whole",
    "transition",
    { ...TRANSITION, name: "" },
    "warn",
    {
      name: "",
      msg: "service overall: SERVING -> NOT_SERVING (timeout)",
    },
  ],
  [
    "a failing check",
    "transition",
    { ...TRANSITION, subject: "check", name: "db", from: "passing", to: "failing" },
    "warn",
    {
      subject: "check",
      msg: 'check "db": passing -> failing (timeout)',
    },
  ],
  [
    "a warning check",
    "transition",
    { ...TRANSITION, subject: "check", name: "db", from: "passing", to: "warning" },
    "info",
    {
      subject: "check",
      msg: 'check "db": passing -> warning (timeout)',
    },
  ],
  [
    "a write that is held back",
    "write-held",
    { service: "a", status: "SERVING" },
    "info",
    {
      event: "write-held",
      service: "a",
      status: "SERVING",
      msg: "draining: the change is held back until resume",
    },
  ],
  [
    "a listener that threw",
    "listener-failed",
    { error: boom },
    "error",
    {
      event: "listener-failed",
      msg: "a transition listener threw an error; the other listeners were called",
    },
  ],
  [
    "a prober that could not probe",
    "prober-failed",
    { check: "db", reason: "prober", error: boom },
    "warn",
    {
      event: "prober-failed",
      check: "db",
      reason: "prober",
      msg: "could not probe; the check keeps its state",
    },
  ],
  [
    "a probe",
    "probe",
    {
      check: "db",
      outcome: "fail",
      reason: "timeout",
      detail: "no answer",
      latencyMs: 2000,
      startLagMs: 0,
      certificateEndsAt: undefined,
    },
    "debug",
    {
      event: "probe",
      check: "db",
      outcome: "fail",
      reason: "timeout",
      detail: "no answer",
      latencyMs: 2000,
      msg: "db: fail",
    },
  ],
  [
    "a connection that was ended",
    "connection-ended",
    { address: "192.0.2.1", rule: "max-connections" },
    "debug",
    {
      event: "connection-ended",
      address: "192.0.2.1",
      rule: "max-connections",
      msg: "connection ended: max-connections",
    },
  ],
  [
    "a PROXY header that was refused",
    "proxy-header-refused",
    { address: "192.0.2.1", fault: "malformed" },
    "warn",
    {
      event: "proxy-header-refused",
      address: "192.0.2.1",
      fault: "malformed",
      msg: "a connection of the proxy 192.0.2.1 was closed: its PROXY header is malformed",
    },
  ],
];

describe("the log", () => {
  for (const [label, name, message, level, expected] of EVENTS) {
    test(`has a line for ${label}, at ${level}`, (t) => {
      const { texts, lines } = logging(t);
      publish(name, { instance: "mine", ...message });
      assert.equal(texts.length, 1);
      assert.match(texts[0] ?? "", /^\{.*\}\n$/);
      const [line = {}] = lines();
      assert.equal(line.level, level);
      for (const [field, value] of Object.entries(expected)) assert.deepEqual(line[field], value, field);
    });
  }

  test("has the date and time of each line, and nothing about this machine", (t) => {
    const { log, lines } = logging(t);
    log.write("info", "serving", "serving", { addresses: [":8080"] });
    const [{ time, ...rest } = {}] = lines();
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(rest, { level: "info", event: "serving", addresses: [":8080"], msg: "serving" });
  });

  test("writes events of the program, with fields or without, at their level", (t) => {
    const { log, lines } = logging(t);
    log.write("warn", "old-node", "old");
    log.write("error", "fatal", "fatal", { err: boom });
    const [first = {}, second = {}] = lines();
    assert.deepEqual([first.level, first.event, first.msg], ["warn", "old-node", "old"]);
    assert.deepEqual([second.level, second.event], ["error", "fatal"]);
  });

  test("escapes control characters of C1 and marks of text direction, which JSON leaves as they are", (t) => {
    const { log, texts, lines } = logging(t);
    const message = "a\u009bb\u202ec\u2066d\u007fe\u2028f";
    log.write("info", "x", message, { detail: message });
    assert.match(texts[0] ?? "", /^[\x20-\x7e]+\n$/);
    assert.deepEqual([lines()[0]?.msg, lines()[0]?.detail], [message, message]);
  });

  test("is written for anything that code may throw", (t) => {
    const { log, lines } = logging(t);
    const circle: { self?: unknown } = {};
    circle.self = circle;
    const errors = [new Error("one"), new Error("two")];
    for (const [index, error] of errors.entries()) error.cause = errors[1 - index];
    const thrown = [circle, errors[0], undefined, null, 7n, "text", Symbol("s"), () => {}];
    for (const err of thrown) log.write("error", "fault", "fault", { err });
    assert.deepEqual(
      lines().map(({ level, msg }) => [level, msg]),
      thrown.map(() => ["error", "fault"]),
    );
    assert.equal(Object(Object(lines()[1]?.err).cause).message, "two");
  });

  test("has an error's message, kind and stack", (t) => {
    const { lines } = logging(t);
    publish("prober-failed", { instance: "mine", check: "db", reason: "prober", error: boom });
    const [{ err } = {}] = lines();
    const { message, type, stack } = Object(err);
    assert.deepEqual([message, type, stack], ["boom", "Error", boom.stack]);
  });

  test("does not show the instance", (t) => {
    const { lines } = logging(t);
    publish("transition", { instance: "mine", ...TRANSITION });
    assert.equal("instance" in (lines()[0] ?? {}), false);
  });

  test("escapes control characters in names [B7]", (t) => {
    const { texts } = logging(t);
    publish("transition", { instance: "mine", ...TRANSITION, name: 'a\n{"level":"error"}\u001b[2J' });
    assert.equal(texts.length, 1);
    const controls = [...(texts[0] ?? "")].filter((character) => character < " ");
    assert.deepEqual(controls, ["\n"]);
  });

  test("has no line of another instance in the same process", (t) => {
    const { texts } = logging(t);
    for (const [, name, message] of EVENTS) publish(name, { instance: "another", ...message });
    assert.deepEqual(texts, []);
  });

  test("two logs of one instance both get the line", (t) => {
    const [first, second] = [logging(t), logging(t)];
    publish("transition", { instance: "mine", ...TRANSITION });
    assert.deepEqual([first.texts.length, second.texts.length], [1, 1]);
  });

  test("has no line after close, which can be called twice", (t) => {
    const { log, texts } = logging(t);
    log.close();
    log.close();
    for (const [, name, message] of EVENTS) publish(name, { instance: "mine", ...message });
    assert.deepEqual(texts, []);
  });

  const RANK = ["debug", "info", "warn", "error", "silent"];
  test("has the documented levels", () => assert.deepEqual(LOG_LEVELS, RANK));
  for (const level of LOG_LEVELS) {
    test(`at level ${level}, has the lines of this level and above`, (t) => {
      const { lines } = logging(t, level);
      for (const [, name, message] of EVENTS) publish(name, { instance: "mine", ...message });
      const expected = EVENTS.map(([, , , of]) => of).filter((of) => RANK.indexOf(of) >= RANK.indexOf(level));
      assert.deepEqual(
        lines().map((line) => line.level),
        expected,
      );
    });
  }
});

describe("events that clients and targets can cause", () => {
  const CAUSED: readonly {
    [Name in keyof ChannelMessages]: readonly [Name, ChannelMessages[Name]];
  }[keyof ChannelMessages][] = [
    ["connection-ended", { address: "192.0.2.1", rule: "max-connections" }],
    ["proxy-header-refused", { address: "192.0.2.1", fault: "missing" }],
    ["xds-nack", { type: "eds", detail: "no such cluster" }],
    ["fault", { where: "a connection", error: boom }],
    ["prober-failed", { check: "db", reason: "no-descriptors", error: boom }],
    ["listener-failed", { error: boom }],
    ["write-held", { service: "a", status: "SERVING" }],
    ["name-taken", { check: "celery", service: "celery.worker/a" }],
    ["instance-source", { service: "a", outcome: "failed", isNew: true, addresses: 1, detail: "x" }],
    ["probe-abandoned", { check: "db", timeoutMs: 1_000 }],
    ["abandoned-ended", { check: "db", lastedMs: 2_000 }],
  ];

  for (const [name, message] of CAUSED)
    test(`${name} has 10 lines a second, and one with the number of the others`, async (t) => {
      const clock = new VirtualClock();
      const texts: string[] = [];
      const log = createLog("mine", "debug", { write: (text) => void texts.push(text) }, clock);
      t.after(() => log.close());
      const events = () => texts.map((text) => JSON.parse(text).event);
      for (let index = 0; index < 1_000; index += 1) publish(name, { ...message, instance: "mine" } as never);
      assert.deepEqual(events(), Array(10).fill(name));
      await clock.advance(1_000);
      const { event, of, suppressed, level } = JSON.parse(texts.at(-1) ?? "");
      assert.deepEqual([event, of, suppressed], ["lines-suppressed", name, 990]);
      assert.equal(level, JSON.parse(texts[0] ?? "").level);
      publish(name, { ...message, instance: "mine" } as never);
      await clock.advance(10_000);
      assert.deepEqual(events().slice(11), [name]);
    });

  test("do not limit each other, nor the transitions", (t) => {
    const { lines } = logging(t);
    for (let index = 0; index < 100; index += 1) {
      for (const [name, message] of CAUSED) publish(name, { ...message, instance: "mine" } as never);
      publish("transition", { ...TRANSITION, instance: "mine" });
    }
    const count = (event: string) => lines().filter((line) => line.event === event).length;
    assert.deepEqual(
      CAUSED.map(([name]) => count(name)),
      CAUSED.map(() => 10),
    );
    assert.equal(count("transition"), 100);
  });

  test("that were suppressed are counted when the log is closed", (t) => {
    const { log, lines } = logging(t);
    for (let index = 0; index < 12; index += 1)
      publish("fault", { where: "a connection", error: boom, instance: "mine" });
    log.close();
    assert.equal(lines().at(-1)?.suppressed, 2);
  });
});

describe("a stall of the main thread", () => {
  test("is one line when it begins, and one of the log when it is over", (t) => {
    const { lines } = logging(t);
    publish("main-thread-stalled", { instance: "mine", silenceMs: 10_012, isOver: false });
    assert.deepEqual(lines(), [], "the listener thread has written it");
    publish("main-thread-stalled", { instance: "mine", silenceMs: 12_345, isOver: true });
    const [{ time: _, ...line } = {}, ...others] = lines();
    const msg = "the event loop runs again: it was blocked for 12.3 s";
    assert.deepEqual([line, others], [{ level: "info", event: "main-thread-resumed", silenceMs: 12_345, msg }, []]);
  });

  test("is written in the form and at the level of the log", () => {
    const texts: string[] = [];
    const form = { isTerminal: false, hasColours: false };
    for (const level of LOG_LEVELS)
      logStall(level, { write: (line) => void texts.push(formatLine(line, form)) }, 10_012);
    assert.equal(texts.length, LOG_LEVELS.length - 1, "not at the level silent");
    for (const text of texts)
      assert.match(
        text,
        /^\S+Z error the event loop has been blocked for 10\.0 s: all services report NOT_SERVING until it runs again\n$/,
      );
  });
});

test("late probes are one line when they begin, and one when they are over", (t) => {
  const { lines } = logging(t);
  publish("probes-late", { instance: "mine", lagMs: 2_512.7 });
  publish("probes-late", { instance: "mine", lagMs: 0 });
  const [{ time: _, ...late } = {}, { time: __, ...inTime } = {}, ...others] = lines();
  const msg = "probes start 2.5 s late: healthbridge has more checks than it can probe in time";
  assert.deepEqual(late, { level: "warn", event: "probes-late", lagMs: 2_513, msg });
  assert.deepEqual(inTime, { level: "info", event: "probes-in-time", msg: "probes start in time again" });
  assert.deepEqual(others, []);
});

test("A source of instances has a line for each change of its outcome, and none for what is the same.", (t) => {
  const texts: string[] = [];
  const log = createLog("mine", "info", { write: (text) => void texts.push(text) }, new VirtualClock());
  t.after(() => log.close());
  const tell = (outcome: "found" | "failed" | "refused" | "removed", isNew: boolean, detail?: string) =>
    publish("instance-source", { instance: "mine", service: "a", outcome, isNew, addresses: 2, detail });
  tell("found", true);
  tell("found", false);
  tell("failed", true, "x");
  tell("failed", false, "x");
  tell("refused", true, "y");
  tell("removed", true);
  const lines = texts.map((text) => JSON.parse(text));
  assert.deepEqual(
    lines.map(({ level, msg }) => `${level} ${msg}`),
    [
      'info instances of "a": the source answers; 2 addresses',
      'warn instances of "a": the source has failed; keeping 2 addresses: x',
      'warn instances of "a": not every address can be checked: y',
    ],
  );
});
