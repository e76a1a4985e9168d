/** For each row of the conformance tool a server that breaks it, and no other row. */
import { unknownName } from "../../src/conformance/context.js";
import type { WatchStatus } from "../../src/core/serving-status.js";
import { readHealthCheckResponse, writeHealthListResponse } from "../../src/wire/health-messages.js";
import { readFields, readString } from "../../src/wire/protobuf.js";
import { data, head, trailers } from "../client/raw-server.js";
import { frame, request as healthRequest } from "../support/grpc-peer.js";
import { FLAG, h2frame, headerBlock, TYPE } from "../support/raw-http2.js";
import type { Breaker, ProxyConnection, ProxyFrame, ProxyRequest } from "./breaking-proxy.js";

type Fields = readonly (readonly [string, string])[];
type Breakers = Readonly<Record<string, Breaker>>;

const STATUS_NUMBERS: Readonly<Record<WatchStatus, number>> = {
  UNKNOWN: 0,
  SERVING: 1,
  NOT_SERVING: 2,
  SERVICE_UNKNOWN: 3,
};

const statusMessage = (status: WatchStatus) => Buffer.from([0, 0, 0, 0, 2, 8, STATUS_NUMBERS[status]]);

/** The frames of an answer with a status. */
const ok = (stream: number, status: WatchStatus = "SERVING") => [
  head(stream),
  data(stream, statusMessage(status)),
  trailers(stream),
];

/** The frames of an error. */
const fail = (stream: number, code: number, ...fields: Fields) => [
  h2frame(
    TYPE.HEADERS,
    FLAG.END_HEADERS | FLAG.END_STREAM,
    stream,
    headerBlock([[":status", "200"], ["content-type", "application/grpc"], ["grpc-status", `${code}`], ...fields]),
  ),
];

const http = (stream: number, status: string) => [
  h2frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, stream, headerBlock([[":status", status]])),
];

const refuse = (stream: number) => [h2frame(TYPE.RST_STREAM, 0, stream, Buffer.from([0, 0, 0, 7]))];

type Matches = (request: ProxyRequest) => boolean | undefined;
type Frames = (stream: number) => readonly Buffer[];

/** Answers some calls itself. */
const answering = (matches: Matches, frames: Frames): Breaker => ({
  answers: (request, stream, { hasSmallWindow }) =>
    !hasSmallWindow && matches(request) === true ? frames(stream) : undefined,
});

/** Answers some calls itself, which are known by their header: the server would refuse them. */
const taking = (matches: Matches, frames: Frames): Breaker => ({
  takes: (request) => matches(request) === true,
  answers: (request, stream) => (request.isTaken ? frames(stream) : undefined),
});

/** A Check as every client makes it. */
const check =
  (service: string): Matches =>
  (request) =>
    request.isUsual && request.method === "Check" && request.body.equals(frame(healthRequest(service)));
const watch =
  (service: string): Matches =>
  (request) =>
    request.method === "Watch" && request.service === service;
const plainWatch: Matches = (request) => watch("")(request) && request.field("grpc-timeout") === undefined;
const field =
  (name: string, value: string): Matches =>
  (request) =>
    request.field(name) === value;
const both =
  (...all: readonly Matches[]): Matches =>
  (request) =>
    all.every((each) => each(request) === true);

/** Does not pass frames of the tool. */
const ignoring = (matches: (frame: ProxyFrame, connection: ProxyConnection) => boolean): Breaker => ({
  client: (frame, connection) => (matches(frame, connection) ? [] : undefined),
});

/** Ends the connection at a frame of the tool. */
const failingAt = (matches: (frame: ProxyFrame, connection: ProxyConnection) => boolean): Breaker => ({
  client: (frame, connection) => (matches(frame, connection) ? connection.fail() : undefined),
});

/** Does not pass frames of the server. */
const dropping = (matches: (frame: ProxyFrame, request: ProxyRequest | undefined) => boolean): Breaker => ({
  server: (frame, { requests }) => (matches(frame, requests.get(frame.stream)) ? [] : undefined),
});

/** Drops a message of the Watch of a row. */
const droppingMessage = (row: string, number: number): Breaker =>
  dropping(
    ({ type }, request) => type === TYPE.DATA && request?.service === unknownName(row) && request.answers === number,
  );

