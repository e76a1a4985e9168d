/**
 * Whether the application is ready: it has said so, and each task that it waits for is done.
 *
 *     starting --started(), tasks done--> ready --waitFor(task)--> starting
 *         '------a task has failed------> start-failed, for good
 *
 * Until then `""`, `readiness` and `startup` are NOT_SERVING. Liveness does not change: a restart would start the same
 * tasks again.
 */
import { publish } from "../core/channels.js";
import { HealthError } from "../core/health-error.js";
import type { UnreadyReason } from "../registry/ports.js";
import type { Registry } from "../registry/registry.js";

export class Readiness {
  readonly #registry: Registry;
  #isStarted: boolean;
  #taskCount = 0;
  #hasFailed = false;
  #reason: UnreadyReason | undefined;

  constructor(registry: Registry, startsReady: boolean) {
    this.#registry = registry;
    this.#isStarted = startsReady;
    this.#apply();
  }

  start(): void {
    this.#isStarted = true;
    this.#apply();
  }

  /** @throws HealthError INVALID_OPTION when the task is no promise */
  waitFor(task: PromiseLike<unknown>): void {
    if (typeof task?.then !== "function")
      throw new HealthError(
        "INVALID_OPTION",
        `waitFor: expected a promise, got ${task === null ? "null" : typeof task}`,
      );
    this.#taskCount += 1;
    this.#apply();
    const onEnd = () => {
      this.#taskCount -= 1;
      this.#apply();
    };
    const onFailure = (error: unknown) => {
      this.#hasFailed = true;
      publish("fault", { instance: this.#registry.instance, where: "waitFor", error });
      onEnd();
    };
    // a promise of ours: a thenable of the application may throw, call back at once, or twice
    Promise.resolve(task).then(onEnd, onFailure);
  }

  #apply(): void {
    const isStarting = !this.#isStarted || this.#taskCount > 0;
    const reason = this.#hasFailed ? "start-failed" : isStarting ? "starting" : undefined;
    if (reason === this.#reason) return;
    this.#reason = reason;
    this.#registry.holdUnready(reason);
  }
}
