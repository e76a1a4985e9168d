/**
 * The IP addresses of instances whose targets have names: EDS takes no names.
 *
 *     every 30 s: the names of the table --16 at a time--> first of the sorted addresses --another one--> onChange
 *
 * A look-up that fails changes nothing.
 */
import { isIP } from "node:net";
import type { NameLookup } from "../client/name-lookup.js";
import { background } from "../core/background.js";
import type { CancelTimer, Clock } from "../core/clock.js";

const REFRESH_MS = 30_000;
const MAX_LOOKUPS = 16;

export interface HostAddressesDeps {
  readonly names: NameLookup;
  readonly clock: Clock;
  /** The `Health` whose messages are published. */
  readonly instance: string;
  /** Called after each change of an address. */
  readonly onChange: () => void;
}

export class HostAddresses {
  readonly #deps: HostAddressesDeps;
  /** `undefined`: not found yet. */
  #addresses: ReadonlyMap<string, string | undefined> = new Map();
  #isLooking = false;
  /** Some names have not been looked up. */
  #hasNew = false;
  #cancel: CancelTimer = () => {};
  #isClosed = false;

  constructor(deps: HostAddressesDeps) {
    this.#deps = deps;
  }

  readonly addressOf = (host: string): string | undefined => this.#addresses.get(host);

  /** Looks these hosts up from now on. Those that are new are looked up at once. */
  watch(hosts: Iterable<string>): void {
    const names = [...new Set(hosts)].filter((host) => isIP(host) === 0);
    this.#hasNew ||= names.some((name) => !this.#addresses.has(name));
    this.#addresses = new Map(names.map((name) => [name, this.#addresses.get(name)]));
    if (this.#hasNew) this.#lookInBackground();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }

  #lookInBackground(): void {
    background(this.#look(), this.#deps.instance, "the addresses of instances");
  }

  async #look(): Promise<void> {
    if (this.#isLooking || this.#isClosed) return;
    this.#isLooking = true;
    this.#hasNew = false;
    this.#cancel();
    const names = [...this.#addresses.keys()];
    const found = new Map<string, string>();
    const lookUpRest = async () => {
      for (let name = names.pop(); name !== undefined && !this.#isClosed; name = names.pop()) {
        const address = await this.#find(name);
        if (address !== undefined) found.set(name, address);
      }
    };
    await Promise.all(Array.from({ length: MAX_LOOKUPS }, lookUpRest));
    this.#isLooking = false;
    if (this.#isClosed) return;
    this.#take(found);
    // names that came meanwhile are looked up next
    this.#cancel = this.#deps.clock.setTimer(this.#hasNew ? 0 : REFRESH_MS, () => this.#lookInBackground());
  }

  #take(found: ReadonlyMap<string, string>): void {
    const before = this.#addresses;
    this.#addresses = new Map([...before].map(([name, address]) => [name, found.get(name) ?? address]));
    if ([...this.#addresses].some(([name, address]) => address !== before.get(name))) this.#deps.onChange();
  }

  async #find(name: string): Promise<string | undefined> {
    try {
      const answer = await this.#deps.names.find(name, [], () => {});
      if (typeof answer === "string") return undefined;
      return answer.addresses.map(({ address }) => address).sort()[0];
    } catch {
      return undefined; // no descriptor is free: the last address stays
    }
  }
}