/** Sends a further message on the Watch of a service, a little later than the first. */
const adding = (service: string, status: WatchStatus): Breaker => ({
  server: (frame, connection) => {
    const request = connection.requests.get(frame.stream);
    if (frame.type === TYPE.DATA && request?.method === "Watch" && request.service === service && request.answers === 1)
      setTimeout(() => {
        // on a cancelled stream, it would break the rule of `cancel` too
        if (!request.isCancelled) connection.toClient(data(frame.stream, statusMessage(status)));
      }, 40);
    return undefined;
  },
});

/** Replaces the map of a List. */
const listing = (change: (statuses: Map<string, WatchStatus>) => void): Breaker => ({
  server: ({ type, flags, stream, payload }, { requests }) => {
    if (type !== TYPE.DATA || requests.get(stream)?.method !== "List") return undefined;
    const statuses = new Map<string, WatchStatus>();
    const message = payload.subarray(5);
    for (const { start, end } of readFields(message) ?? []) {
      const entry = message.subarray(start, end);
      const [name, status] = [1, 2].map((number) => (readFields(entry) ?? []).find((each) => each.number === number));
      const value = status === undefined ? Buffer.alloc(0) : entry.subarray(status.start, status.end);
      statuses.set((name && readString(entry, name)) ?? "", readHealthCheckResponse(value) ?? "UNKNOWN");
    }
    change(statuses);
    const changed = writeHealthListResponse(statuses);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(changed.length, 1);
    return [h2frame(TYPE.DATA, flags, stream, Buffer.concat([prefix, changed]))];
  },
});

/** Replaces the trailers of failed calls. */
const failing = (matches: Matches, ...fields: Fields): Breaker => ({
  server: ({ type, flags, stream, payload }, { requests }) => {
    const request = requests.get(stream);
    const isEnd = type === TYPE.HEADERS && (flags & FLAG.END_STREAM) !== 0;
    // a head that ends the stream, with the code NOT_FOUND
    if (!isEnd || request === undefined || request.answers > 0 || !payload.includes("unknown service"))
      return undefined;
    return matches(request) === true ? fail(stream, 5, ...fields) : undefined;
  },
});

const hex = (request: ProxyRequest) => request.body.toString("hex");
const isSetting = ({ type, flags, payload }: ProxyFrame, id: number, value: number) =>
  type === TYPE.SETTINGS &&
  flags === 0 &&
  Array.from({ length: payload.length / 6 }, (_, at) => at * 6).some(
    (at) => payload.readUInt16BE(at) === id && payload.readUInt32BE(at + 2) === value,
  );

