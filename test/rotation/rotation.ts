/**
 * Certificates and addresses that change under load.
 *
 *     health, a check for each target --> https, grpcs, rediss on loopback    every `renewMs` a new certificate
 *             |                            127.0.0.1, and moving.test          and moving.test moves to another address
 *             '--> /metrics: days left of each check
 *
 * No probe may fail. A check must show a certificate of the last `maxConnectionAge`, and a check of the name must be
 * connected to its new address. At the end the certificates expire, and every check must fail in time.
 */
import { X509Certificate } from "node:crypto";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { type Published, subscribe } from "../../src/core/channels.js";
import { Health } from "../../src/daemon/health.js";
import { FAKE_SERVERS } from "../probers/fake-servers.js";
import { certify, createSubject } from "../support/certificates.js";
import { NameServer } from "../support/name-server.js";
import { portOf } from "../support/port-of.js";

export interface RotationOptions {
  readonly targets: number;
  /** How long certificates are renewed, before they expire. */
  readonly durationMs: number;
  readonly renewMs: number;
  readonly maxConnectionAgeMs: number;
}

export interface RotationReport {
  readonly probes: number;
  readonly connections: number;
  readonly renewals: number;
  readonly moves: number;
  /** The longest time from a renewal until every check showed the new certificate. */
  readonly longestRenewalMs: number;
  /** The longest time from a move until no check was connected to the old address. */
  readonly longestMoveMs: number;
  /** From the end of the certificates until every check had failed. */
  readonly expiryMs: number;
  readonly problems: readonly string[];
}

