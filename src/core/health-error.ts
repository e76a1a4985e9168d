/**
 * The one error class, and the catalogue of its codes.
 *
 * It is thrown for a caller's mistake or an impossible state. Expected ill health is never an error: a probe returns
 * a result, a registry answers a status. Users match on `code`; `message` is for the person who reads it: what was
 * wrong, where, and what would be right.
 */

/** Every code that a `HealthError` can carry, with what it means. */
export const HEALTH_ERROR_CODES = {
  INVALID_SERVICE_NAME: "a service name is not a string, is too long, is reserved, or holds control characters",
  INVALID_STATUS: "a status is none of UNKNOWN, SERVING and NOT_SERVING",
  INVALID_OPTION: "an option has a value that cannot be used",
  INVALID_ADDRESS: "an address to listen on cannot be read",
  INVALID_TARGET: "the URL of a target cannot be read, or its scheme is not known",
  INVALID_CONFIG: "a configuration file is refused; the message has a line for each fault",
  DUPLICATE_NAME: "a check or a service is declared twice",
  ALREADY_ADDED: "the health service was added to this gRPC server before",
  ALREADY_STOPPED: "the call came after shutdown",
  LISTEN_FAILED: "an address could not be bound, so nothing is served",
  TLS_FAILED: "a certificate or key could not be used",
  MISSING_PACKAGE: "a target needs a package that is not installed; the message names it",
  INCOMPATIBLE_DEPENDENCY: "an installed package lacks what this project needs of it",
} as const;

/** A code of the catalogue. */
export type HealthErrorCode = keyof typeof HEALTH_ERROR_CODES;

/** An error that a person can act on. `cause` holds the error underneath, where there is one. */
export class HealthError extends Error {
  override readonly name = "HealthError";
  readonly code: HealthErrorCode;

  constructor(code: HealthErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * The same for a value that no caller can mean: a name or a status that is none. It is a `TypeError`, as JavaScript's
 * own functions throw for their arguments, so that nobody takes it for a fault of the network.
 */
export class HealthTypeError extends TypeError {
  override readonly name = "HealthTypeError";
  readonly code: HealthErrorCode;

  constructor(code: HealthErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The message of anything that was thrown, for the line of a log or the end of another message. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
