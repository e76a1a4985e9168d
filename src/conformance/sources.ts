/** The pages that the rows cite, each at the section that has the sentence. */
import type { Source } from "./row.js";

/** A page of grpc/grpc, folder doc. */
const grpcPage = (page: string, anchor = "") => `https://github.com/grpc/grpc/blob/master/doc/${page}.md${anchor}`;

/** How servers and clients check health. */
export const HEALTH_DOC: Source = {
  title: "gRPC Health Checking Protocol, Service Definition",
  url: grpcPage("health-checking", "#service-definition"),
};

/** The comments on each method. */
export const HEALTH_PROTO: Source = {
  title: "grpc/health/v1/health.proto",
  url: "https://github.com/grpc/grpc-proto/blob/master/grpc/health/v1/health.proto",
};

/** @param section its heading */
export function grpcOverHttp2(section: string): Source {
  const anchor = section.toLowerCase().replaceAll(" ", "-");
  return { title: `gRPC over HTTP2, ${section}`, url: grpcPage("PROTOCOL-HTTP2", `#${anchor}`) };
}

export const STATUS_CODES: Source = { title: "gRPC status codes", url: grpcPage("statuscodes") };

export const COMPRESSION: Source = {
  title: "gRPC Compression",
  url: grpcPage("compression", "#compression-method-asymmetry-between-peers"),
};

export const COMPRESSION_CASES: Source = {
  title: "gRPC Compression, Test cases",
  url: grpcPage("compression", "#test-cases"),
};

export function rfc9113(section: string): Source {
  return { title: `RFC 9113, section ${section}`, url: `https://www.rfc-editor.org/rfc/rfc9113#section-${section}` };
}

export function rfc7541(section: string): Source {
  return { title: `RFC 7541, section ${section}`, url: `https://www.rfc-editor.org/rfc/rfc7541#section-${section}` };
}

export const PROTOBUF_ENCODING: Source = {
  title: "Protocol Buffers, Encoding",
  url: "https://protobuf.dev/programming-guides/encoding/",
};

export const PROTOBUF_LAST_ONE_WINS: Source = {
  title: "Protocol Buffers, Encoding, Last One Wins",
  url: "https://protobuf.dev/programming-guides/encoding/#last-one-wins",
};

export const PROTO3_UNKNOWN: Source = {
  title: "Protocol Buffers, proto3, Unknown Fields",
  url: "https://protobuf.dev/programming-guides/proto3/#unknowns",
};

export const PROTO3_SCALAR: Source = {
  title: "Protocol Buffers, proto3, Scalar Value Types",
  url: "https://protobuf.dev/programming-guides/proto3/#scalar",
};