const HEALTH: Breakers = {
  "check-overall": {
    answers: (request, stream) => {
      if (request.method === "List") return fail(stream, 12);
      const isOverall = ["0000000000", "00000000020a00"].includes(hex(request));
      return request.method === "Check" && isOverall ? fail(stream, 5) : undefined;
    },
  },
  "check-values": answering(check(""), (stream) => ok(stream, "SERVICE_UNKNOWN")),
  "check-unknown": answering(check(unknownName("check-unknown")), ok),
  "check-odd-names": answering(check("__proto__"), ok),
  "check-name-200": answering(
    ({ service }) => service?.length === 200,
    (stream) => fail(stream, 3),
  ),
  "check-name-10k": answering(
    ({ service }) => service === "n".repeat(10_000),
    (stream) => fail(stream, 14),
  ),
  // a name that was asked for is listed
  "check-no-effect": listing((statuses) => statuses.set(unknownName("check-no-effect"), "UNKNOWN")),
  "request-empty-name": answering(
    (request) => hex(request) === "00000000020a00",
    (stream) => fail(stream, 5),
  ),
  "request-unreadable": answering((request) => hex(request) === "00000000020a50", ok),
  "request-unreadable-code": answering(
    (request) => hex(request) === "0000000001ff",
    (stream) => fail(stream, 2),
  ),
  "request-utf8": answering(
    (request) => hex(request) === "00000000040a02fffe",
    (stream) => fail(stream, 5),
  ),
  "request-unknown-fields": answering(
    (request) => hex(request).endsWith("2d01020304"),
    (stream) => fail(stream, 13),
  ),
  "request-last-wins": answering(
    ({ body }) => body.includes(unknownName("request-last-wins")),
    (stream) => fail(stream, 5),
  ),
  "watch-unknown": answering(watch(unknownName("watch-unknown")), (stream) => fail(stream, 5)),
  "watch-first": answering(plainWatch, (stream) => [head(stream), data(stream, statusMessage("NOT_SERVING"))]),
  // a Watch that is alone on its connection ends
  "watch-stays-open": {
    answers: (request, stream, connection) => {
      if (plainWatch(request) !== true) return undefined;
      setTimeout(() => {
        const watches = [...connection.requests.values()].filter(({ method }) => method === "Watch");
        if (watches.length === 1) connection.toClient(trailers(stream));
      }, 140);
      return [head(stream), data(stream)];
    },
  },
  "watch-changes-only": adding("", "SERVING"),
  "watch-independent": {
    client: ({ type, stream }, connection) => {
      const others = [...connection.requests].filter(([id, { method }]) => id !== stream && method === "Watch");
      if (type === TYPE.RST_STREAM) for (const [id] of others) connection.toClient(trailers(id));
      return undefined;
    },
  },
  "list-overall": listing((statuses) => statuses.delete("")),
  "list-values": listing((statuses) => statuses.set("a.B", "SERVICE_UNKNOWN")),
  "list-agrees": listing((statuses) => statuses.set("a.B", "NOT_SERVING")),
  "set-check": answering(check(unknownName("set-check")), ok),
  "set-watch": droppingMessage("set-watch", 2),
  "set-same": adding(unknownName("set-same"), "SERVING"),
  "set-appears": droppingMessage("set-appears", 2),
  "set-other": adding(unknownName("set-other"), "NOT_SERVING"),
  "set-last": dropping(
    ({ type, payload }, request) =>
      type === TYPE.DATA && request?.service === unknownName("set-last") && payload.at(-1) === 2,
  ),
  "set-many": dropping(
    ({ type, stream }, request) =>
      type === TYPE.DATA && stream === 21 && request?.service === unknownName("set-many") && request.answers === 2,
  ),
  "set-list": listing((statuses) => statuses.delete(unknownName("set-list"))),
  "clear-check": answering(check(unknownName("clear-check")), ok),
  "clear-watch": droppingMessage("clear-watch", 2),
};

/** Streams above it are refused. */
const MAX_STREAM = 120;

const refusingMany = (method: string): Breaker => ({
  answers: (request, stream) => (request.method === method && stream > MAX_STREAM ? refuse(stream) : undefined),
});

