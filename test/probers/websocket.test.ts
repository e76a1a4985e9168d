/** `ws` and `wss`: the handshake, messages, and how the connection ends (RFC 6455). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { createServer as createTls } from "node:tls";
import type { DialogueStep, ProberOptions } from "../../src/probers/options.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { probe } from "./probing.js";
import { rawTarget, Target } from "./targets.js";
import {
  accepting,
  BINARY,
  CLOSE,
  type ClientFrame,
  PING,
  serverFrame,
  TEXT,
  type WebSocketScript,
  webSocketServer,
} from "./websocket-server.js";

const fixture = (file: string) => readFileSync(new URL(`../fixtures/tls/${file}`, import.meta.url), "utf8");

async function resultOf(script: WebSocketScript, options: ProberOptions = {}, timeoutMs?: number): Promise<string> {
  const target = await Target.start(createServer(webSocketServer(script)));
  const prober = openTarget(`ws://127.0.0.1:${target.port}/chat?room=1`, systemDeps(), options);
  const { outcome, reason, detail } = await probe(prober, timeoutMs);
  await target.disconnected();
  prober.close();
  await target.stop();
  return [outcome, reason, detail].filter((part) => part !== undefined).join(" | ");
}

const hello: readonly DialogueStep[] = [{ send: "hello", expect: "hello" }];

/** Answers a message with frames, and a Close with a Close. */
const answering =
  (...frames: readonly Buffer[]) =>
  ({ first, payload }: ClientFrame, socket: Socket): void => {
    if (first === CLOSE) socket.end(serverFrame(CLOSE, payload));
    else if (first === TEXT) socket.write(Buffer.concat(frames));
  };

test("a handshake alone passes; the request is as RFC 6455 wants it, and its key is another one each time", async () => {
  const requests: string[] = [];
  const script: WebSocketScript = {
    answer: (request, accept) => {
      requests.push(request);
      return accepting(accept);
    },
  };
  const target = await Target.start(createServer(webSocketServer(script)));
  const prober = openTarget(`ws://me:p%40ss@127.0.0.1:${target.port}/chat?room=1`, systemDeps(), {
    headers: { Origin: "https://page.test" },
  });
  for (let round = 0; round < 2; round += 1) assert.equal((await probe(prober)).outcome, "pass");
  await target.disconnected();
  await target.stop();
  const [first = "", second = ""] = requests;
  assert.match(first, /^GET \/chat\?room=1 HTTP\/1\.1\r\n/);
  for (const field of [
    /^host: 127\.0\.0\.1:\d+\r$/m,
    /^upgrade: websocket\r$/m,
    /^connection: Upgrade\r$/m,
    /^sec-websocket-version: 13\r$/m,
    /^sec-websocket-key: [A-Za-z0-9+/]{22}==$/m,
    /^origin: https:\/\/page\.test\r$/m,
    new RegExp(`^authorization: Basic ${Buffer.from("me:p@ss").toString("base64")}\r$`, "m"),
  ])
    assert.match(first, field);
  const keyOf = (text: string) => /sec-websocket-key: (.*)/.exec(text)?.[1];
  assert.notEqual(keyOf(first), keyOf(second));
});

test("messages are masked, answers are read, and the connection is closed with 1000", async () => {
  const frames: ClientFrame[] = [];
  const onFrame = (frame: ClientFrame, socket: Socket) => {
    frames.push(frame);
    socket.write(serverFrame(frame.first, frame.payload));
  };
  const dialogue = [
    { send: "grüß", expect: { matches: "^grü" } },
    { send: { hex: "00ff" }, expect: { hex: "ff" } },
    { send: "x".repeat(300), expect: "xxx" },
  ];
  assert.equal(await resultOf({ onFrame }, { dialogue }), "pass");
  assert.deepEqual(
    frames.map(({ first, payload }) => [first, payload.toString("hex").slice(0, 14)]),
    [
      [TEXT, "6772c3bcc39f"],
      [BINARY, "00ff"],
      [TEXT, "78787878787878"],
      [CLOSE, "03e8"],
    ],
  );
  assert.ok(frames.every(({ isMasked }) => isMasked));
});

