/** HTTP/2: unusual frames of a client that every server must take. */
import {
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frameOf,
  goAwayFrame,
  HEADERS,
  PADDED,
  PRIORITY,
  PRIORITY_FLAG,
  resetFrame,
  windowUpdateFrame,
} from "../wire/http2/frames.js";
import { dataFrame, NO_KNOWN_SERVICE, outcomeOf, type RowContext, requestFor } from "./context.js";
import { headersFrames, settingsOf } from "./frame-connection.js";
import { breaks, type ConformanceRow, HOLDS, notTried, type RowText } from "./row.js";
import { SERVED } from "./row-kinds.js";
import { rfc7541, rfc9113 } from "./sources.js";

const INITIAL_WINDOW_SIZE = 4;

/** A type of frame that no standard defines. */
const UNKNOWN_FRAME = 0xf0;

/** A row of a call that is written with unusual frames. */
function framesRow(
  text: RowText,
  sent: string,
  frames: (context: RowContext, streamId: number) => readonly Uint8Array[],
): ConformanceRow {
  return {
    ...text,
    group: "http2",
    async run(context) {
      const connection = await context.connect();
      const id = connection.openStream();
      connection.write(...frames(context, id));
      const answer = connection.answer(id);
      await context.ended(connection, answer);
      return context.isServed(answer) ? HOLDS : breaks(sent, SERVED.expected, outcomeOf(connection, answer));
    },
  };
}

/** A payload with 7 octets of padding. */
function padded(payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([7]), payload, Buffer.alloc(7)]);
}

/** A priority: on stream 0, with the weight 16. */
const PRIORITY_FIELDS = Buffer.from([0, 0, 0, 0, 15]);

