/**
 * The error class, and all of its codes.
 *
 * It is thrown for a mistake of the caller. An unhealthy target is not an error: a probe returns a result, and a registry
 * returns a status. Code matches on `code`. `message` says what was wrong, where, and what would be right.
 */

/** All codes of a `HealthError`, with their meanings. */
export const HEALTH_ERROR_CODES = {
  INVALID_SERVICE_NAME: "a service name is not a string, is too long, is reserved, or holds control characters",
  INVALID_STATUS: "a status is not UNKNOWN, SERVING or NOT_SERVING",
  INVALID_OPTION: "an option has an invalid value",
  INVALID_ADDRESS: "an address to listen on is invalid",
  INVALID_TARGET: "the URL of a target is invalid, or its scheme is unknown",
  INVALID_CONFIG: "a configuration file is invalid; the message has one line for each error",
  DUPLICATE_NAME: "a name is declared twice, or has another writer; the message names it",
  ALREADY_ADDED: "the gRPC server already has a health service",
  ALREADY_STOPPED: "the call came after shutdown()",
  CHANGE_RUNNING: "the checks were to be changed while reconfigure() was not complete; nothing has changed",
  LISTEN_FAILED: "an address could not be bound; no address is served",
  CONTROL_FAILED: "the control socket could not be opened",
  STATE_FAILED: "the folder for the state cannot be used, or another process uses it",
  CALL_FAILED: "a call of a HealthClient failed; `grpcCode` of the error is the code of gRPC",
  TLS_FAILED: "a certificate or key could not be used",
  MISSING_PACKAGE: "a target needs an npm package that is not installed; the message names it",
  INCOMPATIBLE_DEPENDENCY: "an installed npm package has an incompatible version",
} as const;

export type HealthErrorCode = keyof typeof HEALTH_ERROR_CODES;

/** `cause` is the underlying error, if there is one. */
export class HealthError extends Error {
  override readonly name = "HealthError";
  readonly code: HealthErrorCode;

  constructor(code: HealthErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/**
 * The same codes for an invalid argument: a value that is no name or no status. It is a `TypeError`, which JavaScript's
 * own functions throw for their arguments.
 */
export class HealthTypeError extends TypeError {
  override readonly name = "HealthTypeError";
  readonly code: HealthErrorCode;

  constructor(code: HealthErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The message of any thrown value, for a log line or the end of another message. It never throws. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return "an error without a readable message"; // its getter or its toString throws
  }
}

/** The stack of any thrown value, or else its message. It never throws. */
export function stackOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error && typeof thrown.stack === "string") return thrown.stack;
  } catch {
    // its getter throws
  }
  return messageOf(thrown);
}