describe("passes", () => {
  const ROWS: Readonly<Record<string, readonly [WebSocketScript, ProberOptions]>> = {
    "a greeting and events before the answer are ignored": [
      {
        greeting: serverFrame(TEXT, "welcome"),
        onFrame: answering(serverFrame(TEXT, "event"), serverFrame(TEXT, "hello")),
      },
      { dialogue: hello },
    ],
    "a greeting is expected": [{ greeting: serverFrame(TEXT, "welcome") }, { dialogue: [{ expect: "wel" }] }],
    "an answer in fragments, with a ping between them": [
      {
        onFrame: answering(
          serverFrame(0x01, "hel"),
          serverFrame(PING, "?"),
          serverFrame(0x00, "l"),
          serverFrame(0x80, "o"),
        ),
      },
      { dialogue: hello },
    ],
    "a subprotocol that was offered is chosen": [
      { answer: (_, accept) => accepting(accept, "Sec-WebSocket-Protocol: mqtt") },
      { headers: { "Sec-WebSocket-Protocol": "graphql-ws, mqtt" } },
    ],
    "the server does not answer the Close": [{ onFrame: () => {} }, {}],
  };
  for (const [name, [script, options]] of Object.entries(ROWS))
    test(name, async () => assert.equal(await resultOf(script, options), "pass"));

  test("a ping is answered with its payload", async () => {
    const onFrame = ({ first, payload }: ClientFrame, socket: Socket) => {
      if (first === TEXT) socket.write(serverFrame(PING, "are you there"));
      if (first === 0x8a) socket.write(serverFrame(TEXT, `pong ${payload}`));
      if (first === CLOSE) socket.end();
    };
    assert.equal(await resultOf({ onFrame }, { dialogue: [{ send: "x", expect: "pong are you there" }] }), "pass");
  });
});

