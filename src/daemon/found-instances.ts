/**
 * Keeps the checks of templates in step with their sources.
 *
 *     template --> source watch --addresses--> expansion --.
 *     static checks and services --------------------------+--> health.reconfigure --> table of instances
 *                                                          |
 *     one change at a time: a reload, or a round           '-- an address that cannot be checked is left out
 *
 * Changes of sources are gathered: one round a second. The first answer of a new source is awaited for 3 s at most; the
 * startup view waits so long too. Until that answer the service of the template is UNKNOWN, and so is every service over it.
 */
import { isDeepStrictEqual } from "node:util";
import { instanceTableOf } from "../checks/instance-table.js";
import {
  type Expansion,
  expandTemplate,
  type FoundAddresses,
  type InstanceTemplate,
  templateNameOf,
} from "../checks/instance-template.js";
import { throwViolations, type Violation } from "../checks/violation.js";
import { NameLookup } from "../client/name-lookup.js";
import type { DaemonConfig } from "../config/daemon-config.js";
import { FileThreads } from "../config/file-operation.js";
import { background } from "../core/background.js";
import { publish } from "../core/channels.js";
import { type CancelTimer, type Clock, settledWithin } from "../core/clock.js";
import { askDns } from "../instances/dns-source.js";
import { askFiles } from "../instances/file-source.js";
import type { InstanceTable } from "../instances/instance.js";
import type { AskSource, InstanceSource } from "../instances/source.js";
import { SourceWatch } from "../instances/source-watch.js";
import type { Health } from "./health.js";
import { HostAddresses } from "./host-addresses.js";
import { sourceFiles } from "./source-files.js";

const MAX_FIRST_MS = 3_000;
const ROUND_MS = 1_000;

/** After a round that has failed. */
const RETRY_MS = 10_000;

export interface FoundInstancesDeps {
  readonly health: Pick<Health, "reconfigure">;
  readonly clock: Clock;
  readonly instance: string;
  /** Name servers to ask instead of the system's. */
  readonly nameServers?: readonly string[] | undefined;
  /** Threads that files occupy, shared with other readers. Default: its own. */
  readonly fileThreads?: FileThreads | undefined;
  /** Called after each change of the checks that a source has caused. */
  readonly onRound: () => void;
  /** Gets all instances after each change. Names are looked up for it. */
  readonly onTable?: ((table: InstanceTable) => void) | undefined;
}

/** A template that runs. */
interface RunningTemplate {
  readonly template: InstanceTemplate;
  readonly watch: SourceWatch;
  expansion: Expansion;
}

type Templates = ReadonlyMap<string, RunningTemplate>;

/** Some addresses cannot be checked. They are in `#refused` now, so the next try does without them. */
class AddressesRefused extends Error {
  override readonly name = "AddressesRefused";
}

