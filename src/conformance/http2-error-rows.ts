/** HTTP/2: what a server must refuse. Malformed requests end their stream, other errors end the connection. */
import {
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  type ErrorCode,
  frameOf,
  HEADERS,
  MAX_31_BITS,
  PING,
  RST_STREAM,
  windowUpdateFrame,
} from "../wire/http2/frames.js";
import { encodeHeaders } from "../wire/http2/hpack-encoder.js";
import { dataFrame, outcomeOf, type RowCall, type RowContext, requestFor } from "./context.js";
import { type FrameConnection, headersFrames, settingsOf } from "./frame-connection.js";
import { breaks, type ConformanceRow, HOLDS, notTried } from "./row.js";
import { connectionErrorRow, endsConnection } from "./row-kinds.js";
import { rfc7541, rfc9113 } from "./sources.js";
import type { StreamAnswer } from "./stream-answer.js";

/** A frame that is larger is not tried: it would be a load. */
const MAX_TRIED_FRAME = 1_048_576;

/** An indexed field whose index is larger than both HPACK tables. */
const INDEX_OUT_OF_TABLES = Buffer.from([0xff, 0xff, 0x7f]);

interface MalformedRequest {
  readonly id: string;
  readonly rule: string;
  readonly section: string;
  readonly sent: string;
  /** The header block, from that of a usual call. */
  readonly block: (context: RowContext) => Buffer;
}

const withFields = (call: RowCall) => (context: RowContext) => context.headOf(call);

const MALFORMED: readonly MalformedRequest[] = [
  {
    id: "field-uppercase",
    rule: "A request with a header name in upper case is malformed, and refused.",
    section: "8.2.1",
    sent: "Check with the header Conformance: 1",
    block: withFields({ fields: { Conformance: "1" } }),
  },
  {
    id: "field-connection",
    rule: "A request with a header of one HTTP/1 connection is malformed, and refused.",
    section: "8.2.2",
    sent: "Check with the header connection: close",
    block: withFields({ fields: { connection: "close" } }),
  },
  {
    id: "field-te",
    rule: "A request whose te is not trailers is malformed, and refused.",
    section: "8.2.2",
    sent: "Check with the header te: gzip",
    block: withFields({ fields: { te: "gzip" } }),
  },
  {
    id: "field-line-break",
    rule: "A request with a line break in a header value is malformed, and refused.",
    section: "8.2.1",
    sent: "Check with the header conformance: a, a line break and b",
    block: withFields({ fields: { conformance: "a\r\nb" } }),
  },
  {
    id: "pseudo-missing",
    rule: "A request without :path is malformed, and refused.",
    section: "8.3.1",
    sent: "Check without :path",
    block: withFields({ fields: { ":path": undefined } }),
  },
  {
    id: "pseudo-twice",
    rule: "A request with a pseudo-header twice is malformed, and refused.",
    section: "8.3",
    sent: "Check with two :method",
    block: (context) => Buffer.concat([encodeHeaders([[":method", "POST"]]), context.headOf()]),
  },
  {
    id: "pseudo-late",
    rule: "A request with a pseudo-header after a header is malformed, and refused.",
    section: "8.3",
    sent: "Check with :path after the other headers",
    block: (context) => {
      const path = encodeHeaders([[":path", "/grpc.health.v1.Health/Check"]]);
      return Buffer.concat([context.headOf({ fields: { ":path": undefined } }), path]);
    },
  },
  {
    id: "pseudo-unknown",
    rule: "A request with a pseudo-header that no standard defines is malformed, and refused.",
    section: "8.3",
    sent: "Check with :conformance",
    block: (context) => Buffer.concat([encodeHeaders([[":conformance", "1"]]), context.headOf()]),
  },
  {
    id: "content-length",
    rule: "A request whose DATA is not as long as its content-length says is malformed, and refused.",
    section: "8.1.1",
    sent: "Check with content-length 1",
    block: withFields({ fields: { "content-length": "1" } }),
  },
];

