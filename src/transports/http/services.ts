/**
 * The status of a service: `/healthcheck`.
 *
 * SERVING is 200 and exactly `OK`, any other status 503 and its name, an unknown service 404. JSON has the same codes.
 */
import type { StatusReader } from "../../registry/ports.js";
import type { HttpAnswer } from "../../wire/http-message.js";
import { jsonAnswer, jsonHeaders, statusHeaders, textAnswer } from "./answers.js";
import { detachedFields, type JsonType, jsonAround, jsonOfChecks, jsonOfService, jsonStatusOf } from "./health-json.js";
import type { Envelope, Page } from "./page-renderer.js";
import type { Snapshot, Snapshots } from "./snapshot.js";

/** Answers a question about a service as text. O(1). */
export function answerService(reader: StatusReader, service: string): HttpAnswer {
  const status = reader.read(service);
  if (status === undefined) return textAnswer(404, "SERVICE_UNKNOWN");
  const isServing = status.status === "SERVING";
  return textAnswer(isServing ? 200 : 503, isServing ? "OK" : status.status, statusHeaders(status, reader.draining));
}

/** Answers a question about a service as JSON; if `detailed`, with its reason and the checks that count for it. */
export function answerServiceJson(
  snapshots: Snapshots,
  service: string,
  { type, detailed }: { readonly type: JsonType; readonly detailed: boolean },
): HttpAnswer | Page {
  const { status, draining } = snapshots.of(service);
  if (status === undefined) return unknownService(type);
  if (!detailed) {
    const code = status.status === "SERVING" ? 200 : 503;
    return jsonAnswer(code, { status: jsonStatusOf(status) }, type, statusHeaders(status, draining));
  }
  return {
    name: "service-json",
    key: `service-json ${service}`,
    isVolatile: false,
    snapshot: () => snapshots.withItsChecks(service),
    pieces: ({ checks }) => jsonOfChecks(checks.all),
    envelope: (snapshot) => envelopeOf(service, type, snapshot),
  };
}

function envelopeOf(service: string, type: JsonType, { status, draining, detachment }: Snapshot): Envelope {
  // the service was cleared while the page waited
  if (status === undefined) return { status: 404, headers: jsonHeaders(type), ...jsonAround(UNKNOWN_SERVICE) };
  return {
    status: status.status === "SERVING" ? 200 : 503,
    headers: jsonHeaders(type, statusHeaders(status, draining)),
    ...jsonAround({ ...jsonOfService(service, status), ...detachedFields(detachment) }),
  };
}

const UNKNOWN_SERVICE = { status: "fail", output: "service-unknown" } as const;

function unknownService(type: JsonType): HttpAnswer {
  return jsonAnswer(404, UNKNOWN_SERVICE, type);
}
