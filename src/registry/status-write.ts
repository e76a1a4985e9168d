/** What a writer sets a service to, from arguments that are checked at run time too: callers may have no types. */
import { HealthTypeError } from "../core/health-error.js";
import { serviceNameFault } from "../core/service-name.js";
import { isServingStatus, SERVING_STATUSES, type ServingStatus } from "../core/serving-status.js";
import type { StatusDetails } from "./ports.js";

/** What a writer sets a service to. */
export interface StatusWrite {
  readonly status: ServingStatus;
  readonly degraded: boolean;
  readonly reason: string | undefined;
  readonly detail?: string | undefined;
}

export const SERVING: StatusWrite = { status: "SERVING", degraded: false, reason: undefined };
export const DRAINING: StatusWrite = { status: "NOT_SERVING", degraded: false, reason: "draining" };

/** Longer details are cut: the text may come from a hostile target. */
const MAX_DETAIL_CHARACTERS = 300;

export function shortDetail(detail: string | undefined): string | undefined {
  return detail?.slice(0, MAX_DETAIL_CHARACTERS).toWellFormed();
}

/** @throws HealthTypeError INVALID_SERVICE_NAME, unless the name is known to be valid, or INVALID_STATUS */
export function createWrite(
  service: string,
  status: ServingStatus,
  details: StatusDetails,
  isValidName = false,
): StatusWrite {
  if (!isValidName) requireServiceName(service);
  requireServingStatus(service, status);
  const degraded = status === "SERVING" && details.degraded === true;
  return { status, degraded, reason: textOf(details.reason), detail: textOf(details.detail) };
}

/** Any other value cannot be shown, nor cross to another thread. */
function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** @throws HealthTypeError INVALID_SERVICE_NAME */
export function requireServiceName(service: unknown): void {
  const fault = serviceNameFault(service);
  if (fault !== undefined) throw new HealthTypeError("INVALID_SERVICE_NAME", `service name ${fault}`);
}

function requireServingStatus(service: string, status: unknown): void {
  if (isServingStatus(status)) return;
  const expected = `must be one of ${SERVING_STATUSES.join(", ")}; got ${JSON.stringify(status) ?? typeof status}`;
  throw new HealthTypeError("INVALID_STATUS", `status of service ${JSON.stringify(service)} ${expected}`);
}
