/** Dialogues over TCP: what is sent, what is read, and what each kind of failure is called. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import { HealthError } from "../../src/core/health-error.js";
import type { DialogueStep, ProberOptions } from "../../src/probers/options.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { eventually } from "../support/eventually.js";
import { contextOf, probe } from "./probing.js";
import { rawTarget, silentTarget } from "./targets.js";

/** Probes a target once; its connection must be gone afterwards. */
async function resultOf(
  onConnection: (socket: Socket) => void,
  dialogue: readonly DialogueStep[],
  timeoutMs?: number,
): Promise<string> {
  const target = await rawTarget((socket) => {
    socket.on("end", () => socket.end());
    onConnection(socket);
    socket.resume();
  });
  const prober = openTarget(`tcp://127.0.0.1:${target.port}`, systemDeps(), { dialogue });
  const { outcome, reason, detail } = await probe(prober, timeoutMs);
  await target.disconnected();
  prober.close();
  await target.stop();
  return [outcome, reason, detail].filter((part) => part !== undefined).join(" | ");
}

/** Answers each line that it gets, after a greeting. */
const speaking =
  (greeting: string, answers: Readonly<Record<string, string>>) =>
  (socket: Socket): void => {
    if (greeting !== "") socket.write(greeting);
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n")) {
        const line = text.slice(0, end).trim();
        text = text.slice(end + 1);
        socket.write(answers[line] ?? `unknown ${line}\r\n`);
      }
    });
  };

describe("servers that need no client of their own pass", () => {
  const SERVERS: Readonly<Record<string, readonly [(socket: Socket) => void, readonly DialogueStep[]]>> = {
    "SSH: the banner": [speaking("SSH-2.0-OpenSSH_9.9\r\n", {}), [{ expect: "SSH-2.0-" }]],
    "SMTP: greeting in several lines, EHLO, QUIT": [
      speaking("220-mx ESMTP\r\n220 ready\r\n", { "EHLO me.test": "250-mx\r\n250 SIZE\r\n", QUIT: "221 bye\r\n" }),
      [
        { expect: { matches: "(?m)^220 .*\\r\\n" } },
        { send: "EHLO me.test\r\n", expect: { matches: "(?m)^250 .*\\r\\n" } },
        { send: "QUIT\r\n", expect: "221" },
      ],
    ],
    "memcached: version": [
      speaking("", { version: "VERSION 1.6.9\r\n" }),
      [{ send: "version\r\n", expect: { matches: "^VERSION [0-9.]+\\r\\n" } }],
    ],
    "NATS: INFO, then PING": [
      speaking('INFO {"server_id":"x"}\r\n', { PING: "PONG\r\n" }),
      [{ expect: "INFO {" }, { send: "PING\r\n", expect: "PONG\r\n" }],
    ],
    "Redis Sentinel: the master is known": [
      speaking("", { "SENTINEL ckquorum main": "+OK 3 usable Sentinels\r\n" }),
      [{ send: "SENTINEL ckquorum main\r\n", expect: "+OK" }],
    ],
    "ZooKeeper: ruok": [speaking("", { ruok: "imok" }), [{ send: "ruok\n", expect: "imok" }]],
    "POP3 and IMAP: the greeting": [
      speaking("+OK ready\r\n* OK ready\r\n", {}),
      [{ expect: "+OK" }, { expect: { matches: "\\* OK" } }],
    ],
    "bytes in hexadecimal": [
      (socket) => socket.on("data", (bytes) => socket.write(Buffer.concat([Buffer.from([0xff, 0]), bytes]))),
      [{ send: { hex: "00 FF0a" }, expect: { hex: "ff0000" } }, { expect: { hex: "ff 0a" } }],
    ],
    "text that is sent, and nothing that is expected": [speaking("", {}), [{ send: "hello\r\n" }]],
  };
  for (const [name, [server, dialogue]] of Object.entries(SERVERS))
    test(name, async () => assert.equal(await resultOf(server, dialogue), "pass"));
});