export const HTTP2_STREAM_ROWS: readonly ConformanceRow[] = [
  framesRow(
    {
      id: "frame-unknown",
      rule: "A frame of a type that the server does not know is ignored.",
      source: rfc9113("5.5"),
      severity: "must",
    },
    "a frame of type 0xf0 on the connection, and a Check",
    (context, id) => [
      frameOf(UNKNOWN_FRAME, 0, 0, Buffer.from("conformance")),
      headersFrames(id, context.headOf()),
      dataFrame(id, requestFor(context.service)),
    ],
  ),
  framesRow(
    {
      id: "continuation",
      rule: "A header block may come in one HEADERS and several CONTINUATION frames.",
      source: rfc9113("6.10"),
      severity: "must",
    },
    "Check with its headers in HEADERS and 3 CONTINUATION frames",
    (context, id) => {
      const block = context.headOf();
      const part = Math.ceil(block.length / 4);
      const parts = [0, 1, 2, 3].map((index) => block.subarray(index * part, (index + 1) * part));
      return [
        ...parts.map((each, index) =>
          frameOf(index === 0 ? HEADERS : CONTINUATION, index === 3 ? END_HEADERS : 0, id, each),
        ),
        dataFrame(id, requestFor(context.service)),
      ];
    },
  ),
  framesRow(
    {
      id: "padding",
      rule: "HEADERS and DATA may be padded.",
      source: rfc9113("6.1"),
      severity: "must",
    },
    "Check with padded HEADERS and padded DATA",
    (context, id) => [
      frameOf(HEADERS, END_HEADERS | PADDED, id, padded(context.headOf())),
      frameOf(DATA, END_STREAM | PADDED, id, padded(requestFor(context.service))),
    ],
  ),
  framesRow(
    {
      id: "priority",
      rule: "Priorities are deprecated, but clients may send them: in HEADERS and as PRIORITY.",
      source: rfc9113("5.3.2"),
      severity: "must",
    },
    "a PRIORITY frame, and a Check with a priority in HEADERS",
    (context, id) => [
      frameOf(PRIORITY, 0, id, PRIORITY_FIELDS),
      frameOf(HEADERS, END_HEADERS | PRIORITY_FLAG, id, Buffer.concat([PRIORITY_FIELDS, context.headOf()])),
      dataFrame(id, requestFor(context.service)),
    ],
  ),
  {
    id: "hpack-table",
    rule: "A header field may be put into the dynamic table, and named by its index later.",
    source: rfc7541("2.3.3"),
    severity: "must",
    group: "http2",
    async run(context) {
      const connection = await context.connect();
      const head = context.headOf();
      // literal with incremental indexing: x: y, the first entry of the dynamic table (index 62)
      const added = Buffer.from([0x40, 1, 0x78, 1, 0x79]);
      const ids = [added, Buffer.from([0x80 | 62])].map((field) => {
        const id = connection.openStream();
        connection.write(headersFrames(id, Buffer.concat([head, field])), dataFrame(id, requestFor(context.service)));
        return id;
      });
      for (const id of ids) {
        const answer = connection.answer(id);
        await context.ended(connection, answer);
        if (!context.isServed(answer))
          return breaks(
            "two Checks, of which the second names a header by its index",
            SERVED.expected,
            outcomeOf(connection, answer),
          );
      }
      return HOLDS;
    },
  },
  {
    id: "window-stream",
    rule: "The server sends no more DATA than the window of the stream allows, and the rest when it is opened.",
    source: rfc9113("6.9"),
    severity: "must",
    group: "http2",
    async run(context) {
      if (context.facts.known === undefined) return notTried(NO_KNOWN_SERVICE);
      const connection = await context.connectWith([[INITIAL_WINDOW_SIZE, 1]]);
      const { id, answer } = context.send(connection);
      const sent = "Check with a window of 1 octet, which is opened octet by octet";
      // an answer has at least the 5 octets of its prefix
      for (let window = 1; window <= 5; window += 1) {
        await connection.until(() => answer.dataBytes >= window || answer.hasEnded, context.answerMs);
        if (window === 1) await connection.until(() => answer.dataBytes > window || answer.hasEnded, context.quietMs);
        if (answer.dataBytes !== window)
          return breaks(
            sent,
            `${window} octets of DATA`,
            `${answer.dataBytes} octets, ${outcomeOf(connection, answer)}`,
          );
        connection.write(windowUpdateFrame(id, 1));
      }
      connection.write(windowUpdateFrame(id, 100));
      await context.ended(connection, answer);
      return context.isServed(answer) ? HOLDS : breaks(sent, SERVED.expected, outcomeOf(connection, answer));
    },
  },
  {
    id: "window-settings",
    rule: "A larger INITIAL_WINDOW_SIZE opens the windows of the streams that are open.",
    source: rfc9113("6.9.2"),
    severity: "must",
    group: "http2",
    async run(context) {
      const connection = await context.connectWith([[INITIAL_WINDOW_SIZE, 0]]);
      const { answer } = context.send(connection);
      await connection.until(() => answer.hasEnded, context.quietMs);
      connection.write(settingsOf([[INITIAL_WINDOW_SIZE, 65_535]]));
      await context.ended(connection, answer);
      if (context.isServed(answer)) return HOLDS;
      const sent = "Check with a window of 0, then SETTINGS with INITIAL_WINDOW_SIZE 65,535";
      return breaks(sent, SERVED.expected, outcomeOf(connection, answer));
    },
  },
  {
    id: "late-frames",
    rule: "WINDOW_UPDATE and RST_STREAM on a stream that has just ended are ignored.",
    source: rfc9113("5.1"),
    severity: "must",
    group: "http2",
    async run(context) {
      const connection = await context.connect();
      const { id, answer } = context.send(connection);
      await context.ended(connection, answer);
      connection.write(windowUpdateFrame(id, 100), resetFrame(id, "CANCEL"));
      const second = await context.call(connection);
      if (context.isServed(second)) return HOLDS;
      const sent = "Check, WINDOW_UPDATE and RST_STREAM on its stream, and another Check";
      return breaks(sent, SERVED.expected, outcomeOf(connection, second));
    },
  },
  {
    id: "goaway",
    rule: "After GOAWAY of the client, the calls that are open are still answered.",
    source: rfc9113("6.8"),
    severity: "must",
    group: "http2",
    async run(context) {
      const connection = await context.connect();
      await context.call(connection);
      const id = connection.openStream();
      connection.write(headersFrames(id, context.headOf()), goAwayFrame(0, "NO_ERROR"));
      connection.write(dataFrame(id, requestFor(context.service)));
      const answer = connection.answer(id);
      await context.ended(connection, answer);
      if (context.isServed(answer)) return HOLDS;
      return breaks(
        "HEADERS of a Check, GOAWAY NO_ERROR, and its DATA",
        SERVED.expected,
        outcomeOf(connection, answer),
      );
    },
  },
];