const GRPC: Breakers = {
  "answer-head": {
    server: ({ type, flags, stream }, { requests }) =>
      type === TYPE.HEADERS && (flags & FLAG.END_STREAM) === 0 && requests.get(stream)?.isUsual === true
        ? [head(stream, headerBlock([[":status", "200"]]))]
        : undefined,
  },
  "answer-status": {
    server: ({ type, flags, stream }, { requests }) =>
      type === TYPE.HEADERS &&
      (flags & FLAG.END_STREAM) !== 0 &&
      requests.get(stream)?.isUsual === true &&
      requests.get(stream)?.answers === 1
        ? [trailers(stream, headerBlock([["grpc-status", "00"]]))]
        : undefined,
  },
  "answer-text": failing(() => true, ["grpc-message", "unknown \u00e9"]),
  "answer-one-message": {
    server: (frame, { requests }) =>
      frame.type === TYPE.DATA && frame.payload.length === 7 && check("")(requests.get(frame.stream) as ProxyRequest)
        ? [frame.bytes, frame.bytes]
        : undefined,
  },
  "answer-trailers-size": answering(
    ({ service }) => service === "t".repeat(10_000),
    (stream) => fail(stream, 5, ["grpc-message", "t".repeat(10_000)]),
  ),
  "content-type-proto": answering(field("content-type", "application/grpc+proto"), (stream) => http(stream, "415")),
  "content-type-other": taking(field("content-type", "text/plain"), ok),
  "method-get": taking(field(":method", "GET"), ok),
  "te-missing": taking(
    ({ fields }) => fields.length > 1 && !fields.some(([name]) => name === "te"),
    () => [],
  ),
  "path-method": taking(field(":path", "/grpc.health.v1.Health/Conformance"), (stream) => fail(stream, 5)),
  "path-service": taking(field(":path", "/healthbridge.conformance.Unknown/Check"), (stream) => fail(stream, 5)),
  "path-exact": taking(field(":path", "/grpc.health.v1.Health/check"), ok),
  "path-query": taking(field(":path", "/grpc.health.v1.Health/Check?x=1"), ok),
  "metadata-binary": answering(field("conformance-bin", "AAECAw"), (stream) => fail(stream, 13)),
  "metadata-octets": answering(field("conformance", "\u00e9"), (stream) => fail(stream, 13)),
  "metadata-size": answering(field("conformance", "m".repeat(4_096)), (stream) => fail(stream, 8)),
  "message-split": answering(
    ({ dataFrames }) => dataFrames > 4,
    (stream) => fail(stream, 13),
  ),
  "message-cut": answering((request) => hex(request) === "000000000a0a08", ok),
  "message-none": answering(({ body, method }) => method === "Check" && body.length === 0, ok),
  "message-two": answering((request) => hex(request) === "0".repeat(20), ok),
  "flag-invalid": answering(({ body }) => body[0] === 255, ok),
  "flag-without-encoding": answering(
    (request) => request.body[0] === 1 && request.field("grpc-encoding") === undefined,
    ok,
  ),
  "encoding-gzip": answering(
    both(field("grpc-encoding", "gzip"), ({ body }) => body[5] === 0x1f),
    (stream) => fail(stream, 13),
  ),
  "encoding-broken": answering(
    both(field("grpc-encoding", "gzip"), ({ body }) => body[5] !== 0x1f),
    ok,
  ),
  "encoding-unknown": answering(field("grpc-encoding", "x-conformance"), (stream) => fail(stream, 13)),
  "encoding-offer": answering(field("grpc-encoding", "x-conformance"), (stream) => fail(stream, 12)),
  "encoding-answer": answering(field("grpc-accept-encoding", "identity"), (stream) => [
    head(stream),
    data(stream, Buffer.from([1, 0, 0, 0, 2, 8, 1])),
    trailers(stream),
  ]),
  deadline: taking(field("grpc-timeout", "300m"), (stream) => [head(stream), data(stream)]),
  "deadline-long": answering(
    both(({ method }) => method === "Check", field("grpc-timeout", "99999999H")),
    (stream) => fail(stream, 4),
  ),
  "deadline-long-watch": answering(both(watch(""), field("grpc-timeout", "99999999H")), (stream) => fail(stream, 4)),
  cancel: {
    client: ({ type, stream }, connection) => {
      if (type === TYPE.RST_STREAM && connection.requests.get(stream)?.method === "Watch")
        for (const delayMs of [50, 100, 150, 200]) setTimeout(() => connection.toClient(data(stream)), delayMs);
      return undefined;
    },
  },
  // a call waits until the one before it is complete
  "streams-independent": {
    client: ({ stream }, { requests }) => {
      const isBlocking = ([id, { dataFrames, isComplete }]: readonly [number, ProxyRequest]) =>
        id < stream && dataFrames > 0 && !isComplete;
      return [...requests].some(isBlocking) ? [] : undefined;
    },
  },
  "streams-many": refusingMany("Check"),
};

const isType = (type: number) => (frame: ProxyFrame) => frame.type === type;

const CONNECTION: Breakers = {
  "settings-first": {
    server: (frame) =>
      frame.type === TYPE.SETTINGS && frame.flags === 0
        ? [h2frame(TYPE.PING, 0, 0, Buffer.alloc(8)), frame.bytes]
        : undefined,
  },
  "settings-ack": dropping(({ type, flags }) => type === TYPE.SETTINGS && flags === FLAG.ACK),
  "settings-unknown": failingAt((frame) => isSetting(frame, 0xf0f0, 1)),
  "preface-bytes": { preface: (bytes) => (bytes.length < 24 ? undefined : bytes) },
  ping: dropping(({ type, flags }) => type === TYPE.PING && flags === FLAG.ACK),
  "frame-unknown": failingAt(isType(0xf0)),
  continuation: failingAt(isType(TYPE.CONTINUATION)),
  padding: failingAt(({ type, flags }) => type === TYPE.HEADERS && (flags & FLAG.PADDED) !== 0),
  priority: failingAt(isType(TYPE.PRIORITY)),
  "hpack-table": answering(
    both(field("x", "y"), ({ isTaken }) => !isTaken),
    (stream) => fail(stream, 13),
  ),
  "window-stream": {
    client: (frame) => (isSetting(frame, 4, 1) ? [h2frame(TYPE.SETTINGS, 0, 0)] : undefined),
  },
  "window-settings": ignoring((frame) => isSetting(frame, 4, 65_535)),
  "late-frames": failingAt(
    ({ type, stream }, { requests }) => type === TYPE.WINDOW_UPDATE && requests.get(stream)?.hasEnded === true,
  ),
  goaway: failingAt(isType(TYPE.GOAWAY)),
  survives: {},
};

