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
import { createServer, type Server, type TLSSocket } from "node:tls";
import { subscribe } from "../../src/core/channels.js";
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

  renew(endsInDays: number): void {
    for (const server of this.#servers) server.setSecureContext(this.#pair(endsInDays));
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

/** The days that each check shows, from the metrics page. */
async function daysLeft(url: string): Promise<readonly number[]> {
  const text = await (await fetch(url)).text();
  return [...text.matchAll(/^healthbridge_check_certificate_days_left\{.*\} (.*)$/gm)].map(([, value]) =>
    Number(value),
  );
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
  const problems: string[] = [];
  const failing = new Set<string>();
  let probes = 0;
  const stops = [
    subscribe("probe", ({ check, outcome, reason, detail }) => {
      probes += 1;
      if (outcome === "fail") failing.add(check);
      if (outcome === "fail" && !isExpiring) problems.push(`${check} failed: ${reason} ${detail}`);
      if (outcome === "fail" && isExpiring && reason !== "tls-expired")
        problems.push(`${check} failed: ${reason} ${detail}`);
    }),
    subscribe("prober-failed", ({ check, error }) => problems.push(`${check} could not probe: ${String(error)}`)),
  ];
  let isExpiring = false;
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
  const server = await health.listen(["127.0.0.1:0"]);
  const metrics = `http://127.0.0.1:${portOf(server)}/metrics`;
  const report = { renewals: 0, moves: 0, longestRenewalMs: 0, longestMoveMs: 0, expiryMs: Number.NaN };
  try {
    if ((await timeUntil(async () => (await daysLeft(metrics)).length === count, 20_000)) === undefined)
      problems.push("not every check shows a certificate");
    for (let round = 1; round <= Math.round(durationMs / renewMs); round += 1) {
      const roundEnd = performance.now() + renewMs;
      const endsInDays = 100 + round * 10;
      targets.renew(endsInDays);
      const [oldAddress = "", newAddress = ""] = round % 2 === 1 ? ADDRESSES : [...ADDRESSES].reverse();
      names.records.set("moving.test", { ttl: 1, addresses: [newAddress] });
      const hasLeft = timeUntil(() => targets.connectionsAt(oldAddress) === 0, maxConnectionAgeMs);
      const isSeen = timeUntil(
        async () => (await daysLeft(metrics)).every((days) => days > endsInDays - 1),
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
    report.expiryMs = await expire();
  } finally {
    for (const stop of stops) stop();
    await health.shutdown();
    targets.stop();
    names.close();
  }
  return { probes, connections: targets.connections, ...report, problems };

  /** The last certificates end after every check has a connection with them. */
  async function expire(): Promise<number> {
    const lifeMs = maxConnectionAgeMs + SLACK_MS + 2_000;
    const endsAt = Math.floor((Date.now() + lifeMs) / 1_000) * 1_000;
    targets.renew((endsAt - Date.now()) / DAY_MS);
    const isSeen = async () => (await daysLeft(metrics)).every((days) => days < 1);
    if ((await timeUntil(isSeen, lifeMs - 1_000)) === undefined)
      problems.push("a check does not show the last certificate");
    await pause(Math.max(0, endsAt - 500 - Date.now()));
    isExpiring = true;
    failing.clear();
    const failedMs = await timeUntil(() => failing.size === count, maxConnectionAgeMs + SLACK_MS);
    if (failedMs === undefined) problems.push(`${count - failing.size} checks pass with an expired certificate`);
    return Math.max(0, Date.now() - endsAt);
  }
}