/** Whether a malformed request was refused: by a reset, an error of HTTP or gRPC, or the end of the connection. */
function isRefusedAnyhow(context: RowContext, connection: FrameConnection, answer: StreamAnswer): boolean {
  return context.isRefused(answer) || connection.end !== undefined || connection.goAway !== undefined;
}

function malformedRow({ id, rule, section, sent, block }: MalformedRequest): ConformanceRow {
  return {
    id,
    rule,
    source: rfc9113(section),
    severity: "must",
    group: "http2",
    async run(context) {
      const connection = await context.connect();
      const streamId = connection.openStream();
      connection.write(headersFrames(streamId, block(context)), dataFrame(streamId, requestFor(context.service)));
      const answer = connection.answer(streamId);
      const isOver = () => answer.hasEnded || isRefusedAnyhow(context, connection, answer);
      await connection.until(isOver, context.answerMs);
      if (isRefusedAnyhow(context, connection, answer)) return HOLDS;
      return breaks(sent, "RST_STREAM PROTOCOL_ERROR, or HTTP status 400", outcomeOf(connection, answer));
    },
  };
}

interface ConnectionFault {
  readonly id: string;
  readonly rule: string;
  readonly section: string;
  readonly sent: string;
  readonly error: ErrorCode;
  readonly frames: (context: RowContext, connection: FrameConnection) => readonly Uint8Array[];
}

/** A whole Check on a stream. */
const checkOn = (context: RowContext, streamId: number) => [
  headersFrames(streamId, context.headOf()),
  dataFrame(streamId, requestFor(context.service)),
];

const FAULTS: readonly ConnectionFault[] = [
  {
    id: "stream-even",
    rule: "A client opens streams with odd numbers only: an even one ends the connection.",
    section: "5.1.1",
    sent: "Check on stream 2",
    error: "PROTOCOL_ERROR",
    frames: (context) => checkOn(context, 2),
  },
  {
    id: "stream-idle",
    rule: "DATA on a stream that was never opened ends the connection.",
    section: "5.1",
    sent: "DATA on stream 101, which is idle",
    error: "PROTOCOL_ERROR",
    frames: () => [dataFrame(101, Buffer.alloc(1), 0)],
  },
  {
    id: "stream-idle-reset",
    rule: "RST_STREAM on a stream that was never opened ends the connection.",
    section: "6.4",
    sent: "RST_STREAM on stream 101, which is idle",
    error: "PROTOCOL_ERROR",
    frames: () => [frameOf(RST_STREAM, 0, 101, Buffer.from([0, 0, 0, 8]))],
  },
  {
    id: "headers-stream-0",
    rule: "HEADERS on stream 0 end the connection.",
    section: "6.2",
    sent: "HEADERS on stream 0",
    error: "PROTOCOL_ERROR",
    frames: (context) => [headersFrames(0, context.headOf(), END_STREAM)],
  },
  {
    id: "data-stream-0",
    rule: "DATA on stream 0 ends the connection.",
    section: "6.1",
    sent: "DATA on stream 0",
    error: "PROTOCOL_ERROR",
    frames: () => [frameOf(DATA, 0, 0, Buffer.alloc(1))],
  },
  {
    id: "continuation-alone",
    rule: "CONTINUATION without HEADERS before it ends the connection.",
    section: "6.10",
    sent: "CONTINUATION without HEADERS",
    error: "PROTOCOL_ERROR",
    frames: (context, connection) => [frameOf(CONTINUATION, END_HEADERS, connection.openStream(), context.headOf())],
  },
  {
    id: "continuation-interrupted",
    rule: "Any other frame within a header block ends the connection.",
    section: "6.10",
    sent: "HEADERS without END_HEADERS, and PING",
    error: "PROTOCOL_ERROR",
    frames: (context, connection) => [
      frameOf(HEADERS, 0, connection.openStream(), context.headOf()),
      frameOf(PING, 0, 0, Buffer.alloc(8)),
    ],
  },
  {
    id: "ping-length",
    rule: "A PING of another length than 8 octets ends the connection.",
    section: "6.7",
    sent: "PING of 7 octets",
    error: "FRAME_SIZE_ERROR",
    frames: () => [frameOf(PING, 0, 0, Buffer.alloc(7))],
  },
  {
    id: "window-update-0",
    rule: "A WINDOW_UPDATE of 0 on the connection ends the connection.",
    section: "6.9",
    sent: "WINDOW_UPDATE of 0 on stream 0",
    error: "PROTOCOL_ERROR",
    frames: () => [windowUpdateFrame(0, 0)],
  },
  {
    id: "window-overflow",
    rule: "A WINDOW_UPDATE that makes the window of the connection larger than 2^31-1 ends the connection.",
    section: "6.9.1",
    sent: "WINDOW_UPDATE of 2^31-1 on stream 0, twice",
    error: "FLOW_CONTROL_ERROR",
    frames: () => [windowUpdateFrame(0, MAX_31_BITS), windowUpdateFrame(0, MAX_31_BITS)],
  },
  {
    id: "settings-push",
    rule: "SETTINGS with an ENABLE_PUSH other than 0 and 1 end the connection.",
    section: "6.5.2",
    sent: "SETTINGS with ENABLE_PUSH 2",
    error: "PROTOCOL_ERROR",
    frames: () => [settingsOf([[2, 2]])],
  },
  {
    id: "settings-window",
    rule: "SETTINGS with an INITIAL_WINDOW_SIZE above 2^31-1 end the connection.",
    section: "6.5.2",
    sent: "SETTINGS with INITIAL_WINDOW_SIZE 2^31",
    error: "FLOW_CONTROL_ERROR",
    frames: () => [settingsOf([[4, 2 ** 31]])],
  },
];

