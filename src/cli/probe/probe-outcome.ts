/**
 * How a probe of one service can end, its exit code, and its line: the lines of grpc_health_probe to the letter. Where a
 * connection failed for another cause than silence, the cause follows after a colon.
 */
import { printable } from "../../core/printable.js";
import type { GrpcCode } from "../../wire/grpc-code.js";
import { statusName } from "../../wire/health-messages.js";
import { formatGoDuration, type GoDuration, goDurationOf, goQuote } from "./go-format.js";

export type ServiceOutcome =
  /** The service has answered with a status, by its number. */
  | { readonly kind: "status"; readonly number: number }
  /** The answer to List has no service, so nothing says that the server is healthy. */
  | { readonly kind: "empty" }
  /** The URL of `-http` was answered; `status` is the HTTP status code. */
  | { readonly kind: "http"; readonly isHealthy: boolean; readonly status: string }
  /** The connection failed within the timeout; without a cause, the server was silent. */
  | { readonly kind: "unconnected"; readonly cause: string | undefined; readonly timeoutMs: number }
  /** The connection was refused by a rule, or cancelled by a signal. */
  | { readonly kind: "refused"; readonly cause: string }
  /** The call failed with a gRPC status, from the server or for a broken answer. */
  | { readonly kind: "failed"; readonly code: GrpcCode; readonly text: string }
  /** The call was not complete within the timeout. */
  | { readonly kind: "late"; readonly timeoutMs: number }
  /** There are no credentials to connect with. The text is the whole line. */
  | { readonly kind: "credentials"; readonly text: string; readonly exitCode: 1 | 20 };

/** The flags that a line repeats. */
export interface ProbeNames {
  /** The value of `-addr`, unchanged. */
  readonly addr: string;
  readonly rpcTimeout: GoDuration;
}

export const SERVING = 1;

export const EXIT = { serving: 0, arguments: 1, connection: 2, rpc: 3, unhealthy: 4, spiffe: 20 } as const;

export function exitCodeOf(outcome: ServiceOutcome): number {
  switch (outcome.kind) {
    case "status":
      return outcome.number === SERVING ? EXIT.serving : EXIT.unhealthy;
    case "http":
      return outcome.isHealthy ? EXIT.serving : EXIT.unhealthy;
    case "empty":
      return EXIT.unhealthy;
    case "unconnected":
    case "refused":
      return EXIT.connection;
    case "failed":
    case "late":
      return EXIT.rpc;
    case "credentials":
      return outcome.exitCode;
    default:
      outcome satisfies never;
      return EXIT.arguments;
  }
}

/** The status that an answer reports; `undefined` without an answer. */
export function shownStatus(outcome: ServiceOutcome): string | undefined {
  if (outcome.kind === "status") return statusName(outcome.number);
  return outcome.kind === "http" ? outcome.status : undefined;
}

/** The line of an outcome, without the line break. */
export function lineOf(outcome: ServiceOutcome, { addr, rpcTimeout }: ProbeNames): string {
  switch (outcome.kind) {
    case "status":
    case "http": {
      const status = shownStatus(outcome) ?? "";
      return exitCodeOf(outcome) === EXIT.serving
        ? `status: ${status}`
        : `service unhealthy (responded with ${goQuote(status)})`;
    }
    case "empty":
      return "service unhealthy (the server lists no service)";
    case "unconnected": {
      const within = formatGoDuration(goDurationOf(outcome.timeoutMs));
      const cause = outcome.cause === undefined ? "" : `: ${printable(outcome.cause)}`;
      return `timeout: failed to connect service ${goQuote(addr)} within ${within}${cause}`;
    }
    case "refused":
      return `error: failed to connect service at ${goQuote(addr)}: ${printable(outcome.cause)}`;
    case "failed":
      return failureLine(outcome.code, outcome.text, rpcTimeout);
    case "late":
      return failureLine("DEADLINE_EXCEEDED", "", goDurationOf(outcome.timeoutMs));
    case "credentials":
      return printable(outcome.text);
    default:
      outcome satisfies never;
      return "";
  }
}

function failureLine(code: GrpcCode, text: string, rpcTimeout: GoDuration): string {
  if (code === "UNIMPLEMENTED")
    return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${printable(text)}`;
  if (code === "DEADLINE_EXCEEDED")
    return `timeout: health rpc did not complete within ${formatGoDuration(rpcTimeout)}`;
  return `error: health rpc failed: rpc error: code = ${goCodeName(code)} desc = ${printable(text)}`;
}

/** Go's name of a code: `NotFound`. */
function goCodeName(code: GrpcCode): string {
  if (code === "OK") return "OK";
  if (code === "CANCELLED") return "Canceled";
  return code.toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
