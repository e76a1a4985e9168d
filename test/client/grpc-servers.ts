/**
 * gRPC servers that answer a Check in every way that was seen, and what a client must make of each: one table for the
 * prober, the client, and whatever else asks a health service. Many rows are Envoy's list of bad responses.
 */
import { FLAG, h2frame, headerBlock, TYPE, uint32 } from "../support/raw-http2.js";
import * as raw from "./raw-server.js";

const { answering, data, goAway, head, serving, settings, trailers } = raw;

/** A server, and what is made of its answer to the first Check. */
export interface ServerRow {
  readonly script: raw.Script;
  /** Of the prober: `pass`, or `fail` with its reason. */
  readonly verdict: string;
  /** Of the client: a status, a code of gRPC, the kind of a BrokenCall, or `tls`. */
  readonly answer: string;
  /** The text that says why. */
  readonly detail?: RegExp;
  /** Connections that are made. Default 1. */
  readonly connections?: number;
  /** The server speaks TLS. */
  readonly isSecure?: boolean;
  /** For a server that never answers. Default 10 s. */
  readonly timeoutMs?: number;
}

type Fields = readonly (readonly [string, string])[];
type Rows = Readonly<Record<string, ServerRow>>;

const END = FLAG.END_HEADERS | FLAG.END_STREAM;
const GRPC: Fields = [
  [":status", "200"],
  ["content-type", "application/grpc"],
];

/** A head of these fields that ends the answer. */
const only = (...fields: Fields) => answering((stream) => head(stream, headerBlock(fields), END));

/** A head of these fields, then SERVING. */
const headed = (...fields: Fields) => answering((stream) => head(stream, headerBlock(fields)), data, trailers);

/** A media type, then SERVING. */
const typed = (...types: readonly string[]) =>
  headed([":status", "200"], ...types.map((type) => ["content-type", type] as const));

/** SERVING, and trailers of these fields. */
const trailed = (...fields: Fields) => answering(head, data, (stream) => trailers(stream, headerBlock(fields)));

/** A body in these parts, with a good head and good trailers. */
const bodied = (...parts: readonly Buffer[]) =>
  answering(head, ...parts.map((part) => (stream: number) => data(stream, part)), trailers);

const message = (...bytes: readonly number[]) => Buffer.from([0, 0, 0, 0, bytes.length, ...bytes]);

/** A message of so many bytes: SERVING, and a field that is not known. */
function padded(length: number): Buffer {
  const rest = length - 5;
  return Buffer.concat([
    Buffer.from([0, ...uint32(length), 8, 1, 0x7a, 0x80 | (rest & 127), rest >> 7]),
    Buffer.alloc(rest),
  ]);
}

const reset = (code: number) => (stream: number) => h2frame(TYPE.RST_STREAM, 0, stream, uint32(code));

const pass = (script: raw.Script, connections = 1): ServerRow => ({
  script,
  verdict: "pass",
  answer: "SERVING",
  connections,
});
const broken = (script: raw.Script, detail?: RegExp): ServerRow => ({
  script,
  verdict: "fail protocol",
  answer: "protocol",
  ...(detail && { detail }),
});
const unreadable = (script: raw.Script): ServerRow => ({
  script,
  verdict: "fail protocol",
  answer: "unreadable",
  detail: /^the answer has no HealthCheckResponse that can be read$/,
});
const failing = (script: raw.Script, reason: string, answer: string, detail?: RegExp): ServerRow => ({
  script,
  verdict: `fail ${reason}`,
  answer,
  ...(detail && { detail }),
});

const rowsOf = <Item>(items: readonly Item[], row: (item: Item) => readonly [string, ServerRow]): Rows =>
  Object.fromEntries(items.map(row));

