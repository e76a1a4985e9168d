/** Frames as bytes, and what holds for each of them: RFC 9113, sections 4.1, 6 and 8.2. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isFieldName } from "../../../src/wire/http2/fields.js";
import { requireValidFrame } from "../../../src/wire/http2/frame-rules.js";
import {
  ACK,
  CONTINUATION,
  ConnectionError,
  DATA,
  END_HEADERS,
  END_STREAM,
  type ErrorCode,
  frameOf,
  GOAWAY,
  goAwayFrame,
  HEADERS,
  PADDED,
  PING,
  PRIORITY,
  PRIORITY_FLAG,
  RST_STREAM,
  resetFrame,
  SETTINGS,
  WINDOW_UPDATE,
  windowUpdateFrame,
} from "../../../src/wire/http2/frames.js";
import { HeaderBlocks, readHeadersPayload, withoutPadding } from "../../../src/wire/http2/header-block.js";
import { defaultPeerSettings, readSettings, SETTINGS_ACK, settingsFrame } from "../../../src/wire/http2/settings.js";

function refuses(call: () => unknown, code: ErrorCode, label?: string): void {
  assert.throws(call, (error) => error instanceof ConnectionError && error.code === code, label);
}

const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");

describe("the bytes of a frame", () => {
  const rows: readonly (readonly [label: string, frame: Buffer, hex: string])[] = [
    ["of any kind", frameOf(0x77, 0xa5, 0x7fff_ffff, bytes("01 02 03")), "000003 77 a5 7fffffff 010203"],
    ["that is long", frameOf(DATA, 0, 1, Buffer.alloc(0x012345)).subarray(0, 9), "012345 00 00 00000001"],
    ["RST_STREAM", resetFrame(5, "CANCEL"), "000004 03 00 00000005 00000008"],
    ["GOAWAY", goAwayFrame(0x0102, "ENHANCE_YOUR_CALM"), "000008 07 00 00000000 00000102 0000000b"],
    ["WINDOW_UPDATE", windowUpdateFrame(3, 65_536), "000004 08 00 00000003 00010000"],
    ["SETTINGS without a setting", settingsFrame({}), "000000 04 00 00000000"],
    ["the acknowledgement of SETTINGS", SETTINGS_ACK, "000000 04 01 00000000"],
    [
      "SETTINGS, in the order of the identifiers",
      settingsFrame({ maxHeaderListSize: 16_384, enablePush: false, maxConcurrentStreams: 100 }),
      "000012 04 00 00000000 0002 00000000 0003 00000064 0006 00004000",
    ],
    ["SETTINGS that allow pushes", settingsFrame({ enablePush: true }), "000006 04 00 00000000 0002 00000001"],
  ];
  for (const [label, frame, hex] of rows)
    test(label, () => assert.equal(frame.toString("hex"), hex.replaceAll(" ", "")));
});

describe("the stream and the length of a frame", () => {
  const rows: readonly (readonly [
    label: string,
    type: number,
    flags: number,
    stream: number,
    length: number,
    ErrorCode?,
  ])[] = [
    ["SETTINGS without a setting", SETTINGS, 0, 0, 0],
    ["SETTINGS with two", SETTINGS, 0, 0, 12],
    ["SETTINGS with half of one", SETTINGS, 0, 0, 9, "FRAME_SIZE_ERROR"],
    ["SETTINGS on a stream", SETTINGS, 0, 1, 6, "PROTOCOL_ERROR"],
    ["an acknowledgement", SETTINGS, ACK, 0, 0],
    ["an acknowledgement with a setting", SETTINGS, ACK, 0, 6, "FRAME_SIZE_ERROR"],
    ["PING", PING, 0, 0, 8],
    ["PING with 9 octets", PING, 0, 0, 9, "FRAME_SIZE_ERROR"],
    ["PING on a stream", PING, 0, 1, 8, "PROTOCOL_ERROR"],
    ["GOAWAY", GOAWAY, 0, 0, 8],
    ["GOAWAY with a text", GOAWAY, 0, 0, 20],
    ["GOAWAY that is cut", GOAWAY, 0, 0, 7, "FRAME_SIZE_ERROR"],
    ["GOAWAY on a stream", GOAWAY, 0, 3, 8, "PROTOCOL_ERROR"],
    ["PRIORITY", PRIORITY, 0, 3, 5],
    ["PRIORITY with 4 octets", PRIORITY, 0, 3, 4, "FRAME_SIZE_ERROR"],
    ["PRIORITY of the connection", PRIORITY, 0, 0, 5, "PROTOCOL_ERROR"],
    ["RST_STREAM", RST_STREAM, 0, 3, 4],
    ["RST_STREAM with 5 octets", RST_STREAM, 0, 3, 5, "FRAME_SIZE_ERROR"],
    ["WINDOW_UPDATE", WINDOW_UPDATE, 0, 0, 4],
    ["WINDOW_UPDATE with 3 octets", WINDOW_UPDATE, 0, 1, 3, "FRAME_SIZE_ERROR"],
    ["a frame of an unknown type", 0x77, 0xff, 9, 1],
    ["DATA of any length", DATA, 0, 1, 0],
  ];
  for (const [label, type, flags, stream, length, code] of rows)
    test(`${label}: ${code ?? "accepted"}`, () => {
      const check = () => requireValidFrame(type, flags, stream, length);
      if (code === undefined) check();
      else refuses(check, code);
    });
});

describe("a header block", () => {
  function collect() {
    const blocks: unknown[] = [];
    const reader = new HeaderBlocks((streamId, endStream, block) =>
      blocks.push([streamId, endStream, block.toString()]),
    );
    return { blocks, reader };
  }
  const part = (text: string) => Buffer.from(text);

  test("in one frame is complete at once, and the next frame may be any", () => {
    const { blocks, reader } = collect();
    reader.begin(END_HEADERS, 1, part("a"));
    reader.begin(END_HEADERS | END_STREAM, 3, part("b"));
    reader.requireInOrder(DATA, 5);
    assert.deepEqual(blocks, [
      [1, false, "a"],
      [3, true, "b"],
    ]);
  });

  test("in several frames is complete with the last, and ends the stream as its first frame says", () => {
    for (const endStream of [true, false]) {
      const { blocks, reader } = collect();
      reader.begin(endStream ? END_STREAM : 0, 7, part("a"));
      reader.requireInOrder(CONTINUATION, 7);
      reader.continue(0, part("b"));
      assert.deepEqual(blocks, []);
      reader.continue(END_HEADERS, part("c"));
      assert.deepEqual(blocks, [[7, endStream, "abc"]]);
      reader.requireInOrder(HEADERS, 9);
    }
  });

  test("is interrupted by no other frame, and no CONTINUATION comes without one", () => {
    const { reader } = collect();
    refuses(() => reader.requireInOrder(CONTINUATION, 1), "PROTOCOL_ERROR");
    reader.begin(0, 7, part("a"));
    refuses(() => reader.requireInOrder(DATA, 7), "PROTOCOL_ERROR");
    refuses(() => reader.requireInOrder(CONTINUATION, 9), "PROTOCOL_ERROR");
    refuses(() => reader.requireInOrder(PING, 0), "PROTOCOL_ERROR");
    reader.continue(END_HEADERS, part("b"));
    refuses(() => reader.requireInOrder(CONTINUATION, 7), "PROTOCOL_ERROR");
  });

  test("has at most 32 KiB and 64 frames", () => {
    const { blocks, reader } = collect();
    const half = Buffer.alloc(16 * 1024);
    reader.begin(0, 1, half);
    reader.continue(END_HEADERS, half);
    assert.equal(blocks.length, 1);
    reader.begin(0, 3, half);
    reader.continue(0, half);
    refuses(() => reader.continue(END_HEADERS, part("x")), "ENHANCE_YOUR_CALM");
    const many = collect();
    many.reader.begin(0, 1, part(""));
    for (let frame = 2; frame < 64; frame += 1) many.reader.continue(0, part(""));
    many.reader.continue(END_HEADERS, part(""));
    assert.equal(many.blocks.length, 1);
    many.reader.begin(0, 3, part(""));
    for (let frame = 2; frame <= 64; frame += 1) many.reader.continue(0, part(""));
    refuses(() => many.reader.continue(END_HEADERS, part("")), "ENHANCE_YOUR_CALM");
  });
});

describe("padding and priority", () => {
  test("are removed from a payload", () => {
    assert.equal(withoutPadding(0, bytes("02 61 62")).toString("hex"), "026162");
    assert.equal(withoutPadding(PADDED, bytes("02 61 62 00 00")).toString(), "ab");
    assert.equal(withoutPadding(PADDED, bytes("00 61")).toString(), "a");
    assert.equal(withoutPadding(PADDED, bytes("02 00 00")).length, 0);
    assert.deepEqual(readHeadersPayload(0, bytes("61")), { fragment: bytes("61"), dependency: undefined });
    const both = bytes("01 80000003 ff 6162 00");
    assert.deepEqual(readHeadersPayload(PADDED | PRIORITY_FLAG, both), { fragment: bytes("6162"), dependency: 3 });
    assert.equal(readHeadersPayload(PRIORITY_FLAG, bytes("00000001 00")).fragment.length, 0);
  });

  test("that are longer than the payload are refused", () => {
    refuses(() => withoutPadding(PADDED, Buffer.alloc(0)), "FRAME_SIZE_ERROR");
    refuses(() => withoutPadding(PADDED, bytes("03 61 62")), "PROTOCOL_ERROR");
    refuses(() => readHeadersPayload(PRIORITY_FLAG, bytes("00000001")), "FRAME_SIZE_ERROR");
  });
});

describe("the settings of a peer", () => {
  const read = (...hex: readonly string[]) => {
    const settings = defaultPeerSettings();
    for (const payload of hex) readSettings(bytes(payload), settings);
    return settings;
  };

  test("have the defaults of the RFC until they are sent", () => {
    assert.deepEqual(read(), {
      initialWindow: 65_535,
      tableLimit: 4_096,
      owesTableSize: false,
      maxConcurrentStreams: Number.POSITIVE_INFINITY,
      enablesPush: false,
    });
    assert.deepEqual(read("0077 12345678", "0006 00000001"), read(), "unknown ones are ignored");
  });

  test("are read in order, the last one counts", () => {
    const settings = read("0003 00000064 0004 00000005 0003 00000002", "0004 7fffffff");
    assert.deepEqual([settings.maxConcurrentStreams, settings.initialWindow], [2, 0x7fff_ffff]);
  });

  test("with a smaller table oblige the encoder to say its size, also if it grows again", () => {
    assert.deepEqual([read("0001 00001000").owesTableSize, read("0001 00002000").owesTableSize], [false, false]);
    const settings = read("0001 00000000 0001 00001000");
    assert.deepEqual([settings.owesTableSize, settings.tableLimit], [true, 4_096]);
  });

  test("may allow pushes, which is remembered", () => {
    assert.deepEqual([read("0002 00000000").enablesPush, read("0002 00000001").enablesPush], [false, true]);
    assert.equal(read("0002 00000001 0002 00000000").enablesPush, true);
  });

  test("out of range are refused", () => {
    refuses(() => read("0002 00000002"), "PROTOCOL_ERROR");
    refuses(() => read("0004 80000000"), "FLOW_CONTROL_ERROR");
    refuses(() => read("0005 00003fff"), "PROTOCOL_ERROR");
    refuses(() => read("0005 01000000"), "PROTOCOL_ERROR");
    assert.deepEqual([read("0005 00004000"), read("0005 00ffffff")], [read(), read()]);
  });
});

test("a field has a token in lower case as its name, and is none of one connection of HTTP/1", () => {
  for (const name of ["a", "x-y_z.1~", "content-type", "te", "!#$%&'*+^`|"]) assert.ok(isFieldName(name), name);
  for (const name of [
    "",
    "A",
    "a b",
    ":path",
    "a:",
    "é",
    "a\n",
    "(",
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
  ])
    assert.ok(!isFieldName(name), name);
});
