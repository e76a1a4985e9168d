/**
 * `POST /heartbeat/<check>`: a report of a passive check, with its token.
 *
 *     request --> listener --> counted: 200 | wrong token: 401 | too late, or shutting down: 503
 */
import type { StatusReader } from "../../registry/ports.js";
import type { HttpAnswer, HttpRequest } from "../../wire/http-message.js";
import { methodNotAllowed, statusHeaders, textAnswer, unauthenticated } from "./answers.js";

/**
 * What became of a report: false for a wrong token and for a check that does not exist, `stopped` when this server is shutting
 * down, `stalled` when the thread that takes reports has not taken it in time: it does not count.
 */
export type HeartbeatAnswer = boolean | "stopped" | "stalled";

/** Takes a report of a passive check. */
export type HeartbeatListener = (
  check: string,
  authorization: string | undefined,
  report: "pass" | "fail",
) => HeartbeatAnswer | Promise<HeartbeatAnswer>;

export interface HeartbeatDeps {
  readonly reader: Pick<StatusReader, "draining">;
  /** Default: heartbeats are not found. */
  readonly onHeartbeat?: HeartbeatListener | undefined;
}

/** Answers a report: at once, or when the main thread has taken it. */
export function answerHeartbeat(
  { reader, onHeartbeat }: HeartbeatDeps,
  { check, report }: { readonly check: string; readonly report: "pass" | "fail" },
  { method, authorization }: HttpRequest,
): HttpAnswer | Promise<HttpAnswer> {
  if (onHeartbeat === undefined) return textAnswer(404, "NOT_FOUND");
  if (method !== "POST") return methodNotAllowed("POST");
  const taken = onHeartbeat(check, authorization, report);
  return taken instanceof Promise ? taken.then((late) => answerOf(late, reader)) : answerOf(taken, reader);
}

function answerOf(taken: HeartbeatAnswer, { draining }: HeartbeatDeps["reader"]): HttpAnswer {
  switch (taken) {
    case true:
      return textAnswer(200, "OK");
    case false:
      return unauthenticated();
    // the reporter has a valid token, probably: it must send the report again, to another server or after a restart
    case "stopped":
      return textAnswer(503, "SHUTTING_DOWN", statusHeaders(undefined, draining));
    case "stalled":
      return textAnswer(503, "STALLED");
    default:
      return taken satisfies never;
  }
}
