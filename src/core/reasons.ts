/**
 * Why a status is as it is, as a short code: the catalogue, with the meaning of each code in words.
 *
 * Answers, logs and metrics have the code. Reports and the status page have the words as well.
 */

/** Every reason that a check can give. */
export const REASONS = {
  timeout: "no answer within the timeout",
  refused: "the target refused the connection",
  reset: "the target reset the connection",
  closed: "the target closed the connection before it answered",
  dns: "the target's name could not be resolved",
  unreachable: "there is no route to the target",
  forbidden: "the target's address is link-local or a cloud's metadata service, which is not probed",
  tls: "the TLS handshake failed, or only one of both sides wants TLS",
  "tls-expired": "the target's certificate has expired, or is not valid yet",
  "tls-name": "the target's certificate is for another name",
  "tls-untrusted": "the target's certificate is signed by an authority that is not trusted",
  "tls-version": "the target's version of TLS is older than expected",
  "tls-ending": "the target's certificate expires soon",
  protocol: "the target does not speak the protocol",
  status: "the HTTP status is not one that was expected",
  header: "a header of the answer is not what was expected",
  body: "the body of the answer is not what was expected",
  json: "a value in the answer's JSON is not what was expected",
  slow: "the target passed, but took longer than expected",
  auth: "the target refused the credentials or the client certificate",
  answer: "the target's answer is not what was expected",
  redirect: "the target answered with a redirect, which is not followed",
  "not-serving": "the target reports NOT_SERVING",
  unknown: "the target reports UNKNOWN",
  "service-unknown": "the target does not know the service",
  unimplemented: "the target does not implement the gRPC health protocol",
  unavailable: "the target answered that it cannot serve now",
  grpc: "the target answered with a gRPC error",
  exit: "the program ended with an exit code other than 0",
  signal: "the program was ended by a signal",
  ENOENT: "the program was not found",
  EACCES: "the program may not be executed",
  missed: "no report within the heartbeat's time",
  reported: "the reporter of the heartbeat reported a failure",
  "no-workers": "no Celery worker is online",
  "few-workers": "fewer Celery workers are online than minWorkers",
  offline: "the Celery worker is offline",
  prober: "healthbridge could not probe the target",
  "auth-server": "healthbridge got no token for the target from the authorization server",
  descriptors: "healthbridge has no free file descriptor for a probe",
  "prober-isolated": "the network of healthbridge seems to be down, so the last status is held",
  partial: "some members of the fleet find a failure, but too few of them",
  stale: "no result for so long that the last one no longer counts",
  error: "the check's function threw or rejected",
  result: "the function of the check returned a failure or a warning",
  pending: "no result yet",
  initial: "no result yet; the state is the check's initialState",
  changed: "no result yet since the check was changed; the state is the previous one",
} as const;

/** Every further reason that a status can have: those of this server, and of an operator. */
export const SERVER_REASONS = {
  draining: "this server is shutting down or was drained",
  drained: "an operator has drained it",
  "no-instances": "its source of instances lists none",
  "instances-awaited": "its source of instances has not answered yet",
  starting: "the application has not started yet",
  "start-failed": "the start of the application has failed",
  stalled: "the application does not respond",
  flapping: "the check passes again, but it has changed too often",
} as const;

/** The code of a reason that a check can give. */
export type ReasonCode = keyof typeof REASONS;

/** The words for a reason; `undefined` for a code of the application. */
export function reasonWords(code: string): string | undefined {
  if (isKeyOf(REASONS, code)) return REASONS[code];
  return isKeyOf(SERVER_REASONS, code) ? SERVER_REASONS[code] : undefined;
}

function isKeyOf<Table extends object>(table: Table, key: PropertyKey): key is keyof Table {
  return Object.hasOwn(table, key);
}
