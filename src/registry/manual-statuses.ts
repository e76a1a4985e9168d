/**
 * The statuses that the application sets by hand: one writer per name.
 *
 * A name that a check, a service or a configuration makes cannot be set or cleared by hand: a second writer would hide a
 * failing check. In the other direction, a check or a service cannot take a name that is set by hand, until `clear`.
 */
import { HealthError } from "../core/health-error.js";
import type { ServingStatus } from "../core/serving-status.js";
import type { StatusDetails, StatusWriter } from "./ports.js";

export class ManualStatuses {
  readonly #writer: StatusWriter;
  readonly #ownerOf: (service: string) => string | undefined;
  readonly #names = new Set<string>();

  /** @param ownerOf what else makes a service, as text */
  constructor(writer: StatusWriter, ownerOf: (service: string) => string | undefined) {
    this.#writer = writer;
    this.#ownerOf = ownerOf;
  }

  /** Whether a service was set by hand, and not cleared since. */
  has(service: string): boolean {
    return this.#names.has(service);
  }

  /** @throws HealthError DUPLICATE_NAME; HealthTypeError as `StatusWriter.set` */
  set(service: string, status: ServingStatus, details?: StatusDetails): boolean {
    this.#requireFree(service, "set");
    const isPublished = this.#writer.set(service, status, details);
    this.#names.add(service);
    return isPublished;
  }

  /** @throws HealthError DUPLICATE_NAME; HealthTypeError as `StatusWriter.clear` */
  clear(service: string): boolean {
    this.#requireFree(service, "cleared");
    const isCleared = this.#writer.clear(service);
    this.#names.delete(service);
    return isCleared;
  }

  #requireFree(service: string, action: "set" | "cleared"): void {
    if (this.#names.has(service)) return;
    const owner = this.#ownerOf(service);
    if (owner === undefined) return;
    const name = service === "" ? 'the server as a whole ("")' : `service ${JSON.stringify(service)}`;
    throw new HealthError("DUPLICATE_NAME", `${name} is made by ${owner}; it cannot be ${action} by hand`);
  }
}
