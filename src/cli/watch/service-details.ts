/**
 * What healthbridge reports about a service beside its status: since when it has it, and why. It is the JSON answer of
 * `/healthcheck` over HTTP, which every port of healthbridge gives, also over HTTP/2 on the connection of the calls.
 *
 *     GET /healthcheck?service=NAME, accept: application/json
 *     {"status":"fail","serviceId":"NAME","servingStatus":"NOT_SERVING","since":"...","output":"refused",...}
 *
 * Another gRPC server refuses the request as one that is not gRPC. healthbridge with a token has only the `status` for a
 * client without it.
 */
import { BrokenCall } from "../../client/broken-call.js";
import type { Http2Connection } from "../../client/http2-connection.js";
import { MAX_FRAME_BYTES } from "../../wire/http2/frames.js";
import { encodeHeaders } from "../../wire/http2/hpack-encoder.js";
import type { CallSettings } from "../probe/probe-calls.js";
import { probeClock } from "../probe/probe-clock.js";
import { sentMetadata } from "../probe/probe-metadata.js";
import type { ServiceDetails } from "./service-rows.js";

/** A service over many checks has all of them in its answer. A longer answer is not read. */
const MAX_BODY_BYTES = 1_048_576;

/** The details, and the length of the answer. */
export interface DetailsAnswer {
  /** `undefined` where the server does not report them, or not in time. */
  readonly details: ServiceDetails | undefined;
  readonly bytes: number;
}

/** Asks for the details of a service. It never rejects. */
export function askDetails(
  connection: Http2Connection,
  service: string,
  settings: CallSettings,
): Promise<DetailsAnswer> {
  const head = headOf(service, settings);
  if (!connection.isOpen || head.length > MAX_FRAME_BYTES) return Promise.resolve({ details: undefined, bytes: 0 });
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let cancel = () => {};
    // a request that stays open takes a stream of the server, and after GOAWAY it keeps the connection
    const cancelTimer = probeClock.setTimer(settings.timeoutMs, () => cancel());
    const listener = {
      onHead() {},
      onData(chunk: Buffer) {
        bytes += chunk.length;
        if (bytes > MAX_BODY_BYTES) throw new BrokenCall("protocol", "the answer is too long");
        chunks.push(chunk);
      },
      onEnd(end: unknown) {
        cancelTimer();
        const details = end instanceof Error ? undefined : readDetails(Buffer.concat(chunks).toString(), service);
        resolve({ details, bytes });
      },
    };
    cancel = connection.request({ head, body: Buffer.alloc(0) }, listener);
  });
}

function headOf(service: string, { scheme, authority, userAgent, headers }: CallSettings): Buffer {
  return encodeHeaders([
    [":method", "GET"],
    [":scheme", scheme],
    [":path", `/healthcheck?service=${encodeURIComponent(service.toWellFormed())}`],
    [":authority", authority],
    ["accept", "application/json"],
    ["user-agent", userAgent],
    ...sentMetadata(headers, { encoding: undefined, timeoutMs: undefined }),
  ]);
}

/** The details in an answer; `undefined` for an answer that has none. */
export function readDetails(body: string, service: string): ServiceDetails | undefined {
  const { status, serviceId, servingStatus, since, output } = fieldsOf(body);
  if (serviceId !== service || typeof servingStatus !== "string" || typeof since !== "string") return undefined;
  const at = Date.parse(since);
  if (Number.isNaN(at)) return undefined;
  const reason = typeof output === "string" && output !== "" ? output : undefined;
  return { status: servingStatus, since: at, reason, degraded: status === "warn" };
}

function fieldsOf(body: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}
