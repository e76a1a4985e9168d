/**
 * Runs configurations. What finds instances is loaded for a configuration that has some, and for discovery.
 *
 *     configuration --no templates, no discovery--> health.reconfigure
 *                   '--else--> found-instances ---> health.reconfigure, and again when a source has other addresses
 */
import type { DaemonConfig } from "../config/daemon-config.js";
import type { LoadedConfig } from "../config/validate.js";
import type { FoundInstances, FoundInstancesDeps } from "./found-instances.js";
import type { Health } from "./health.js";

export interface InstancesDeps extends FoundInstancesDeps {
  readonly health: Pick<Health, "reconfigure">;
}

export class Instances {
  readonly #deps: InstancesDeps;
  #found: FoundInstances | undefined;

  constructor(deps: InstancesDeps) {
    this.#deps = deps;
  }

  /**
   * Runs the first configuration.
   * @throws ConfigError with every fault; nothing is started then
   */
  async start(loaded: LoadedConfig, environment: Readonly<Record<string, string | undefined>>): Promise<void> {
    const { config, accept } = loaded;
    if (!this.#isNeeded(config)) return this.#deps.health.reconfigure(config, accept);
    const { requireValid } = await import("../config/validate.js");
    requireValid(loaded, [], environment);
    await this.reload(config);
  }

  /**
   * Runs another configuration, which is valid.
   * @throws HealthError; nothing has changed then
   */
  async reload(config: DaemonConfig): Promise<void> {
    if (!this.#isNeeded(config)) return this.#deps.health.reconfigure(config);
    const { FoundInstances } = await import("./found-instances.js");
    this.#found ??= new FoundInstances(this.#deps);
    await this.#found.apply(config);
  }

  /** Whether a name may be one of an instance that its source has not told yet. */
  isAwaited(name: string): boolean {
    return this.#found?.isAwaited(name) === true;
  }

  close(): void {
    this.#found?.close();
  }

  #isNeeded({ templates }: DaemonConfig): boolean {
    return this.#found !== undefined || this.#deps.onTable !== undefined || templates.length > 0;
  }
}
