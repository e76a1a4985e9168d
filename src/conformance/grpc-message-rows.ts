/** gRPC over HTTP/2: the frames of messages, and compression. */
import { gzipSync } from "node:zlib";
import { writeHealthCheckRequest } from "../wire/health-messages.js";
import { dataFrame, messageOf, outcomeOf, requestFor } from "./context.js";
import { headersFrames } from "./frame-connection.js";
import { breaks, type ConformanceRow, HOLDS } from "./row.js";
import { callRow, callsRow, failsWith, REFUSED, SERVED } from "./row-kinds.js";
import { COMPRESSION, COMPRESSION_CASES, grpcOverHttp2, STATUS_CODES } from "./sources.js";

const REQUESTS = grpcOverHttp2("Requests");

/** A call whose message is compressed, or says so. */
const encoded = (service: string, encoding: string | undefined, compress: (bytes: Buffer) => Uint8Array) => ({
  fields: { "grpc-encoding": encoding },
  body: messageOf(compress(writeHealthCheckRequest(service)), 1),
});

export const GRPC_MESSAGE_ROWS: readonly ConformanceRow[] = [
  {
    id: "message-split",
    rule: "The limits of DATA frames have no meaning: a message comes in any number of them.",
    source: grpcOverHttp2("Data Frames"),
    severity: "must",
    group: "grpc",
    async run(context) {
      const connection = await context.connect();
      const id = connection.openStream();
      connection.write(headersFrames(id, context.headOf()));
      for (const byte of requestFor(context.service)) connection.write(dataFrame(id, Buffer.from([byte]), 0));
      connection.write(dataFrame(id, Buffer.alloc(0)));
      const answer = connection.answer(id);
      await context.ended(connection, answer);
      if (context.isServed(answer)) return HOLDS;
      return breaks("Check in DATA frames of one octet", SERVED.expected, outcomeOf(connection, answer));
    },
  },
  callRow(
    "grpc",
    {
      id: "message-cut",
      rule: "A request that ends within its message fails.",
      source: REQUESTS,
      severity: "must",
    },
    {
      sent: "Check with a message of 10 bytes, of which 2 come before END_STREAM",
      call: () => ({ body: Buffer.from("000000000a0a08", "hex") }),
      ...REFUSED,
    },
  ),
  callRow(
    "grpc",
    {
      id: "message-none",
      rule: "A unary call without a message fails: the method needs exactly one request.",
      source: STATUS_CODES,
      severity: "should",
    },
    { sent: "Check with an empty body", call: () => ({ body: Buffer.alloc(0) }), ...REFUSED },
  ),
  callRow(
    "grpc",
    {
      id: "message-two",
      rule: "A unary call with two messages fails: the method needs exactly one request.",
      source: STATUS_CODES,
      severity: "should",
    },
    {
      sent: "Check with two messages",
      call: ({ service }) => ({ body: Buffer.concat([requestFor(service), requestFor(service)]) }),
      ...REFUSED,
    },
  ),
  callsRow(
    "grpc",
    {
      id: "flag-invalid",
      rule: "The Compressed-Flag is 0 or 1: a message with another flag fails.",
      source: REQUESTS,
      severity: "must",
    },
    [2, 255].map((flag) => ({
      sent: `Check with the Compressed-Flag ${flag}`,
      call: ({ service }) => ({ body: messageOf(writeHealthCheckRequest(service), flag) }),
      ...REFUSED,
    })),
  ),
  callRow(
    "grpc",
    {
      id: "flag-without-encoding",
      rule: "A Compressed-Flag of 1 without grpc-encoding fails with INTERNAL.",
      source: COMPRESSION_CASES,
      severity: "must",
    },
    {
      sent: "Check with the Compressed-Flag 1 and without grpc-encoding",
      call: ({ service }) => encoded(service, undefined, (bytes) => bytes),
      ...failsWith("INTERNAL"),
    },
  ),
  callRow(
    "grpc",
    {
      id: "encoding-gzip",
      rule: "A message with gzip is served, or fails with UNIMPLEMENTED.",
      source: COMPRESSION,
      severity: "must",
    },
    {
      sent: "Check with grpc-encoding gzip",
      call: ({ service }) => encoded(service, "gzip", (bytes) => gzipSync(bytes)),
      expected: "the same answer as a usual call, or grpc-status UNIMPLEMENTED",
      accepts: (answer, context) => context.isServed(answer) || answer.code === "UNIMPLEMENTED",
    },
  ),
  callRow(
    "grpc",
    {
      id: "encoding-broken",
      rule: "A message that cannot be decompressed fails with INTERNAL, and the server goes on.",
      source: STATUS_CODES,
      severity: "should",
    },
    {
      sent: "Check with grpc-encoding gzip and bytes that are not gzip",
      call: ({ service }) => encoded(service, "gzip", () => Buffer.from("conformance")),
      ...failsWith("INTERNAL", "UNIMPLEMENTED"),
    },
  ),
  callRow(
    "grpc",
    {
      id: "encoding-unknown",
      rule: "A message with an encoding that the server does not support fails with UNIMPLEMENTED.",
      source: COMPRESSION,
      severity: "must",
    },
    {
      sent: "Check with grpc-encoding x-conformance",
      call: ({ service }) => encoded(service, "x-conformance", (bytes) => bytes),
      ...failsWith("UNIMPLEMENTED"),
    },
  ),
  callRow(
    "grpc",
    {
      id: "encoding-offer",
      rule: "A server that refuses an encoding names those that it accepts, in grpc-accept-encoding.",
      source: COMPRESSION,
      severity: "should",
    },
    {
      sent: "Check with grpc-encoding x-conformance",
      call: ({ service }) => encoded(service, "x-conformance", (bytes) => bytes),
      expected: "grpc-accept-encoding beside grpc-status UNIMPLEMENTED",
      accepts: (answer) =>
        answer.code !== "UNIMPLEMENTED" ||
        (answer.field("grpc-accept-encoding") ?? answer.trailer("grpc-accept-encoding")) !== undefined,
    },
  ),
  callRow(
    "grpc",
    {
      id: "encoding-answer",
      rule: "An answer is not compressed for a client that accepts identity alone.",
      source: COMPRESSION,
      severity: "must",
    },
    {
      sent: "Check with grpc-accept-encoding identity",
      call: () => ({ fields: { "grpc-accept-encoding": "identity" } }),
      expected: "a message with the Compressed-Flag 0",
      accepts: ({ messages }) => messages.every(({ flag }) => flag === 0),
    },
  ),
];