const INTERVAL_MS = 2_000;
const ADDRESSES = ["127.0.0.2", "127.0.0.3"];
/** A probe, and what a loaded machine adds. */
const SLACK_MS = 4_000;
const DAY_MS = 86_400_000;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Servers of one certificate, and their connections by address. */
class Targets {
  readonly #authority = createSubject("rotation CA");
  readonly #leaf = createSubject("rotation");
  readonly ca = certify(this.#authority, { endsInDays: 3_650 });
  readonly #servers: Server[] = [];
  readonly #open = new Set<TLSSocket>();
  connections = 0;

  /** @param endsInDays of the first certificate */
  async start(endsInDays: number): Promise<readonly string[]> {
    const kinds = [
      ["https", FAKE_SERVERS.http],
      ["grpcs", FAKE_SERVERS.grpc],
      ["rediss", FAKE_SERVERS.redis],
    ] as const;
    const urls: string[] = [];
    for (const [scheme, serve] of kinds) {
      const options = { ...this.#pair(endsInDays), ALPNProtocols: ["h2", "http/1.1"] };
      const server = createServer(options, (socket) => {
        this.connections += 1;
        this.#open.add(socket);
        socket.on("error", () => {}).once("close", () => this.#open.delete(socket));
        serve(socket, () => true);
      });
      await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
      const address = server.address();
      this.#servers.push(server);
      if (typeof address === "object" && address !== null) urls.push(`${scheme}://HOST:${address.port}`);
    }
    return urls;
  }

  /** Returns when the new certificate ends, in wall time. */
  renew(endsInDays: number): number {
    const pair = this.#pair(endsInDays);
    for (const server of this.#servers) server.setSecureContext(pair);
    return Date.parse(new X509Certificate(pair.cert).validTo);
  }

  connectionsAt(address: string): number {
    return [...this.#open].filter(({ localAddress }) => localAddress === address).length;
  }

  stop(): void {
    for (const socket of this.#open) socket.destroy();
    for (const server of this.#servers) server.close();
  }

  #pair(endsInDays: number) {
    const hosts = ["127.0.0.1", "moving.test"];
    return { key: this.#leaf.key, cert: certify(this.#leaf, { issuer: this.#authority, endsInDays, hosts }) };
  }
}

const DAYS_LEFT = /^healthbridge_check_certificate_days_left\{check="(.*)"\} (.*)$/gm;

/** Whether each of `count` checks shows days that are right, on the metrics page. */
async function allShow(url: string, count: number, isRight: (days: number) => boolean): Promise<boolean> {
  const text = await (await fetch(url)).text();
  const days = new Map([...text.matchAll(DAYS_LEFT)].map(([, check = "", value]) => [check, Number(value)]));
  return days.size === count && [...days.values()].every(isRight);
}

/** The last result of each check. */
class Results {
  probes = 0;
  readonly problems: string[] = [];
  /** When the certificates end, in wall time. */
  endsAt = Number.POSITIVE_INFINITY;
  readonly #probes = new Map<string, number>();
  readonly #failing = new Set<string>();

  get failing(): number {
    return this.#failing.size;
  }

  add({ check, outcome, reason, detail }: Published<"probe">): void {
    this.probes += 1;
    this.#probes.set(check, (this.#probes.get(check) ?? 0) + 1);
    if (outcome !== "fail") this.#failing.delete(check);
    else if (Date.now() >= this.endsAt && reason === "tls-expired") this.#failing.add(check);
    else this.problems.push(`${check} failed: ${reason} ${detail}`);
  }

  /** Every check must have had so many probes. */
  requireProbes(checks: number, each: number): void {
    const few = [...this.#probes].filter(([, probes]) => probes < each).map(([check]) => check);
    if (this.#probes.size !== checks) this.problems.push(`${this.#probes.size} of ${checks} checks had a probe`);
    if (few.length > 0) this.problems.push(`less than ${each} probes: ${few.join(", ")}`);
  }
}

/** Waits until a condition holds. Returns the milliseconds; `undefined` after `limitMs`. */
async function timeUntil(condition: () => Promise<boolean> | boolean, limitMs: number): Promise<number | undefined> {
  const start = performance.now();
  while (performance.now() - start < limitMs) {
    if (await condition()) return performance.now() - start;
    await pause(100);
  }
  return undefined;
}

/** Runs the rotation. */
export async function rotation(options: RotationOptions): Promise<RotationReport> {
  const { targets: count, durationMs, renewMs, maxConnectionAgeMs } = options;
  const targets = new Targets();
  const names = await NameServer.open();
  names.records.set("moving.test", { ttl: 1, addresses: [ADDRESSES[0] ?? ""] });
  const urls = await targets.start(100);
  const health = new Health({ metrics: true, nameServers: [names.address] });
  const results = new Results();
  const { problems } = results;
  const stops = [
    subscribe("probe", (probe) => results.add(probe)),
    subscribe("prober-failed", ({ check, error }) => problems.push(`${check} could not probe: ${String(error)}`)),
  ];
  const tls = { ca: targets.ca, warnBefore: 0 };
  const settings = {
    interval: INTERVAL_MS,
    timeout: 1_900,
    unhealthyThreshold: 1,
    maxConnectionAge: maxConnectionAgeMs,
    tls,
  };
  for (let index = 0; index < count; index += 1) {
    const url = (urls[index % urls.length] ?? "").replace("HOST", index % 2 === 0 ? "127.0.0.1" : "moving.test");
    health.check(`c${index}`, url, settings);
  }
  const moving = Math.floor(count / 2);
  const server = await health.listen(["127.0.0.1:0"]);
  const metrics = `http://127.0.0.1:${portOf(server)}/metrics`;
  const report = { renewals: 0, moves: 0, longestRenewalMs: 0, longestMoveMs: 0, expiryMs: Number.NaN };
  try {
    if ((await timeUntil(() => allShow(metrics, count, (days) => days > 99 && days < 101), 20_000)) === undefined)
      problems.push("not every check shows a certificate");
    for (let round = 1; round <= Math.round(durationMs / renewMs); round += 1) {
      const roundEnd = performance.now() + renewMs;
      const endsInDays = 100 + round * 10;
      targets.renew(endsInDays);
      const [oldAddress = "", newAddress = ""] = round % 2 === 1 ? ADDRESSES : [...ADDRESSES].reverse();
      names.records.set("moving.test", { ttl: 1, addresses: [newAddress] });
      const hasLeft = timeUntil(
        () => targets.connectionsAt(oldAddress) === 0 && targets.connectionsAt(newAddress) >= moving,
        maxConnectionAgeMs,
      );
      const isSeen = timeUntil(
        () => allShow(metrics, count, (days) => Math.abs(days - endsInDays) < 1),
        maxConnectionAgeMs + SLACK_MS,
      );
      const [moveMs, renewalMs] = await Promise.all([hasLeft, isSeen]);
      if (moveMs === undefined)
        problems.push(`round ${round}: ${targets.connectionsAt(oldAddress)} are at the old address`);
      if (renewalMs === undefined) problems.push(`round ${round}: a check shows an old certificate`);
      report.renewals += 1;
      report.moves += 1;
      report.longestMoveMs = Math.max(report.longestMoveMs, moveMs ?? 0);
      report.longestRenewalMs = Math.max(report.longestRenewalMs, renewalMs ?? 0);
      await pause(Math.max(0, roundEnd - performance.now()));
    }
    results.requireProbes(count, durationMs / INTERVAL_MS / 2);
    report.expiryMs = await expire();
  } finally {
    for (const stop of stops) stop();
    await health.shutdown();
    targets.stop();
    names.close();
  }
  return { probes: results.probes, connections: targets.connections, ...report, problems };

  /** The last certificates end after every check has a connection with them. */
  async function expire(): Promise<number> {
    const lifeMs = maxConnectionAgeMs + SLACK_MS + 2_000;
    results.endsAt = targets.renew(lifeMs / DAY_MS);
    const isSeen = () => allShow(metrics, count, (days) => days < 1);
    if ((await timeUntil(isSeen, results.endsAt - Date.now() - 500)) === undefined)
      problems.push("a check does not show the last certificate");
    await pause(Math.max(0, results.endsAt - Date.now()));
    const failedMs = await timeUntil(() => results.failing === count, maxConnectionAgeMs + SLACK_MS);
    const expiryMs = Date.now() - results.endsAt;
    if (failedMs === undefined) problems.push(`${count - results.failing} checks pass with an expired certificate`);
    await pause(2 * INTERVAL_MS);
    if (results.failing !== count) problems.push(`${count - results.failing} checks pass again`);
    return expiryMs;
  }
}