export const HTTP2_ERROR_ROWS: readonly ConformanceRow[] = [
  ...MALFORMED.map(malformedRow),
  ...FAULTS.map(({ id, rule, section, ...options }) =>
    connectionErrorRow({ id, rule, source: rfc9113(section), severity: "must" }, options),
  ),
  connectionErrorRow(
    {
      id: "hpack-index",
      rule: "A header block that cannot be decoded ends the connection: the tables of both sides differ from then on.",
      source: rfc7541("2.3.3"),
      severity: "must",
    },
    {
      sent: "HEADERS with an index that no table has",
      error: "COMPRESSION_ERROR",
      frames: (context, connection) => [
        headersFrames(connection.openStream(), Buffer.concat([context.headOf(), INDEX_OUT_OF_TABLES]), END_STREAM),
      ],
    },
  ),
  {
    id: "frame-size",
    rule: "A frame that is larger than the server allows ends the connection.",
    source: rfc9113("4.2"),
    severity: "must",
    group: "http2",
    async run(context) {
      const connection = await context.connect();
      const length = connection.maxFrameSize + 1;
      if (length > MAX_TRIED_FRAME) return notTried(`the server allows frames of ${connection.maxFrameSize} octets`);
      connection.write(frameOf(HEADERS, END_HEADERS | END_STREAM, connection.openStream(), Buffer.alloc(length)));
      return endsConnection(context, connection, { sent: `HEADERS of ${length} octets`, error: "FRAME_SIZE_ERROR" });
    },
  },
  {
    id: "preface-wrong",
    rule: "A connection that does not begin with the preface is not served.",
    source: rfc9113("3.4"),
    severity: "must",
    group: "http2",
    async run(context) {
      const connection = await context.dial();
      connection.write(Buffer.from("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "latin1"), settingsOf([]));
      const id = connection.openStream();
      connection.write(...checkOn(context, id));
      const sent = "PRI * HTTP/2.0 with XX in the place of SM, and a Check";
      return endsConnection(context, connection, { sent, error: "PROTOCOL_ERROR" });
    },
  },
];