test("an answer that comes byte by byte, or with what follows it, is read in the same way", async () => {
  const dialogue: readonly DialogueStep[] = [
    { expect: "220 ü ready\r\n" },
    { expect: { matches: "^250-[a-z]+\\r\\n" } },
    { expect: { hex: "32353020" } },
  ];
  const text = Buffer.from("220 ü ready\r\n250-first\r\n250 second\r\n");
  assert.equal(await resultOf((socket) => void socket.write(text), dialogue), "pass");
  const slowly = async (socket: Socket) => {
    for (const byte of text) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  assert.equal(await resultOf((socket) => void slowly(socket), dialogue), "pass");
});

test("what a step has matched is gone for the next one, what follows stays", async () => {
  const server = (socket: Socket) => void socket.write("one two");
  assert.equal(await resultOf(server, [{ expect: "one" }, { expect: " two" }]), "pass");
  assert.match(await resultOf(server, [{ expect: "two" }, { expect: "one" }], 300), /^fail \| timeout/);
});

test("after bytes, a pattern is about bytes; after a text, about characters of UTF-8", async () => {
  const bytes = { hex: "01" };
  const rows: readonly (readonly [answer: string, dialogue: readonly DialogueStep[], outcome: string])[] = [
    ["ff fd 18", [{ send: bytes, expect: { matches: "^\\xff\\xfd\\x18" } }], "pass"],
    ["c3 bc 21", [{ send: bytes }, { expect: { matches: "^..!" } }], "pass"],
    ["c3 bc 21", [{ send: bytes, expect: { matches: "^.!" } }], "fail"],
    ["c3 bc 21", [{ send: "hello", expect: { matches: "^.!" } }], "pass"],
    ["c3 bc 21", [{ send: bytes }, { send: "hello" }, { expect: { matches: "^ü!" } }], "pass"],
  ];
  for (const [answer, dialogue, outcome] of rows) {
    const server = (socket: Socket) =>
      socket.once("data", () => socket.write(Buffer.from(answer.replaceAll(" ", ""), "hex")));
    const result = await resultOf(server, dialogue, outcome === "fail" ? 200 : undefined);
    assert.equal(result.slice(0, 4), outcome, JSON.stringify(dialogue));
  }
});

describe("a failure names the step, what it expected and what came", () => {
  const expectReady = [{ expect: "hello" }, { send: "x\r\n", expect: "ready" }];
  test("timeout: nothing, or something else", async () => {
    assert.equal(
      await resultOf((socket) => void socket.write("hello"), expectReady, 300),
      'fail | timeout | step 2: expected text "ready", got nothing',
    );
    assert.equal(
      await resultOf((socket) => void socket.write("hello 554 \u0007no\r\n"), expectReady, 300),
      'fail | timeout | step 2: expected text "ready", got " 554 \\u0007no\\r\\n"',
    );
  });
  test("closed: the stream ends before the answer", async () => {
    assert.equal(
      await resultOf((socket) => void socket.end("hello, bye"), expectReady),
      'fail | closed | step 2: expected text "ready", got ", bye"',
    );
    assert.match(await resultOf((socket) => void socket.end(), [{ expect: { matches: "a$" } }]), /^fail \| closed/);
  });
  test("answer: 64 KiB without it", async () => {
    const flood = (socket: Socket) => void socket.write(Buffer.alloc(70_000, "nonsense "));
    for (const expect of ["ready", { matches: "^r(ea)+dy" }, { hex: "00" }])
      assert.match(await resultOf(flood, [{ expect }]), /^fail \| answer \| no answer within 65536 bytes; step 1: /);
  });
  test("reset", async () => {
    assert.match(await resultOf((socket) => void socket.resetAndDestroy(), expectReady), /^fail \| reset/);
  });
  test("reset after a refusal: the words of the server", async () => {
    const refuse = (socket: Socket) => {
      socket.write("hello ERROR too many");
      socket.once("data", () => socket.resetAndDestroy());
    };
    assert.equal(
      await resultOf(refuse, expectReady),
      'fail | reset | step 2: expected text "ready", got " ERROR too many"',
    );
  });
  test("no connection at all", async () => {
    const target = await silentTarget();
    await target.stop();
    const prober = openTarget(`tcp://127.0.0.1:${target.port}`, systemDeps(), { dialogue: expectReady });
    assert.equal((await probe(prober)).reason, "refused");
  });
  test("a long answer is cut", async () => {
    const text = await resultOf((socket) => void socket.end("x".repeat(10_000)), expectReady);
    assert.ok(text.length < 340, text);
  });
});

test("64 KiB are read from a target at most, also if each part is expected", async () => {
  let sent = 0;
  const endless = (socket: Socket) => {
    const more = () => {
      while (socket.writable && socket.write("ok ".repeat(1_000))) sent += 3_000;
    };
    socket.on("drain", more);
    more();
  };
  const steps = Array.from({ length: 40 }, () => ({ expect: { matches: "^(?:ok ){900}" } as const }));
  // a pattern of 900 times 3 letters is too large
  assert.throws(() => openTarget("tcp://h:1", systemDeps(), { dialogue: steps }), /is too large/);
  const many = Array.from({ length: 40 }, () => ({ expect: `${"ok ".repeat(900)}` }));
  assert.match(await resultOf(endless, many), /^fail \| answer/);
  assert.ok(sent > 65_536);
});

test("a target that sends byte by byte doesn't make the patterns search for longer than one pass over 64 KiB a few times", async () => {
  const dialogue = [{ expect: { matches: "(?:a|b|ab)*[xy]{1,50}(?:c|d)*q" } }];
  const bytes = Buffer.alloc(20_000, "ab");
  const server = async (socket: Socket) => {
    for (let at = 0; at < bytes.length && socket.writable; at += 2) {
      socket.write(bytes.subarray(at, at + 2));
      if (at % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    socket.end("xq");
  };
  const { userCPUTime: before } = process.resourceUsage();
  assert.equal(await resultOf((socket) => void server(socket), dialogue), "pass");
  const { userCPUTime: after } = process.resourceUsage();
  assert.ok(after - before < 3_000_000, `${(after - before) / 1000} ms`);
});

test("a dialogue that cannot be meant is refused when the check is declared", () => {
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [[], /dialogue must be a list of 1 to 50 steps/],
    ["PING", /must be a list/],
    [[{}], /dialogue\[0\] must have send, expect or startTls/],
    [[{ sent: "x" }], /dialogue\[0\] has no sent; a step has send, expect, startTls/],
    [[{ send: "" }], /dialogue\[0\]\.send must be a text that is not empty/],
    [[{ send: 1 }], /dialogue\[0\]\.send must be/],
    [[{ send: { matches: "x" } }], /dialogue\[0\]\.send must be/],
    [[{ send: { hex: "0" } }], /dialogue\[0\]\.send must be/],
    [[{ expect: { hex: "xx" } }], /dialogue\[0\]\.expect must be .* matches/],
    [[{ expect: { hex: "00", matches: "x" } }], /dialogue\[0\]\.expect/],
    [[{ send: "x" }, { expect: { matches: "(" } }], /dialogue\[1\]\.expect\.matches is not a valid RE2/],
    [[{ expect: { matches: "a*" } }], /must not match an empty answer/],
    [[{ startTls: "xmpp" }], /startTls must be one of smtp, imap, pop3, ftp, postgres, mysql, ldap/],
    [[{ startTls: "smtp", send: "x" }], /must have nothing beside startTls/],
    [[{ expect: "220" }, { startTls: "smtp" }], /must be the first step/],
    [[{ send: "x".repeat(70_000) }], /sends 70000 bytes; the limit is 65507/],
    [Array.from({ length: 51 }, () => ({ send: "x" })), /1 to 50 steps/],
  ];
  for (const [dialogue, expected] of refused)
    assert.throws(
      () => openTarget("tcp://h:1", systemDeps(), { dialogue } as ProberOptions),
      (error) => error instanceof HealthError && error.code === "INVALID_OPTION" && expected.test(error.message),
      JSON.stringify(dialogue).slice(0, 60),
    );
});

test("options without an effect are refused: tls without startTls, startTls elsewhere, reuse", () => {
  const startTls = { dialogue: [{ startTls: "smtp" }] } as const;
  for (const [target, options, expected] of [
    [
      "tcp://h:1",
      { tls: { verify: false } },
      /^HealthError: tls has no effect without .* from the first byte on use tls:\/\//,
    ],
    ["tls://h:1", startTls, /must not have startTls with/],
    ["unix:///run/x.sock", startTls, /must not have startTls with/],
    ["tcp://h:1", { reuse: true }, /reuse is not an option/],
    ["http://h/", { dialogue: [{ send: "x" }] }, /dialogue is not an option/],
  ] as const)
    assert.throws(() => openTarget(target, systemDeps(), options), expected, target);
});

test("a probe that is cancelled ends at once, and its connection too", async () => {
  const target = await silentTarget();
  const prober = openTarget(`tcp://127.0.0.1:${target.port}`, systemDeps(), { dialogue: [{ expect: "x" }] });
  const probing = prober.probe(contextOf(60_000, new AbortController().signal));
  await eventually(() => target.accepted === 1, "connected");
  prober.close();
  assert.equal((await probing).reason, "timeout");
  await target.disconnected();
  await target.stop();
});
