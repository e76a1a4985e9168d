/**
 * Network namespaces around one bridge, each with one address. The test reaches all of them. Needs root and iproute2.
 *
 *     test 10.214.N.1 --- bridge --- store .2     targets .3     members .11, .12, ...
 *
 * `cut` makes packets between two of them vanish, in both directions: no packet says so to either side, and connections stay
 * half open. Each site of a test run has a number of its own, so that two test files do not meet.
 */
import { execFileSync } from "node:child_process";
import { debian } from "../../interop/install.js";

/** An address that no interface of the bridge has. */
const NOWHERE = "02:00:00:00:00:99";

export class FleetNetwork {
  readonly #ip = debian("ip", "iproute2");
  readonly #prefix: string;
  readonly #subnet: string;
  readonly #addresses = new Map<string, string>();
  readonly #cuts = new Set<string>();

  constructor(site: number) {
    this.#prefix = `hbf${site}`;
    this.#subnet = `10.214.${site}`;
    this.#requireUnused();
    this.remove(); // what an interrupted run has left
    const bridge = this.#space("net");
    this.#run("netns", "add", bridge);
    this.#run("-n", bridge, "link", "add", "bridge", "type", "bridge");
    this.#run("-n", bridge, "link", "set", "bridge", "up");
    const ours = `${this.#prefix}-test`;
    this.#run("link", "add", ours, "type", "veth", "peer", "name", "test", "netns", bridge);
    this.#run("-n", bridge, "link", "set", "test", "master", "bridge", "up");
    this.#run("addr", "add", `${this.#subnet}.1/24`, "dev", ours);
    this.#run("link", "set", ours, "up");
  }

  /** Adds a namespace with an address. */
  add(name: string, host: number): string {
    const [space, bridge, address] = [this.#space(name), this.#space("net"), `${this.#subnet}.${host}`];
    this.#run("netns", "add", space);
    this.#run("-n", space, "link", "add", "eth0", "type", "veth", "peer", "name", name, "netns", bridge);
    this.#run("-n", bridge, "link", "set", name, "master", "bridge", "up");
    this.#run("-n", space, "addr", "add", `${address}/24`, "dev", "eth0");
    this.#run("-n", space, "link", "set", "eth0", "up");
    this.#run("-n", space, "link", "set", "lo", "up");
    this.#addresses.set(name, address);
    return address;
  }

  addressOf(name: string): string {
    const address = this.#addresses.get(name);
    if (address === undefined) throw new Error(`there is no namespace ${name}`);
    return address;
  }

  /** The words that run a program in a namespace. The program has the process ID of the words. */
  within(name: string): readonly string[] {
    return [this.#ip, "netns", "exec", this.#space(name)];
  }

  /** Bytes that sockets of a namespace have sent, and that were not acknowledged. */
  unsentBytes(name: string): number {
    const sockets = execFileSync(this.#ip, ["netns", "exec", this.#space(name), debian("ss", "iproute2"), "-tnH"]);
    // State Recv-Q Send-Q Local Peer
    return sockets
      .toString()
      .split("\n")
      .reduce((sum, line) => sum + Number(line.split(/\s+/)[2] ?? 0), 0);
  }

  cut(one: string, other: string): void {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const peer = this.addressOf(to);
      this.#run(
        "-n",
        this.#space(from),
        "neigh",
        "replace",
        peer,
        "lladdr",
        NOWHERE,
        "dev",
        "eth0",
        "nud",
        "permanent",
      );
      this.#cuts.add(`${from} ${to}`);
    }
  }

  heal(one: string, other: string): void {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      if (!this.#cuts.delete(`${from} ${to}`)) continue;
      this.#run("-n", this.#space(from), "neigh", "del", this.addressOf(to), "dev", "eth0");
    }
  }

  healAll(): void {
    for (const cut of [...this.#cuts]) {
      const [one = "", other = ""] = cut.split(" ");
      this.heal(one, other);
    }
  }

  /** Removes all namespaces of this site: the interfaces go with them. */
  remove(): void {
    for (const space of this.#spaces()) this.#run("netns", "del", space);
    try {
      // the kernel removes namespaces in the background, and their interfaces with them
      execFileSync(this.#ip, ["link", "del", `${this.#prefix}-test`], { stdio: "pipe" });
    } catch {
      // it is gone
    }
  }

  /** @throws when processes are in the namespaces: another run of the same test file would lose its network */
  #requireUnused(): void {
    for (const space of this.#spaces()) {
      const pids = execFileSync(this.#ip, ["netns", "pids", space], { encoding: "utf8" }).trim();
      if (pids !== "")
        throw new Error(`another run uses the namespace ${space}: processes ${pids.split("\n").join(" ")}`);
    }
  }

  #spaces(): readonly string[] {
    const spaces = execFileSync(this.#ip, ["netns", "list"], { encoding: "utf8" });
    const names = spaces.split("\n").map((line) => line.split(" ")[0] ?? "");
    return names.filter((space) => space.startsWith(`${this.#prefix}-`));
  }

  #space(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  #run(...args: readonly string[]): void {
    execFileSync(this.#ip, args, { stdio: "pipe" });
  }
}