export class FoundInstances {
  readonly #deps: FoundInstancesDeps;
  readonly #names: NameLookup;
  readonly #files: ReturnType<typeof sourceFiles>;
  readonly #hosts: HostAddresses | undefined;
  #config: DaemonConfig | undefined;
  #templates: Templates = new Map();
  /** Checks of addresses that cannot be checked, until the next reload. */
  #refused = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();
  #cancelRound: CancelTimer | undefined;
  #changedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(deps: FoundInstancesDeps) {
    const { clock, instance, nameServers, fileThreads = new FileThreads(), onTable } = deps;
    this.#deps = deps;
    this.#names = new NameLookup({ clock, servers: nameServers });
    this.#files = sourceFiles(fileThreads, clock);
    if (onTable !== undefined)
      this.#hosts = new HostAddresses({ names: this.#names, clock, instance, onChange: () => this.#tellTable() });
  }

  /**
   * Runs a configuration with its templates, after the changes before it. Templates that are the same keep their addresses.
   * @throws what `reconfigure` throws; nothing has changed then
   */
  apply(config: DaemonConfig): Promise<void> {
    return this.#inTurn(async () => {
      const templates = this.#open(config.templates);
      const isNew = (running: RunningTemplate) => this.#templates.get(running.template.name)?.watch !== running.watch;
      const opened = [...templates.values()].filter(isNew).map(({ watch }) => watch);
      const refused = this.#refused;
      try {
        await settledWithin(Promise.all(opened.map(({ first }) => first)), MAX_FIRST_MS, this.#deps.clock);
        this.#refused = new Set();
        await this.#commit(config, templates);
      } catch (error) {
        this.#refused = refused;
        for (const watch of opened) watch.close();
        throw error;
      }
      const watches = new Set([...templates.values()].map(({ watch }) => watch));
      for (const { watch } of this.#templates.values()) if (!watches.has(watch)) watch.close();
      for (const { template, watch } of templates.values()) watch.refreshEvery(template.source.refreshMs);
      [this.#config, this.#templates] = [config, templates];
      if (this.#isClosed) this.close(); // it was closed meanwhile: the sources that were opened are closed too
      this.#tellTable();
    });
  }

  /** Whether a name may belong to an instance that its source has not listed yet. */
  isAwaited(name: string): boolean {
    return this.#templates.get(templateNameOf(name) ?? "")?.watch.isAwaited === true;
  }

  /** All instances; `undefined` before the first configuration runs. */
  get table(): InstanceTable | undefined {
    const expansions = [...this.#templates.values()].map(({ expansion }) => expansion);
    return this.#config && instanceTableOf(this.#config, expansions, this.#hosts?.addressOf);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelRound?.();
    this.#hosts?.close();
    for (const { watch } of this.#templates.values()) watch.close();
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.#last.then(change);
    this.#last = done.catch(() => {}); // the caller gets the error
    return done;
  }

  /** What is the same in another configuration stays the same object: its checks are compared fast. */
  #open(templates: readonly InstanceTemplate[]): Templates {
    return new Map(
      templates.map((next) => {
        const known = this.#templates.get(next.name);
        const isSame = known !== undefined && isDeepStrictEqual(known.template, next);
        const template = isSame ? known.template : next;
        const isSameSource = known !== undefined && isSamePlace(known.watch.source, next.source);
        const watch = isSameSource ? known.watch : this.#watch(template, known?.watch.addresses);
        const expansion = isSame ? known.expansion : expandTemplate(template, watch);
        return [next.name, { template, watch, expansion }];
      }),
    );
  }

  #watch({ name: service, source }: InstanceTemplate, before: SourceWatch["addresses"] | undefined): SourceWatch {
    const { clock, instance } = this.#deps;
    const ask: AskSource = source.kind === "file" ? askFiles(source.pattern, this.#files) : askDns(source, this.#names);
    return new SourceWatch(source, { clock, instance, service, ask, before, onChange: () => this.#schedule() });
  }

  #schedule(): void {
    if (this.#cancelRound !== undefined || this.#isClosed) return;
    const { clock, instance } = this.#deps;
    const waitMs = Math.max(0, this.#changedAt + ROUND_MS - clock.now());
    this.#cancelRound = clock.setTimer(waitMs, () =>
      background(
        this.#inTurn(() => this.#round()),
        instance,
        "instances",
      ),
    );
  }

  async #round(): Promise<void> {
    this.#cancelRound = undefined;
    if (this.#config === undefined || this.#isClosed) return;
    try {
      if (!(await this.#commit(this.#config, this.#templates, false))) return;
      this.#deps.onRound();
      this.#tellTable();
    } catch (error) {
      if (this.#isClosed) return; // the checks have been stopped
      publish("fault", { instance: this.#deps.instance, where: "instances", error });
      this.#changedAt = this.#deps.clock.now() + RETRY_MS - ROUND_MS;
      this.#schedule();
    }
  }

  /** Changes the checks to those of the addresses that are known now. Returns whether there was something to change. */
  async #commit(config: DaemonConfig, templates: Templates, always = true): Promise<boolean> {
    for (;;) {
      const before = [...templates.values()].map(({ expansion }) => expansion);
      const after = [...templates.values()].map(({ template, watch, expansion }) =>
        expandTemplate(template, this.#usable(watch), expansion),
      );
      if (!always && after.every((each, at) => isSameExpansion(each, before[at]))) return false;
      this.#changedAt = this.#deps.clock.now();
      try {
        await this.#deps.health.reconfigure(withInstances(config, after), (violations) =>
          this.#accept(violations, after),
        );
        for (const expansion of after) {
          const running = templates.get(expansion.template.name);
          if (running !== undefined) running.expansion = expansion;
        }
        return true;
      } catch (error) {
        if (!(error instanceof AddressesRefused)) throw error;
      }
    }
  }

  #usable({ addresses, isAwaited }: SourceWatch): FoundAddresses {
    return { addresses, isAwaited, isUsable: (check) => !this.#refused.has(check) };
  }

  /** One address that cannot be checked, such as a link-local one, must not stop all others. */
  #accept(violations: readonly Violation[], expansions: readonly Expansion[]): void {
    const refused = new Map<string, Violation>();
    for (const violation of violations) {
      const [key, name = ""] = violation.path;
      const isFound = expansions.some(({ instances }) => instances.has(String(name)));
      if (key !== "checks" || !isFound) throwViolations(violations);
      refused.set(String(name), violation);
    }
    for (const { template, instances } of expansions) {
      const own = [...refused].filter(([name]) => instances.has(name));
      const [first] = own;
      if (first === undefined) continue;
      const detail = `${own.length} of ${instances.size}; the first: ${first[1].text}`;
      const { instance } = this.#deps;
      const addresses = instances.size;
      publish("instance-source", {
        instance,
        service: template.name,
        outcome: "refused",
        isNew: true,
        addresses,
        detail,
      });
    }
    for (const name of refused.keys()) this.#refused.add(name);
    if (refused.size > 0) throw new AddressesRefused();
  }

  #tellTable(): void {
    const { onTable } = this.#deps;
    const { table } = this;
    if (onTable === undefined || table === undefined || this.#isClosed) return;
    onTable(table);
    this.#hosts?.watch(table.instances.map(({ host }) => host));
  }
}

function isSameExpansion(one: Expansion, other: Expansion | undefined): boolean {
  if (one.service !== other?.service || one.isAwaited !== other.isAwaited) return false;
  const known = [...other.instances.values()];
  return [...one.instances.values()].every((each, at) => each === known[at]);
}

/** A configuration with the checks and services of its templates. */
function withInstances(config: DaemonConfig, expansions: readonly Expansion[]): DaemonConfig {
  const found = expansions.flatMap(({ instances }) => [...instances.values()].map(({ declaration }) => declaration));
  return {
    ...config,
    checks: [...config.checks, ...found],
    services: [...config.services, ...expansions.map(({ service }) => service)],
  };
}

/** Whether two sources differ at most in how often they are asked. */
function isSamePlace(one: InstanceSource, other: InstanceSource): boolean {
  return isDeepStrictEqual({ ...one, refreshMs: 0 }, { ...other, refreshMs: 0 });
}