describe("a handshake that fails", () => {
  const ROWS: readonly (readonly [string, NonNullable<WebSocketScript["answer"]>, RegExp, ProberOptions?])[] = [
    [
      "403",
      () => "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
      /^fail \| status \| HTTP status 403, expected 101$/,
    ],
    ["200", () => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK", /^fail \| status/],
    ["301", () => "HTTP/1.1 301 Moved\r\nlocation: /x\r\n\r\n", /^fail \| redirect/],
    ["another key's accept", () => accepting("AAAA"), /^fail \| protocol \| .*Sec-WebSocket-Accept/],
    ["no Upgrade", (_, accept) => accepting(accept).replace("Upgrade: WebSocket\r\n", ""), /^fail \| protocol/],
    [
      "an extension",
      (_, accept) => accepting(accept, "Sec-WebSocket-Extensions: permessage-deflate"),
      /^fail \| protocol/,
    ],
    [
      "a subprotocol that was not offered",
      (_, accept) => accepting(accept, "Sec-WebSocket-Protocol: x"),
      /^fail \| protocol/,
    ],
    [
      "none of the offered subprotocols",
      (_, accept) => accepting(accept),
      /^fail \| header/,
      { headers: { "Sec-WebSocket-Protocol": "mqtt" } },
    ],
    ["503 of HTTP/1.0", () => "HTTP/1.0 503 Unavailable\r\n\r\n", /^fail \| status \| HTTP status 503, expected 101$/],
    ["401 with LF alone", () => "HTTP/1.1 401 Unauthorized\n\n", /^fail \| status \| HTTP status 401/],
    ["426", () => "HTTP/1.1 426 Upgrade Required\r\n\r\n", /^fail \| status \| HTTP status 426/],
    [
      "403 after 103",
      () => "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n",
      /^fail \| status \| HTTP status 403/,
    ],
    ["interim heads without end", () => "HTTP/1.1 100 Continue\r\n\r\n".repeat(9), /^fail \| protocol \| .*interim/],
    ["no HTTP", () => "SSH-2.0-x\r\n", /^fail \| protocol/],
    ["a head without end", () => `HTTP/1.1 101 x\r\n${"a: b\r\n".repeat(4_000)}`, /^fail \| protocol/],
  ];
  for (const [name, answer, expected, options] of ROWS)
    test(name, async () => assert.match(await resultOf({ answer }, options), expected));
});

test("interim heads before the 101 are skipped", async () => {
  const early = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
  assert.equal(
    await resultOf({ answer: (_, accept) => `HTTP/1.1 100 Continue\r\n\r\n${early}${accepting(accept)}` }),
    "pass",
  );
});

test("a target that does not answer the handshake fails with that", async () => {
  const target = await rawTarget((socket) => void socket.resume());
  const prober = openTarget(`ws://127.0.0.1:${target.port}/`);
  const { reason, detail } = await probe(prober, 1_000);
  assert.equal(`${reason} | ${detail}`, "timeout | no answer to the handshake");
  await target.stop();
});

describe("frames that break the protocol", () => {
  const ROWS: Readonly<Record<string, readonly Buffer[]>> = {
    "a masked frame": [serverFrame(TEXT, "hello", true)],
    "a reserved bit": [serverFrame(TEXT | 0x40, "hello")],
    "an unknown opcode": [serverFrame(0x83, "hello")],
    "a control frame in fragments": [serverFrame(0x09, "")],
    "a control frame that is too long": [serverFrame(PING, "x".repeat(126))],
    "a continuation of nothing": [serverFrame(0x80, "hello")],
    "a message within another": [serverFrame(0x01, "hel"), serverFrame(TEXT, "hello")],
    "a length that is not the shortest": [Buffer.from([TEXT, 126, 0, 5]), Buffer.from("hello")],
    "a frame that announces 2^62 bytes": [Buffer.from("817f4000000000000000", "hex")],
    "a text that is not UTF-8": [serverFrame(TEXT, Buffer.from([0xff, 0xfe]))],
    "a close frame with half of a code": [serverFrame(CLOSE, "x")],
    "a close frame with a code that is never sent": [serverFrame(CLOSE, Buffer.from([3, 238]))],
    "more than 64 KiB": Array.from({ length: 3 }, () => serverFrame(TEXT, "x".repeat(30_000))),
  };
  for (const [name, frames] of Object.entries(ROWS))
    test(name, async () => {
      const result = await resultOf({ onFrame: answering(...frames) }, { dialogue: hello });
      assert.match(result, /^fail \| protocol/, result);
    });
});

describe("a failure names the step, and what came", () => {
  test("closed: the server's code and text", async () => {
    const close = Buffer.concat([Buffer.from([0x03, 0xf3]), Buffer.from("restart")]);
    const result = await resultOf({ onFrame: answering(serverFrame(CLOSE, close)) }, { dialogue: hello });
    assert.equal(result, 'fail | closed | step 1: the target closed with code 1011 "restart"');
  });
  test("closed: without a Close", async () => {
    const result = await resultOf({ onFrame: (_, socket) => void socket.end() }, { dialogue: hello });
    assert.equal(result, 'fail | closed | step 1: expected text "hello", got nothing');
  });
  test("timeout and answer", async () => {
    assert.equal(
      await resultOf({ onFrame: () => {} }, { dialogue: hello }, 300),
      'fail | timeout | step 1: expected text "hello", got nothing',
    );
    assert.equal(
      await resultOf({ onFrame: answering(serverFrame(TEXT, "other")) }, { dialogue: hello }, 300),
      'fail | answer | step 1: expected text "hello", got "other"',
    );
  });
});

test("wss: the tls options hold, and the certificate is seen", async () => {
  const identity = { cert: fixture("server.crt"), key: fixture("server.key") };
  const target = await Target.start(createTls(identity, webSocketServer()));
  for (const [tls, expected] of [
    [{ ca: fixture("ca.crt") }, "pass"],
    [{}, "tls-untrusted"],
    [{ ca: fixture("ca.crt"), serverName: "other.test" }, "tls-name"],
  ] as const) {
    const prober = openTarget(`wss://127.0.0.1:${target.port}`, systemDeps(), { tls, dialogue: hello });
    const { outcome, reason, certificateEndsAt } = await probe(prober);
    assert.equal(reason ?? outcome, expected);
    if (outcome === "pass") assert.ok((certificateEndsAt ?? 0) > Date.now());
  }
  await target.disconnected();
  await target.stop();
});

test("options that cannot be obeyed are refused", () => {
  for (const [target, options, expected] of [
    ["ws://h/", { headers: { "Sec-WebSocket-Key": "x" } }, /headers\.Sec-WebSocket-Key is set by healthbridge/],
    ["ws://h/", { headers: { upgrade: "h2c" } }, /headers\.upgrade is set by healthbridge/],
    ["ws://h/", { dialogue: [{ startTls: "smtp" }] }, /dialogue must not have startTls with ws:/],
    ["ws://h/", { tls: {} }, /tls is not an option/],
    ["ws://h/", { reuse: true }, /reuse is not an option/],
    ["ws://h/#x", {}, /does not allow the part from "#"/],
  ] as const)
    assert.throws(() => openTarget(target, systemDeps(), options), expected, target);
});