const STATUSES: Rows = {
  SERVING: pass({}),
  "SERVING, one byte of the connection at a time": pass({
    onRequest: async ({ socket }, stream) => {
      for (const byte of serving(stream)) {
        socket.write(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  }),
  "SERVING in DATA frames of one byte": pass(bodied(...[...raw.SERVING_MESSAGE].map((byte) => Buffer.from([byte])))),
  "SERVING in DATA frames of five bytes": pass(
    bodied(raw.SERVING_MESSAGE.subarray(0, 5), raw.SERVING_MESSAGE.subarray(5)),
  ),
  "a status twice, of which the last is SERVING": pass(bodied(message(8, 2, 8, 1))),
  "SERVING beside a field that is not known": pass(bodied(message(8, 1, 0x12, 2, 65, 66))),
  "a message of 4,096 bytes with SERVING": pass(bodied(padded(4_096))),
  NOT_SERVING: failing(bodied(message(8, 2)), "not-serving", "NOT_SERVING"),
  UNKNOWN: failing(bodied(message(8, 0)), "unknown", "UNKNOWN"),
  "UNKNOWN as an empty message": failing(bodied(message()), "unknown", "UNKNOWN"),
  SERVICE_UNKNOWN: failing(bodied(message(8, 3)), "service-unknown", "SERVICE_UNKNOWN"),
  "the number 4": unreadable(bodied(message(8, 4))),
  "the number 999": unreadable(bodied(message(8, 0xe7, 7))),
  "a negative number": unreadable(bodied(message(8, ...Array.from({ length: 9 }, () => 0xff), 1))),
  "a status that is a text": unreadable(bodied(message(0x0a, 1, 1))),
  "a message that is not protobuf": unreadable(bodied(message(0xff, 0xff))),
  "a message whose last field is cut": unreadable(bodied(message(8))),
};

const BODIES: Rows = {
  "a compressed message": broken(bodied(Buffer.from([1, 0, 0, 0, 2, 8, 1])), /compressed/),
  "a message with the flag 2": broken(bodied(Buffer.from([2, 0, 0, 0, 2, 8, 1]))),
  "grpc-encoding gzip, and a message that is not compressed": pass(headed(...GRPC, ["grpc-encoding", "gzip"])),
  "a message of 4,097 bytes": broken(bodied(padded(4_097)), /4097 bytes, more than 4096/),
  "a message of 4 GiB, announced": broken(bodied(Buffer.from([0, 255, 255, 255, 255])), /4294967295 bytes/),
  "two messages": broken(bodied(raw.SERVING_MESSAGE, raw.SERVING_MESSAGE), /more than one message/),
  "two messages in one frame": broken(
    bodied(Buffer.concat([raw.SERVING_MESSAGE, raw.SERVING_MESSAGE])),
    /more than one message/,
  ),
  "a message, and an empty one": broken(bodied(raw.SERVING_MESSAGE, message()), /more than one message/),
  "a message, and one byte": broken(bodied(raw.SERVING_MESSAGE, Buffer.alloc(1)), /within a message/),
  "a message, and the head of another": broken(
    bodied(raw.SERVING_MESSAGE, Buffer.from([0, 0, 0, 0, 2])),
    /within a message/,
  ),
  "a message that is cut": broken(bodied(raw.SERVING_MESSAGE.subarray(0, 6)), /within a message/),
  "half the head of a message": broken(bodied(raw.SERVING_MESSAGE.subarray(0, 3)), /within a message/),
  "no message": unreadable(bodied(Buffer.alloc(0))),
  "a message that is cut, and an error": failing(
    answering(
      head,
      (stream) => data(stream, raw.SERVING_MESSAGE.subarray(0, 6)),
      (stream) => trailers(stream, headerBlock([["grpc-status", "14"]])),
    ),
    "unavailable",
    "UNAVAILABLE",
  ),
};

/** The codes of gRPC, the reason of each, and numbers that are none. */
const CODES: readonly (readonly [number: string, code: string, reason: string])[] = [
  ["1", "CANCELLED", "grpc"],
  ["2", "UNKNOWN", "grpc"],
  ["3", "INVALID_ARGUMENT", "grpc"],
  ["4", "DEADLINE_EXCEEDED", "timeout"],
  ["5", "NOT_FOUND", "service-unknown"],
  ["6", "ALREADY_EXISTS", "grpc"],
  ["7", "PERMISSION_DENIED", "grpc"],
  ["8", "RESOURCE_EXHAUSTED", "grpc"],
  ["9", "FAILED_PRECONDITION", "grpc"],
  ["10", "ABORTED", "grpc"],
  ["11", "OUT_OF_RANGE", "grpc"],
  ["12", "UNIMPLEMENTED", "unimplemented"],
  ["13", "INTERNAL", "grpc"],
  ["14", "UNAVAILABLE", "unavailable"],
  ["15", "DATA_LOSS", "grpc"],
  ["16", "UNAUTHENTICATED", "grpc"],
  ...["17", "99", "100", "-1", "0x0", "OK", "", "0, 0"].map((number) => [number, "UNKNOWN", "grpc"] as const),
];

const GRPC_STATUSES: Rows = {
  ...rowsOf(CODES, ([number, code, reason]) => [
    `grpc-status ${JSON.stringify(number)} alone (trailers-only)`,
    failing(only(...GRPC, ["grpc-status", number], ["grpc-message", "no"]), reason, code, new RegExp(`^${code}: no$`)),
  ]),
  ...rowsOf(CODES, ([number, code, reason]) => [
    `SERVING, then grpc-status ${JSON.stringify(number)}`,
    failing(trailed(["grpc-status", number]), reason, code),
  ]),
  "grpc-status 0 alone (trailers-only)": unreadable(only(...GRPC, ["grpc-status", "0"])),
  "SERVING, and a message in the trailers": pass(trailed(["grpc-status", "0"], ["grpc-message", "fine"])),
  "SERVING, and no trailers": broken(
    answering(head, (stream) => data(stream, raw.SERVING_MESSAGE, FLAG.END_STREAM)),
    /without a grpc-status/,
  ),
  "SERVING with the status in the head, and no trailers": broken(
    answering(
      (stream) => head(stream, headerBlock([...GRPC, ["grpc-status", "0"]])),
      (stream) => data(stream, raw.SERVING_MESSAGE, FLAG.END_STREAM),
    ),
    /without a grpc-status/,
  ),
  "SERVING, and trailers without a status": broken(trailed(["x-a", "b"]), /without a grpc-status/),
  "SERVING, and a status twice": failing(trailed(["grpc-status", "0"], ["grpc-status", "0"]), "grpc", "UNKNOWN"),
  "a head that ends the answer, without a status": broken(only(...GRPC), /without a grpc-status/),
  "a message that is percent-encoded": failing(
    only(...GRPC, ["grpc-status", "5"], ["grpc-message", "no%20%E2%9C%93 50%25 %zz %C3"]),
    "service-unknown",
    "NOT_FOUND",
    /^NOT_FOUND: no ✓ 50% %zz \ufffd$/,
  ),
  "a message with encoded control characters": failing(
    only(...GRPC, ["grpc-status", "5"], ["grpc-message", "a%0D%0Ab%1B[31m%00"]),
    "service-unknown",
    "NOT_FOUND",
    /^NOT_FOUND: a\\u000d\\u000ab\\u001b\[31m\\u0000$/,
  ),
};

/** An answer of HTTP without gRPC, as gRPC maps it. */
const HTTP_STATUSES: readonly (readonly [status: string, code: string, reason: string])[] = [
  ["204", "UNKNOWN", "grpc"],
  ["302", "UNKNOWN", "grpc"],
  ["400", "INTERNAL", "grpc"],
  ["401", "UNAUTHENTICATED", "grpc"],
  ["403", "PERMISSION_DENIED", "grpc"],
  ["404", "UNIMPLEMENTED", "unimplemented"],
  ["415", "UNKNOWN", "grpc"],
  ["429", "UNAVAILABLE", "unavailable"],
  ["500", "UNKNOWN", "grpc"],
  ["502", "UNAVAILABLE", "unavailable"],
  ["503", "UNAVAILABLE", "unavailable"],
  ["504", "UNAVAILABLE", "unavailable"],
];

const HTML = ["content-type", "text/html"] as const;
const GRPC_TYPE = ["content-type", "application/grpc"] as const;

const HTTP: Rows = {
  ...rowsOf(HTTP_STATUSES, ([status, code, reason]) => [
    `HTTP status ${status} and a page`,
    failing(headed([":status", status], HTML), reason, code, new RegExp(`^${code}: HTTP status ${status}$`)),
  ]),
  "HTTP status 503 alone": failing(only([":status", "503"]), "unavailable", "UNAVAILABLE", /HTTP status 503/),
  "HTTP status 404 with grpc-status 5": failing(
    only([":status", "404"], GRPC_TYPE, ["grpc-status", "5"]),
    "service-unknown",
    "NOT_FOUND",
  ),
  "HTTP status 503 with grpc-status 0, and SERVING": failing(
    headed([":status", "503"], GRPC_TYPE, ["grpc-status", "0"]),
    "unavailable",
    "UNAVAILABLE",
    /HTTP status 503/,
  ),
  "HTTP status 503 with grpc-status 5 on a page": failing(
    only([":status", "503"], HTML, ["grpc-status", "5"]),
    "unavailable",
    "UNAVAILABLE",
  ),
  "200 and a page": failing(
    typed("text/html"),
    "protocol",
    "UNKNOWN",
    /^the answer is not gRPC: it has the content-type "text\/html"$/,
  ),
  "200 without a content-type": failing(
    typed(),
    "protocol",
    "UNKNOWN",
    /^the answer is not gRPC: it has no content-type$/,
  ),
  ...rowsOf(
    ["application/grpc-web", "application/grpc-web+proto", "application/grpcx", "application/json", ""],
    (type) => [
      `content-type ${JSON.stringify(type)}`,
      failing(typed(type), "protocol", "UNKNOWN", /^the answer is not gRPC/),
    ],
  ),
  "two content-types": failing(
    typed("application/grpc", "application/grpc"),
    "protocol",
    "UNKNOWN",
    /^the answer is not gRPC/,
  ),
  ...rowsOf(
    ["application/grpc+proto", "application/grpc;charset=utf-8", "Application/GRPC", "application/grpc+json"],
    (type) => [`SERVING with the content-type ${type}`, pass(typed(type))],
  ),
  "interim heads (100, 103) before the head": pass(
    answering(
      (stream) => head(stream, headerBlock([[":status", "100"]])),
      (stream) =>
        head(
          stream,
          headerBlock([
            [":status", "103"],
            ["link", "</a>"],
          ]),
        ),
      serving,
    ),
  ),
  "an interim head that ends the answer": broken(only([":status", "100"]), /interim/),
  "101 Switching Protocols": broken(headed([":status", "101"]), /malformed/),
  "no :status": broken(headed(GRPC_TYPE), /no :status/),
  "two :status": broken(headed([":status", "200"], ...GRPC), /malformed/),
  ":status after a field": broken(headed(GRPC_TYPE, [":status", "200"]), /malformed/),
  "a :status of two digits": broken(headed([":status", "20"]), /malformed/),
  "another pseudo-field": broken(headed(...GRPC, [":path", "/"]), /malformed/),
  "a name in capitals": broken(headed(...GRPC, ["X-A", "b"]), /malformed/),
  "a field of one connection": broken(headed(...GRPC, ["connection", "close"]), /malformed/),
  "a line break in a value": broken(headed(...GRPC, ["x-a", "b\r\nc"]), /malformed/),
  "NUL in a value": broken(headed(...GRPC, ["x-a", "\0"]), /malformed/),
  ":status in the trailers": broken(trailed([":status", "200"], ["grpc-status", "0"]), /malformed/),
  "a second head": broken(answering(head, head, data, trailers), /second head/),
  "100 fields": broken(headed(...GRPC, ...Array.from({ length: 100 }, () => ["x", "y"] as const)), /too long/),
  "fields of 17 KB": broken(
    headed(...GRPC, ...Array.from({ length: 60 }, () => ["x", "y".repeat(250)] as const)),
    /too long/,
  ),
};

const RESETS: readonly string[] = [
  ...["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED"],
  ...["FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM"],
  ...["INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED", "error code 14", "error code 255"],
];

const codeOf = (name: string) => Number(/\d+$/.exec(name.replace("HTTP_1_1", ""))?.[0] ?? RESETS.indexOf(name));

const isRetried = (name: string) => name === "REFUSED_STREAM";

const STREAM_ENDS: Rows = {
  ...rowsOf(
    RESETS.filter((name) => !isRetried(name)),
    (name) => [
      `RST_STREAM ${name}`,
      failing(answering(reset(codeOf(name))), "reset", "reset", new RegExp(`reset the stream \\(${name}\\)`)),
    ],
  ),
  "RST_STREAM REFUSED_STREAM, again and again": {
    ...failing(answering(reset(7)), "unavailable", "unprocessed", /REFUSED_STREAM/),
    connections: 2,
  },
  "RST_STREAM REFUSED_STREAM once": pass(
    { onRequest: (server, stream) => server.write(server.number === 1 ? reset(7)(stream) : serving(stream)) },
    2,
  ),
  "RST_STREAM after the head": failing(answering(head, reset(2)), "reset", "reset"),
  "RST_STREAM NO_ERROR after SERVING without trailers": failing(answering(head, data, reset(0)), "reset", "reset"),
  "RST_STREAM NO_ERROR after the answer": pass(answering(serving, reset(0))),
};

const GO_AWAYS: Rows = {
  ...rowsOf(RESETS.slice(1), (name) => [
    `GOAWAY ${name} that takes in the call`,
    failing(
      answering((stream) => goAway(stream, codeOf(name))),
      "reset",
      "reset",
      new RegExp(`GOAWAY ${name}`),
    ),
  ]),
  ...rowsOf(RESETS, (name) => [
    `GOAWAY ${name} that leaves the call out, again and again`,
    {
      ...failing(
        answering(() => goAway(0, codeOf(name))),
        "unavailable",
        "unprocessed",
        new RegExp(`GOAWAY ${name}`),
      ),
      connections: 2,
    },
  ]),
  ...rowsOf(RESETS, (name) => [
    `GOAWAY ${name} that leaves the call out, once`,
    pass(
      {
        onRequest: (server, stream) => server.write(server.number === 1 ? goAway(0, codeOf(name)) : serving(stream)),
      },
      2,
    ),
  ]),
  "GOAWAY NO_ERROR that takes in the call, then SERVING": pass({
    onRequest: (server, stream) => {
      server.write(goAway(stream, 0));
      setTimeout(() => server.write(serving(stream)), 20);
    },
  }),
  "GOAWAY in two steps (2^31-1, then the last stream), then SERVING": pass(
    answering(
      () => goAway(2 ** 31 - 1, 0),
      (stream) => goAway(stream, 0),
      serving,
    ),
  ),
  "GOAWAY(2^31-1) before the request, then SERVING": pass({ greeting: [settings(), goAway(2 ** 31 - 1, 0)] }),
  "GOAWAY(0) before the request, once": pass(
    {
      greeting: [],
      onConnection: (server) => server.write(settings(), ...(server.number === 1 ? [goAway(0, 0)] : [])),
    },
    2,
  ),
  "GOAWAY(0) before the request, again and again": {
    ...failing({ greeting: [settings(), goAway(0, 0)], onRequest: () => {} }, "unavailable", "unprocessed"),
    connections: 2,
  },
  "GOAWAY NO_ERROR after the answer": pass(answering(serving, (stream) => goAway(stream, 0))),
  "GOAWAY with an error after the answer": pass(answering(serving, (stream) => goAway(stream, 11))),
};

const close = ({ socket }: raw.RawConnection) => void socket.end();
const closed = (script: raw.Script, detail: RegExp) => failing(script, "closed", "closed", detail);

/** Ends the connection a moment after these frames. */
const closing = (...frames: readonly ((stream: number) => Buffer)[]): raw.Script => ({
  onRequest: (server, stream) => {
    server.write(...frames.map((frame) => frame(stream)));
    setTimeout(close, 10, server);
  },
});

const CONNECTION_ENDS: Rows = {
  "an end at once": closed({ greeting: [], onConnection: close }, /before it answered in HTTP\/2/),
  "an end after half of SETTINGS": closed(
    { greeting: [settings([1, 2]).subarray(0, 10)], onConnection: close },
    /before it answered in HTTP\/2/,
  ),
  "an end after SETTINGS": closed({ onConnection: close }, /before/),
  "an end after the request": closed({ onRequest: close }, /before the answer did/),
  "an end after the head": closed(closing(head), /before the answer did/),
  "an end after the message": closed(closing(head, data), /before the answer did/),
  "an end within the trailers": closed(
    closing((stream) => serving(stream).subarray(0, -3)),
    /before the answer did/,
  ),
  "an end after the answer": pass(closing(serving)),
};

const SETTINGS_ROWS: Rows = {
  "MAX_CONCURRENT_STREAMS 0": pass({ greeting: [settings([3, 0])] }),
  "INITIAL_WINDOW_SIZE 0": pass({ greeting: [settings([4, 0])] }),
  "INITIAL_WINDOW_SIZE 0 beside the answer": pass(answering(() => settings([4, 0]), serving)),
  "unknown settings, and settings at their limits": pass({
    greeting: [settings([0x99, 7], [4, 0x7fffffff], [5, 0xffffff], [1, 0], [3, 0xffffffff], [6, 1])],
  }),
  "an answer only after its PING was answered": pass({
    greeting: [settings(), h2frame(TYPE.PING, 0, 0, Buffer.from("keepaliv"))],
    onRequest: () => {},
    onFrame: (server, { type, flags }) => {
      if (type === TYPE.PING && flags === FLAG.ACK) server.write(serving(1));
    },
  }),
  "an answer without SETTINGS": broken({ greeting: [] }, /another frame before SETTINGS/),
  "nothing at all": {
    ...failing({ isDeaf: true, greeting: [], onRequest: () => {} }, "timeout", "cancelled"),
    timeoutMs: 150,
  },
  "SETTINGS, and no answer": { ...failing({ onRequest: () => {} }, "timeout", "cancelled"), timeoutMs: 150 },
  "a head, and no more": { ...failing(answering(head), "timeout", "cancelled"), timeoutMs: 150 },
};

/** What a server of another protocol says first, or to what it takes for a request. */
const spoken = (text: string): raw.Script => ({
  ...{ isDeaf: true, onRequest: () => {} },
  greeting: [Buffer.from(text, "latin1")],
});

const OTHER_PROTOCOLS: Rows = {
  "HTTP/1.1 400": broken(
    spoken("HTTP/1.1 400 Bad Request\r\n\r\n"),
    /^the target violates HTTP\/2: it answers in HTTP\/1$/,
  ),
  "HTTP/1.0 505": broken(spoken("HTTP/1.0 505 No\r\n\r\n"), /it answers in HTTP\/1$/),
  "HTTP/1.1 in single bytes": broken(
    {
      isDeaf: true,
      onRequest: () => {},
      greeting: [],
      onConnection: async ({ socket }) => {
        for (const character of "HTTP/1.1 400 Bad Request\r\n\r\n") {
          if (socket.writable) socket.write(character);
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      },
    },
    /it answers in HTTP\/1$/,
  ),
  "an alert of TLS": broken(
    spoken("\x15\x03\x03\x00\x02\x02\x46"),
    /it speaks TLS: use grpcs:\/\/ \(with probe: -tls\)$/,
  ),
  "a banner of SSH": broken(spoken("SSH-2.0-OpenSSH_9.6\r\n"), /a frame above 16,384 bytes/),
  "an error of redis": broken(spoken("-ERR unknown command 'PRI'\r\n"), /a frame above 16,384 bytes/),
  "TLS without ALPN, by a server that waits": {
    ...broken(
      { alpn: [], isDeaf: true, greeting: [], onRequest: () => {} },
      /does not offer HTTP\/2 over TLS \(ALPN h2\)/,
    ),
    isSecure: true,
  },
  "TLS without ALPN, by a server of gRPC": {
    ...broken({ alpn: [] }, /does not offer HTTP\/2 over TLS \(ALPN h2\)/),
    isSecure: true,
  },
  "TLS with ALPN http/1.1 alone": {
    ...failing({ alpn: ["http/1.1"] }, "tls", "tls"),
    isSecure: true,
  },
  "TLS with ALPN h2": { ...pass({ alpn: ["http/1.1", "h2"] }), isSecure: true },
};

/** Every row, by what the server does. */
export const GRPC_SERVERS: Rows = {
  ...STATUSES,
  ...BODIES,
  ...GRPC_STATUSES,
  ...HTTP,
  ...STREAM_ENDS,
  ...GO_AWAYS,
  ...CONNECTION_ENDS,
  ...SETTINGS_ROWS,
  ...OTHER_PROTOCOLS,
};
