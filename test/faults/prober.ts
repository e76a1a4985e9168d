/** A prober as a process of its own, for a namespace: runs the checks of its argument, and prints each event as a line of JSON. */
import type { CheckOptions, IsolationOptions } from "../../src/checks/check-options.js";
import { subscribe } from "../../src/core/channels.js";
import { Health, type HealthOptions } from "../../src/index.js";
import { NameServer } from "../support/name-server.js";

/** Its argument. */
interface Spec {
  readonly checks: Readonly<Record<string, readonly [url: string, options: CheckOptions]>>;
  readonly isolation?: IsolationOptions;
  /** Print each result that counts. */
  readonly tellsProbes?: boolean;
  /** Names that it knows, from a name server of its own. */
  readonly names?: Readonly<Record<string, { readonly ttl: number; readonly addresses: readonly string[] }>>;
}

const print = (line: object) => process.stdout.write(`${JSON.stringify({ ...line, at: performance.now() })}\n`);

const spec: Spec = JSON.parse(process.argv[2] ?? "{}");
const options: HealthOptions = spec.names === undefined ? {} : { nameServers: [await nameServerOf(spec.names)] };
const health = new Health(options);
health.onTransition(({ subject, name, to, reason }) => print({ kind: subject, name, to, reason }));
if (spec.tellsProbes === true)
  subscribe("probe", ({ check, outcome }) => print({ kind: "probe", name: check, outcome }));
subscribe("isolation", ({ held }) => print({ kind: "isolation", held }));
for (const [name, [url, settings]] of Object.entries(spec.checks)) health.check(name, url, settings);
if (spec.isolation !== undefined) health.isolate(spec.isolation);
setTimeout(() => process.exit(1), 180_000); // longer than any test

async function nameServerOf(names: NonNullable<Spec["names"]>): Promise<string> {
  const server = await NameServer.open();
  for (const [name, records] of Object.entries(names)) server.records.set(name, records);
  return server.address;
}
