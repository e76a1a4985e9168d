/** Frames and header blocks that can't be read, or hold more than anybody would say. Sections are RFC 9113's. */
import { FLAG, h2frame, headerBlock, TYPE } from "../support/raw-http2.js";
import { type BadFrames, BROKEN, body, data, head, requestBlock, setting, times } from "./bad-frame.js";

/** Header blocks. */
export const HEADER_BLOCKS: readonly BadFrames[] = [
  // RFC 7541, 2.3.3 and 6.1; a block that can't be decoded is a connection error: 4.3
  {
    row: "B30",
    what: "an HPACK index that no table has",
    bytes: () => h2frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, BROKEN, Buffer.from([0xff, 0x00])),
    outcomes: ["GOAWAY COMPRESSION_ERROR"],
  },
  {
    row: "B30",
    what: "the HPACK index 0",
    bytes: () => h2frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, BROKEN, Buffer.from([0x80])),
    outcomes: ["GOAWAY COMPRESSION_ERROR"],
  },
  // a server may refuse what it likes of lists that are too long: 10.5.1
  {
    row: "B54",
    what: "a header list of 70 kB",
    bytes: () => {
      const piece = (index: number) => headerBlock([[`x-${index}`, "v".repeat(14_000)]]);
      const more = times(5, (index) =>
        h2frame(TYPE.CONTINUATION, index === 4 ? FLAG.END_HEADERS : 0, BROKEN, piece(index)),
      );
      return Buffer.concat([h2frame(TYPE.HEADERS, 0, BROKEN, requestBlock()), more, body()]);
    },
    outcomes: ["GOAWAY ENHANCE_YOUR_CALM", "RST_STREAM ENHANCE_YOUR_CALM"],
  },
  {
    row: "B54",
    what: "a header list of 4 MB in 5 kB, by a reference that is repeated",
    bytes: () => {
      const WITH_INDEXING = 0x40;
      const bomb = headerBlock([["x-bomb", "v".repeat(4_000)]], WITH_INDEXING);
      const block = Buffer.concat([requestBlock(), bomb, Buffer.alloc(1_000, 0x80 | 62)]);
      return Buffer.concat([h2frame(TYPE.HEADERS, FLAG.END_HEADERS, BROKEN, block), body()]);
    },
    outcomes: ["GOAWAY ENHANCE_YOUR_CALM", "RST_STREAM ENHANCE_YOUR_CALM"],
  },
];

/** Frames by themselves. */
export const FRAMES: readonly BadFrames[] = [
  // what may alter the whole connection's state is a connection error, DATA may be the stream's alone: 4.2
  {
    row: "B31",
    what: "HEADERS of more than 16,384 bytes",
    bytes: () => h2frame(TYPE.HEADERS, FLAG.END_HEADERS, BROKEN, Buffer.alloc(16_385)),
    outcomes: ["GOAWAY FRAME_SIZE_ERROR"],
  },
  {
    row: "B31",
    what: "DATA of more than 16,384 bytes",
    bytes: () => Buffer.concat([head(), data(16_385)]),
    outcomes: ["GOAWAY FRAME_SIZE_ERROR", "RST_STREAM FRAME_SIZE_ERROR"],
  },
  // 6.10
  {
    row: "B37",
    what: "CONTINUATION without HEADERS",
    bytes: () => h2frame(TYPE.CONTINUATION, FLAG.END_HEADERS, BROKEN, requestBlock()),
    outcomes: ["GOAWAY PROTOCOL_ERROR"],
  },
  {
    row: "B37",
    what: "CONTINUATION after a block that has ended",
    bytes: () => Buffer.concat([head(), h2frame(TYPE.CONTINUATION, FLAG.END_HEADERS, BROKEN, requestBlock())]),
    outcomes: ["GOAWAY PROTOCOL_ERROR"],
  },
  {
    row: "B37",
    what: "another frame within a block",
    bytes: () =>
      Buffer.concat([h2frame(TYPE.HEADERS, 0, BROKEN, requestBlock()), h2frame(TYPE.PING, 0, 0, Buffer.alloc(8))]),
    outcomes: ["GOAWAY PROTOCOL_ERROR"],
  },
  // 10.5, and CVE-2024-27983
  {
    row: "B38",
    what: "two hundred CONTINUATION frames",
    bytes: () =>
      Buffer.concat([
        h2frame(TYPE.HEADERS, 0, BROKEN, requestBlock()),
        times(200, (index) => h2frame(TYPE.CONTINUATION, 0, BROKEN, headerBlock([[`x-${index}`, "v"]]))),
      ]),
    outcomes: ["GOAWAY ENHANCE_YOUR_CALM"],
  },
  {
    row: "B38",
    what: "two hundred empty CONTINUATION frames",
    bytes: () =>
      Buffer.concat([
        h2frame(TYPE.HEADERS, 0, BROKEN, requestBlock()),
        times(200, () => h2frame(TYPE.CONTINUATION, 0, BROKEN)),
      ]),
    outcomes: ["GOAWAY ENHANCE_YOUR_CALM"],
  },
  // 6.5
  {
    row: "B39",
    what: "an acknowledgement of SETTINGS with a payload",
    bytes: () => h2frame(TYPE.SETTINGS, FLAG.ACK, 0, Buffer.alloc(6)),
    outcomes: ["GOAWAY FRAME_SIZE_ERROR"],
  },
  // 6.7
  {
    row: "B42",
    what: "PING of 7 bytes",
    bytes: () => h2frame(TYPE.PING, 0, 0, Buffer.alloc(7)),
    outcomes: ["GOAWAY FRAME_SIZE_ERROR"],
  },
  // 6.5.2
  {
    row: "B46",
    what: "INITIAL_WINDOW_SIZE 2^31",
    bytes: () => setting(4, 2 ** 31),
    outcomes: ["GOAWAY FLOW_CONTROL_ERROR"],
  },
  { row: "B47", what: "MAX_FRAME_SIZE 1", bytes: () => setting(5, 1), outcomes: ["GOAWAY PROTOCOL_ERROR"] },
  { row: "B47", what: "MAX_FRAME_SIZE 2^24", bytes: () => setting(5, 2 ** 24), outcomes: ["GOAWAY PROTOCOL_ERROR"] },
  { row: "B48", what: "ENABLE_PUSH 2", bytes: () => setting(2, 2), outcomes: ["GOAWAY PROTOCOL_ERROR"] },
];
