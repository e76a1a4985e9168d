/** Rows C4, C10, C11: a network that is gone, from a network namespace of the test's own. Needs root and iproute2. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { debian } from "../interop/install.js";
import { eventually } from "../support/eventually.js";
import { notOutlive } from "../support/not-outlive.js";
import { removeNetwork } from "./network-space.js";

const PROBER = fileURLToPath(new URL("prober.ts", import.meta.url));
const [SPACE, LINK, PEER] = ["healthbridge-faults", "hb-faults0", "hb-faults1"];
const [OURS, THEIRS] = ["10.213.78.1", "10.213.78.2"];

/** One line of the prober's: what a check or a service has become, or what was held. */
interface Line {
  readonly kind: string;
  readonly name?: string;
  readonly to?: string;
  readonly reason?: string;
  readonly held?: number;
  readonly at: number;
}

/** A prober in the namespace. Its arguments name its checks. */
class NamespaceProber {
  readonly lines: Line[] = [];
  readonly #process;

  constructor(ip: string, spec: object) {
    const args = ["netns", "exec", SPACE, process.execPath, "--import", "tsx", PROBER, JSON.stringify(spec)];
    this.#process = spawn(ip, args, { stdio: ["ignore", "pipe", "inherit"] });
    notOutlive(this.#process, () => this.#process.kill("SIGKILL"));
    createInterface({ input: this.#process.stdout }).on("line", (line) => this.lines.push(JSON.parse(line)));
  }

  status(service: string): string | undefined {
    return this.lines.findLast(({ kind, name }) => kind === "service" && name === service)?.to;
  }

  becomes(service: string, status: string, withinMs?: number): Promise<void> {
    return eventually(() => this.status(service) === status, `${service} is ${status}`, withinMs);
  }

  async stop(): Promise<void> {
    this.#process.kill("SIGKILL");
    await eventually(() => this.#process.exitCode !== null || this.#process.signalCode !== null, "the prober ends");
  }
}

describe("a lost network", () => {
  let ip = "";
  const network = (...args: string[]) => execFileSync(ip, args, { stdio: "pipe" });
  const dismantle = () => removeNetwork(ip, { link: LINK, space: SPACE });
  const targets: { stop: () => Promise<void> }[] = [];
  before(async () => {
    ip = debian("ip", "iproute2");
    dismantle(); // what an interrupted run has left
    network("netns", "add", SPACE);
    network("link", "add", LINK, "type", "veth", "peer", "name", PEER);
    network("link", "set", PEER, "netns", SPACE);
    network("addr", "add", `${OURS}/24`, "dev", LINK);
    network("link", "set", LINK, "up");
    network("-n", SPACE, "addr", "add", `${THEIRS}/24`, "dev", PEER);
    network("-n", SPACE, "link", "set", PEER, "up");
    network("-n", SPACE, "link", "set", "lo", "up");
  });
  after(async () => {
    await Promise.all(targets.map((target) => target.stop()));
    dismantle();
  });

  /** A web server on our side of the link. */
  const serve = async (): Promise<string> => {
    const { createServer } = await import("node:http");
    const server = createServer((_, response) => void response.end());
    await new Promise<void>((resolve) => server.listen(0, OURS, resolve));
    const address = server.address();
    targets.push({
      stop: () => new Promise((resolve) => server.close(() => resolve()) && server.closeAllConnections()),
    });
    return `http://${OURS}:${typeof address === "object" && address !== null ? address.port : 0}/`;
  };

  const quick = { interval: 1_000, timeout: 500, edgeInterval: 300, jitter: 0 };

  test("a target whose packets vanish is NOT_SERVING by timeouts, and recovers with the network [C4]", async () => {
    const prober = new NamespaceProber(ip, { checks: { c: [await serve(), quick] } });
    await prober.becomes("c", "SERVING");
    network("link", "set", LINK, "down");
    await prober.becomes("c", "NOT_SERVING");
    network("link", "set", LINK, "up");
    await prober.becomes("c", "SERVING");
    await prober.stop();
  });

  test("a name whose IPv6 address is a black hole passes by its IPv4 address, within its timeout [C10]", async () => {
    // no host on this link has the name's IPv6 address
    network("-n", SPACE, "addr", "add", "fd00:aa::1/64", "dev", PEER, "nodad");
    const { port } = new URL(await serve());
    const names = { "dual.test": { ttl: 5, addresses: ["fd00:aa::2", OURS] } };
    const settings = { ...quick, interval: 5_000, timeout: 3_000 };
    const prober = new NamespaceProber(ip, { names, checks: { c: [`http://dual.test:${port}/`, settings] } });
    await prober.becomes("c", "SERVING");
    await prober.stop();
  });

  test("the third of three addresses is used in time when the first two are black holes", async () => {
    const { port } = new URL(await serve());
    // no host on this link has the first two
    const names = { "three.test": { ttl: 5, addresses: ["10.213.78.77", "10.213.78.78", OURS] } };
    const settings = { ...quick, interval: 5_000, timeout: 2_000, unhealthyThreshold: 1 };
    const checks = { web: [`http://three.test:${port}/`, settings], port: [`tcp://three.test:${port}`, settings] };
    const prober = new NamespaceProber(ip, { names, checks });
    await prober.becomes("web", "SERVING");
    await prober.becomes("port", "SERVING");
    assert.ok(!prober.lines.some(({ to }) => to === "NOT_SERVING"), "no probe failed");
    await prober.stop();
  });

  test("without our own network, statuses are held and marked, then NOT_SERVING; with it, all recover [C11]", async () => {
    const url = await serve();
    const checks = Object.fromEntries(
      Array.from({ length: 6 }, (_, index) => [`c${index}`, [`${url}${index}`, quick]]),
    );
    const isolation = { selfCheck: url.replace("http", "tcp").replace(/\/$/, ""), maxHold: 6_000 };
    const prober = new NamespaceProber(ip, { checks, isolation });
    await prober.becomes("", "SERVING");
    const seen = prober.lines.length;
    network("link", "set", LINK, "down");
    await eventually(() => prober.lines.some(({ kind, held }) => kind === "isolation" && held === 6), "all are held");
    const heldAt = prober.lines.findLast(({ kind }) => kind === "isolation")?.at ?? 0;
    assert.ok(!prober.lines.slice(seen).some(({ to }) => to === "NOT_SERVING"), "nothing was down before");
    await prober.becomes("c0", "NOT_SERVING");
    const downAt = prober.lines.find(({ kind, to }) => kind === "service" && to === "NOT_SERVING")?.at ?? 0;
    assert.ok(downAt - heldAt > 4_000, `held for ${downAt - heldAt} ms`);
    network("link", "set", LINK, "up");
    await prober.becomes("", "SERVING");
    const held = prober.lines.filter(({ kind }) => kind === "isolation").at(-1)?.held;
    assert.equal(held, 0);
    await prober.stop();
  });
});
