/** Frames that can be read, in a state in which they can't be said, or too often. Sections are RFC 9113's. */
import { FLAG, h2frame, TYPE, uint32 } from "../support/raw-http2.js";
import {
  type BadFrames,
  BROKEN,
  body,
  cancel,
  check,
  data,
  head,
  requestBlock,
  setting,
  streamId,
  times,
  watch,
  widen,
} from "./bad-frame.js";

/** States of streams. */
export const STREAMS: readonly BadFrames[] = [
  // 5.1.1
  { row: "B32", what: "an even stream", bytes: () => check(2), outcomes: ["GOAWAY PROTOCOL_ERROR"], stream: 2 },
  {
    row: "B33",
    what: "a stream below the last",
    bytes: () => Buffer.concat([check(7), check(5)]),
    outcomes: ["GOAWAY PROTOCOL_ERROR"],
    stream: 5,
  },
  // 5.1, idle
  { row: "B34", what: "DATA on an idle stream", bytes: () => body(), outcomes: ["GOAWAY PROTOCOL_ERROR"] },
  // 5.1: half-closed (remote) is a stream error; closed by END_STREAM of both sides, "an endpoint can" end either
  {
    row: "B35",
    what: "DATA after END_STREAM, on an open Watch",
    bytes: () => Buffer.concat([watch(BROKEN, "b"), data(1)]),
    outcomes: ["RST_STREAM STREAM_CLOSED"],
  },
  {
    row: "B35",
    what: "DATA after END_STREAM, on a Check that is answered",
    bytes: () => Buffer.concat([check(), data(1)]),
    outcomes: ["GOAWAY STREAM_CLOSED", "RST_STREAM STREAM_CLOSED"],
    mayAnswer: true,
  },
  {
    row: "B36",
    what: "HEADERS after END_STREAM, on an open Watch",
    bytes: () => Buffer.concat([watch(BROKEN, "b"), head()]),
    outcomes: ["RST_STREAM STREAM_CLOSED"],
  },
  {
    row: "B36",
    what: "HEADERS after END_STREAM, on a Check that is answered",
    bytes: () => Buffer.concat([check(), head()]),
    outcomes: ["GOAWAY STREAM_CLOSED"],
    mayAnswer: true,
  },
  // 6.4
  {
    row: "B49",
    what: "RST_STREAM on an idle stream",
    bytes: () => cancel(BROKEN),
    outcomes: ["GOAWAY PROTOCOL_ERROR"],
  },
  // a stream error by RFC 7540, 5.3.1; RFC 9113 is silent
  {
    row: "B50",
    what: "PRIORITY of a stream on itself",
    bytes: () =>
      Buffer.concat([head(), h2frame(TYPE.PRIORITY, 0, BROKEN, Buffer.concat([uint32(BROKEN), Buffer.alloc(1)]))]),
    outcomes: ["RST_STREAM PROTOCOL_ERROR", "GOAWAY PROTOCOL_ERROR"],
  },
  {
    row: "B50",
    what: "HEADERS with a priority of the stream on itself",
    bytes: () => {
      const block = Buffer.concat([uint32(BROKEN), Buffer.alloc(1), requestBlock()]);
      return Buffer.concat([h2frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.PRIORITY, BROKEN, block), body()]);
    },
    outcomes: ["RST_STREAM PROTOCOL_ERROR", "GOAWAY PROTOCOL_ERROR"],
  },
  // 6.8: who says that it goes opens no more streams
  {
    row: "B51",
    what: "GOAWAY, and then a new call",
    bytes: () => Buffer.concat([h2frame(TYPE.GOAWAY, 0, 0, Buffer.alloc(8)), check()]),
    outcomes: ["GOAWAY NO_ERROR"],
    after: ["greeting"],
  },
];

/** Windows. */
export const WINDOWS: readonly BadFrames[] = [
  // 6.9
  {
    row: "B44",
    what: "WINDOW_UPDATE of nothing on a stream",
    bytes: () => Buffer.concat([head(), widen(BROKEN, 0)]),
    outcomes: ["RST_STREAM PROTOCOL_ERROR"],
  },
  {
    row: "B44",
    what: "WINDOW_UPDATE of nothing on the connection",
    bytes: () => widen(0, 0),
    outcomes: ["GOAWAY PROTOCOL_ERROR"],
  },
  // 6.9.1
  {
    row: "B45",
    what: "a stream's window above 2^31-1",
    bytes: () => Buffer.concat([head(), widen(BROKEN, 2 ** 31 - 1)]),
    outcomes: ["RST_STREAM FLOW_CONTROL_ERROR"],
  },
  {
    row: "B45",
    what: "the connection's window above 2^31-1",
    bytes: () => widen(0, 2 ** 31 - 1),
    outcomes: ["GOAWAY FLOW_CONTROL_ERROR"],
  },
  // 10.5; by the time that 2,000 octets were let go one by one, more was said than asked
  {
    row: "B53",
    what: "a thousand answers let go by single octets",
    bytes: () =>
      Buffer.concat([
        setting(4, 0),
        times(1_000, (index) => check(streamId(index))),
        times(6_000, (index) => widen(streamId(index % 1_000), 1)),
      ]),
    outcomes: ["GOAWAY ENHANCE_YOUR_CALM"],
  },
];

/** Frames that are allowed, too many of them: 10.5. */
export const FLOODS: readonly BadFrames[] = [
  {
    row: "B40",
    what: "three thousand SETTINGS",
    bytes: () => times(3_000, () => h2frame(TYPE.SETTINGS, 0, 0)),
    outcomes: ["GOAWAY ENHANCE_YOUR_CALM"],
  },
  {
    row: "B41",
    what: "three thousand PINGs",
    bytes: () => times(3_000, () => h2frame(TYPE.PING, 0, 0, Buffer.alloc(8))),
    outcomes: ["GOAWAY ENHANCE_YOUR_CALM"],
  },
  {
    row: "B43",
    what: "three thousand DATA frames of nothing",
    bytes: () => Buffer.concat([head(), times(3_000, () => data(0))]),
    outcomes: ["GOAWAY ENHANCE_YOUR_CALM"],
  },
  // CVE-2023-44487
  {
    row: "B52",
    what: "fifteen hundred calls that are cancelled before they are whole",
    bytes: () => times(1_500, (index) => Buffer.concat([head(streamId(index)), cancel(streamId(index))])),
    outcomes: ["GOAWAY ENHANCE_YOUR_CALM"],
  },
  // CVE-2025-8671; each by itself is a stream error
  {
    row: "B52",
    what: "fifteen hundred calls that we are made to reset",
    bytes: () => times(1_500, (index) => Buffer.concat([head(streamId(index)), widen(streamId(index), 0)])),
    outcomes: ["GOAWAY ENHANCE_YOUR_CALM"],
    stream: streamId(1_499),
  },
];
