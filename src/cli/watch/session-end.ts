/** How a session ends, and the texts of what failed: short, because they stand in a line of a table. */
import { formatGoDuration, goDurationOf } from "../probe/go-format.js";
import { NOT_TAKEN } from "../probe/probe-calls.js";
import type { ServiceOutcome } from "../probe/probe-outcome.js";

export type SessionEnd =
  /** The server takes no further call on this connection (GOAWAY), or the session was closed. */
  | { readonly kind: "left" }
  /** @property isFinal waiting does not help, if it was the first session */
  | { readonly kind: "failed"; readonly text: string; readonly isFinal: boolean };

/** What was tried when a session failed. */
export type Tried = "connecting" | "List" | "Check" | "Watch";

const NO_LIST =
  "the server has no List, so its services are not known: name them, or use --overall for the server as a whole";

export const NO_HEALTH_SERVICE: SessionEnd = {
  kind: "failed",
  text: "the server has no health service (grpc.health.v1.Health)",
  isFinal: true,
};

export function tooManyServices(count: number, limit: number): SessionEnd {
  return {
    kind: "failed",
    text: `the server lists ${count} services, and at most ${limit} are shown: name them`,
    isFinal: true,
  };
}

/** Codes that are the same the next time. */
const FINAL_CODES: readonly string[] = ["UNIMPLEMENTED", "UNAUTHENTICATED", "PERMISSION_DENIED"];

/** The end of a session by a failure. */
export function endOf(tried: Tried, outcome: ServiceOutcome): SessionEnd {
  if (outcome === NOT_TAKEN) return { kind: "left" };
  const isFinal =
    outcome.kind === "credentials" ||
    outcome.kind === "refused" ||
    (outcome.kind === "failed" && FINAL_CODES.includes(outcome.code));
  if (tried === "Check" && isFinal && "code" in outcome && outcome.code === "UNIMPLEMENTED") return NO_HEALTH_SERVICE;
  return { kind: "failed", text: failureText(tried, outcome), isFinal };
}

/** A failure in words. */
export function failureText(tried: Tried, outcome: ServiceOutcome): string {
  switch (outcome.kind) {
    case "unconnected":
      return outcome.cause ?? `no connection within ${shownMs(outcome.timeoutMs)}`;
    case "refused":
      return outcome.cause;
    case "credentials":
      return outcome.text;
    case "late":
      return `${tried}: no answer within ${shownMs(outcome.timeoutMs)}`;
    case "failed":
      if (tried === "List" && outcome.code === "UNIMPLEMENTED") return NO_LIST;
      return `${tried} failed: ${outcome.code}${outcome.text === "" ? "" : `: ${outcome.text}`}`;
    case "status":
    case "http":
    case "empty":
      return "";
    default:
      outcome satisfies never;
      return "";
  }
}

function shownMs(milliseconds: number): string {
  return formatGoDuration(goDurationOf(milliseconds));
}