const isPseudo = ([name]: readonly [string, string]) => name.startsWith(":");

const REFUSALS: Breakers = {
  "field-uppercase": taking(field("Conformance", "1"), ok),
  "field-connection": taking(field("connection", "close"), ok),
  "field-te": taking(field("te", "gzip"), ok),
  "field-line-break": taking(field("conformance", "a\r\nb"), ok),
  "pseudo-missing": taking(({ fields }) => fields.length > 1 && !fields.some(([name]) => name === ":path"), ok),
  "pseudo-twice": taking(({ fields }) => fields.filter(([name]) => name === ":method").length > 1, ok),
  "pseudo-late": taking(({ fields }) => {
    const names = fields.map(isPseudo);
    return names.includes(false) && names.lastIndexOf(true) > names.indexOf(false);
  }, ok),
  "pseudo-unknown": taking(field(":conformance", "1"), ok),
  "content-length": taking(field("content-length", "1"), ok),
  "stream-even": ignoring(({ stream }) => stream > 0 && stream % 2 === 0),
  "stream-idle": ignoring(
    ({ type, stream }, { requests }) => type === TYPE.DATA && stream > 0 && !requests.has(stream),
  ),
  "stream-idle-reset": ignoring(({ type, stream }, { requests }) => type === TYPE.RST_STREAM && !requests.has(stream)),
  "headers-stream-0": ignoring(({ type, stream }) => type === TYPE.HEADERS && stream === 0),
  "data-stream-0": ignoring(({ type, stream }) => type === TYPE.DATA && stream === 0),
  "continuation-alone": ignoring(
    ({ type, stream }, { requests }) => type === TYPE.CONTINUATION && !requests.has(stream),
  ),
  // HEADERS that are not complete wait for their CONTINUATION
  "continuation-interrupted": continuationWaiting(),
  "ping-length": ignoring(({ type, payload }) => type === TYPE.PING && payload.length !== 8),
  "window-update-0": ignoring(({ type, payload }) => type === TYPE.WINDOW_UPDATE && payload.readUInt32BE(0) === 0),
  "window-overflow": ignoring(
    ({ type, payload }) => type === TYPE.WINDOW_UPDATE && payload.readUInt32BE(0) === 2 ** 31 - 1,
  ),
  "settings-push": ignoring((frame) => isSetting(frame, 2, 2)),
  "settings-window": ignoring((frame) => isSetting(frame, 4, 2 ** 31)),
  "hpack-index": ignoring(
    ({ type, stream, payload }, { requests }) =>
      type === TYPE.HEADERS && payload.length < 16_384 && requests.get(stream)?.field("invalid") === "1",
  ),
  "frame-size": ignoring(({ payload }) => payload.length > 16_384),
  "preface-wrong": { preface: (bytes) => Buffer.from(bytes.toString("latin1").replace("XX\r\n", "SM\r\n"), "latin1") },
};

function continuationWaiting(): Breaker {
  const waiting = new WeakMap<ProxyConnection, Buffer>();
  return {
    client: ({ type, flags, bytes }, connection) => {
      const held = waiting.get(connection);
      if (type === TYPE.HEADERS && (flags & FLAG.END_HEADERS) === 0) {
        waiting.set(connection, bytes);
        return [];
      }
      waiting.delete(connection);
      return type === TYPE.CONTINUATION && held !== undefined ? [held, bytes] : undefined;
    },
  };
}

/** By the row that they break. */
export const BREAKERS: Breakers = {
  ...HEALTH,
  ...GRPC,
  ...CONNECTION,
  ...REFUSALS,
  "watches-many": refusingMany("Watch"),
};
