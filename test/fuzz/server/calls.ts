/**
 * Valid requests of each kind, with the answers that are right when nothing breaks them.
 *
 * An answer is written as `grpc 5`, `http 200`, or `message` for the first message of a stream that stays open.
 */
import { gzipSync } from "node:zlib";
import { frame, HEALTH, request } from "../../support/grpc-peer.js";
import { methodOf, VERSIONS, writeRequest } from "../../support/reflection.js";
import type { SeededRandom } from "../../support/seeded-random.js";
import type { Request } from "../requests.js";
import { NAMES, STATUS_CODE_PATH, TOKEN } from "./names.js";

/** A valid request. */
export interface Call extends Request {
  readonly right: readonly string[];
}

/** Draws a request. */
export type DrawCall = (random: SeededRandom) => Call;

type Field = readonly [name: string, value: string];

const SERVICES = ["", ...Object.keys(NAMES), "never", "é".repeat(100), "service-77"] as const;
const PAGES = ["/healthcheck", "/healthcheck/up", "/healthcheck/never", "/livez", "/readyz?verbose"] as const;
const MORE_PAGES = [
  "/readyz/beat",
  "/readyz?exclude=beat",
  "/healthz",
  "/startupz?verbose",
  "/metrics",
  "/nothing",
  "/livez/../x",
] as const;
const AUTHORIZED: Field = ["authorization", `Bearer ${TOKEN}`];

const pick = <T>(random: SeededRandom, first: readonly T[], or: T): T => random.pick([or, ...first]);

/** Check, Watch and List. */
export const drawHealth: DrawCall = (random) => {
  const method = random.pick(["Check", "Check", "Watch", "Watch", "List"]);
  const message = request(pick(random, SERVICES, "up"));
  const body = random.next() < 0.9 ? frame(message) : frame(gzipSync(message), 1);
  const fields: Field[] = body[0] === 1 ? [["grpc-encoding", "gzip"]] : [];
  // a List takes any message: a name is an unknown field of it
  const call = grpcCall(`${HEALTH}/${method}`, body, fields);
  return method === "Watch"
    ? { ...call, watches: true, right: ["message"] }
    : { ...call, right: ["grpc 0", "grpc 5", "grpc 3"] };
};

/** Server reflection: some requests on one stream. */
export const drawReflection: DrawCall = (random) => {
  const version = random.pick(VERSIONS);
  const draw = () =>
    writeRequest(
      random.pick<object>([
        { list_services: "" },
        { file_containing_symbol: "grpc.health.v1.Health" },
        { file_by_filename: "grpc/health/v1/health.proto" },
        { file_containing_symbol: "no.Such" },
        { all_extension_numbers_of_type: "grpc.health.v1.HealthCheckRequest" },
      ]) as Readonly<Record<string, unknown>>, // the names of the proto file
      version,
    );
  const messages = Array.from({ length: 1 + Math.floor(random.next() * 5) }, () => frame(draw()));
  return { ...grpcCall(methodOf(version), Buffer.concat(messages)), right: ["grpc 0"] };
};

/** A method that answers by its status code. */
export const drawStatusCode: DrawCall = () => ({
  ...grpcCall(STATUS_CODE_PATH, frame(Buffer.alloc(0))),
  right: ["grpc 0", "grpc 14"],
});

/** A method that the server does not have, and content types that differ in case from gRPC's. */
export const drawUnknown: DrawCall = (random) => {
  const path = random.pick(["/a.B/C", `${HEALTH}/Nothing`, "/grpc.reflection.v1.ServerReflection/Other", "/"]);
  const type = random.pick(["application/grpc", "application/grpc", "Application/grpc", "application/GRPC+proto"]);
  const { fields, ...call } = grpcCall(path, frame(Buffer.alloc(3)));
  const changed = fields.map(([name, value]): Field => [name, name === "content-type" ? type : value]);
  return { ...call, fields: changed, right: ["grpc 12", "http 404", "http 405", "http 415", "http 200"] };
};

/** The pages of the bridge. */
export const drawPage: DrawCall = (random) => {
  const path = pick(random, [...PAGES, ...MORE_PAGES], "/healthcheck");
  const accept: Field[] = random.next() < 0.3 ? [["accept", "application/health+json"]] : [];
  const call = httpCall(random.pick(["GET", "GET", "GET", "HEAD"]), path, accept);
  return { ...call, right: ["http 200", "http 503", "http 404", "http 400"] };
};

/** Check and List as JSON. */
export const drawConnect: DrawCall = (random) => {
  const method = random.pick(["Check", "Check", "List"]);
  const text = method === "List" ? "{}" : JSON.stringify({ service: random.pick(["", "up", "never"]) });
  const call = httpCall("POST", `${HEALTH}/${method}`, [["content-type", "application/json"]], Buffer.from(text));
  return { ...call, right: ["http 200", "http 404"] };
};

/** Reports of the passive check. */
export const drawHeartbeat: DrawCall = (random) => {
  const path = random.pick(["/heartbeat/beat", "/heartbeat/beat?status=fail"]);
  return { ...httpCall("POST", path, [AUTHORIZED], Buffer.alloc(0)), right: ["http 200", "http 202", "http 204"] };
};

/** Pages that have every name. */
export const drawNamePage: DrawCall = (random) => {
  const json = httpCall("POST", `${HEALTH}/List`, [["content-type", "application/json"]], Buffer.from("{}"));
  const path = random.pick(["/metrics", "/readyz?verbose", "/healthcheck"]);
  const page = httpCall("GET", path, [["accept", "application/json"]]);
  return { ...random.pick([json, page, page]), right: ["http 200", "http 503"] };
};

/** The same, and List over gRPC. */
export const drawNames: DrawCall = (random) =>
  random.next() < 0.6
    ? drawNamePage(random)
    : { ...grpcCall(`${HEALTH}/List`, frame(Buffer.alloc(0))), right: ["grpc 0"] };

/** A request with the token or without. */
export const withToken =
  (draw: DrawCall): DrawCall =>
  (random) => {
    const { fields, right, ...call } = draw(random);
    if (random.next() < 0.5) return { ...call, fields: [...fields, AUTHORIZED], right };
    return { ...call, fields, right: [...right, "grpc 16", "grpc 7", "http 401", "http 403"] };
  };

function grpcCall(path: string, body: Buffer, more: readonly Field[] = []): Request {
  const fields: Field[] = [...pseudo("POST", path), ["content-type", "application/grpc"], ["te", "trailers"], ...more];
  return { label: path, fields, body, watches: false };
}

function httpCall(method: string, path: string, more: readonly Field[] = [], body?: Buffer): Request {
  const length: Field[] = body === undefined ? [] : [["content-length", String(body.length)]];
  return {
    label: `${method} ${path}`,
    fields: [...pseudo(method, path), ...more, ...length],
    body,
    watches: false,
  };
}

function pseudo(method: string, path: string): Field[] {
  return [
    [":method", method],
    [":scheme", "http"],
    [":path", path],
    [":authority", "fuzz"],
  ];
}
