/**
 * Runs configurations. What finds instances is loaded for a configuration that has some, and for discovery.
 *
 *     configuration --no templates, no discovery--> health.reconfigure
 *                   '--else--> found-instances ---> health.reconfigure, and again when a source has other addresses
 */
import { type DaemonConfig, DEFAULT_CONFIG } from "../config/daemon-config.js";
import type { LoadedConfig } from "../config/validate.js";
import type { InstanceTable } from "../instances/instance.js";
import type { FoundInstances, FoundInstancesDeps } from "./found-instances.js";
import type { Health } from "./health.js";

export interface InstancesDeps extends FoundInstancesDeps {
  readonly health: Pick<Health, "reconfigure">;
}

export class Instances {
  readonly #deps: InstancesDeps;
  #found: FoundInstances | undefined;
  #config: DaemonConfig | undefined;

  constructor(deps: InstancesDeps) {
    this.#deps = deps;
  }

  /**
   * Runs the first configuration.
   * @throws ConfigError with every fault; nothing is started then
   */
  async start(loaded: LoadedConfig, environment: Readonly<Record<string, string | undefined>>): Promise<void> {
    const { config, accept } = loaded;
    if (!this.#isNeeded(config)) {
      await this.#deps.health.reconfigure(config, accept);
      this.#config = config;
      return;
    }
    const { requireValid } = await import("../config/validate.js");
    requireValid(loaded, [], environment);
    await this.reload(config);
  }

  /**
   * Runs another configuration, which is valid.
   * @throws HealthError; nothing has changed then
   */
  async reload(config: DaemonConfig): Promise<void> {
    if (this.#isNeeded(config)) {
      const { FoundInstances } = await import("./found-instances.js");
      this.#found ??= new FoundInstances(this.#deps);
      await this.#found.apply(config);
    } else await this.#deps.health.reconfigure(config);
    this.#config = config;
  }

  /** All instances that are known now. */
  async table(): Promise<InstanceTable> {
    if (this.#found?.table !== undefined) return this.#found.table;
    const { instanceTableOf } = await import("../checks/instance-table.js");
    return instanceTableOf(this.#config ?? DEFAULT_CONFIG, []);
  }

  /** Whether a name may belong to an instance that its source has not listed yet. */
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
