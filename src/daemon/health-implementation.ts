/** A drop-in for the class of `grpc-health-check`: the same three calls, over a `Health` with everything that it can. */
import type { ServingStatus } from "../core/serving-status.js";
import type { HealthOptions } from "./assembly.js";
import { Health } from "./health.js";

/** The limit of that package. */
const LIST_LIMIT = 100;

export class HealthImplementation extends Health {
  /**
   * Declares the services of a map, and no other: without `""`, the server as a whole is unknown. A List of more than 100
   * services is RESOURCE_EXHAUSTED, as with that package, unless `listLimit` says otherwise.
   * @throws HealthTypeError INVALID_SERVICE_NAME or INVALID_STATUS; HealthError INVALID_OPTION
   */
  constructor(initialStatusMap: Readonly<Record<string, ServingStatus>> = {}, options: HealthOptions = {}) {
    super({ startsEmpty: true, listLimit: LIST_LIMIT, ...options });
    for (const [service, status] of Object.entries(initialStatusMap)) this.set(service, status);
  }

  /** `set`, by its name in `grpc-health-check`. @throws as `set` */
  setStatus(service: string, status: ServingStatus): void {
    this.set(service, status);
  }
}
