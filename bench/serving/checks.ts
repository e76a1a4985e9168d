/** Checks: rate, CPU time of each, and latency at half load. */
import type { Figures } from "../measuring/figures.js";
import type { BenchDeps } from "../measuring/report.js";
import type { Client } from "./client.js";
import { REFERENCE } from "./contenders.js";
import { LoadTool, type Shape } from "./load.js";
import { type Server, withServer } from "./server.js";
import { type Ready, type Result, takeTurns } from "./turns.js";

/** The loads, by the prefix of their figures. Real probers have one connection each, with one Check at a time. */
export const SHAPES = {
  one: { connections: 1, atOnce: 1 },
  probers: { connections: 50, atOnce: 1 },
  many: { connections: 10, atOnce: 100 },
} as const satisfies Readonly<Record<string, Shape>>;

const WARM_UP_SECONDS = 1;
const LOAD_SECONDS = 2;
const PACED_MS = 2_000;

/** Measures all contenders; latency only with a client. */
export async function compareChecks(
  contenders: readonly Ready[],
  client: Client | undefined,
  deps: BenchDeps,
): Promise<readonly Result[]> {
  const tool = new LoadTool();
  let referencePerSecond: number | undefined; // of this round: the reference is measured first
  const measure = async (server: Server, isMark: boolean): Promise<Figures> => {
    const loads = await loadAll(tool, server);
    const perSecond = loads["probers.perSecond"] ?? Number.NaN;
    if (isMark) referencePerSecond = perSecond;
    return { ...loads, ...(client && (await latencies(client, server, perSecond, referencePerSecond))) };
  };
  try {
    return await takeTurns("checks", contenders, deps, ({ name, check, answer }) =>
      withServer(check, answer, (server) => measure(server, name === REFERENCE)),
    );
  } finally {
    tool.discard();
  }
}

async function loadAll(tool: LoadTool, server: Server): Promise<Figures> {
  const found: Record<string, number> = {};
  await tool.load(server, SHAPES.probers, WARM_UP_SECONDS);
  for (const [name, shape] of Object.entries(SHAPES)) {
    Object.assign(found, prefixed(name, await tool.load(server, shape, LOAD_SECONDS)));
  }
  return found;
}

async function latencies(
  client: Client,
  server: Server,
  perSecond: number,
  referencePerSecond: number | undefined,
): Promise<Figures> {
  const own = prefixed("ownHalf", await client.pace(server, perSecond / 2, PACED_MS));
  if (referencePerSecond === undefined) return own;
  return { ...own, ...prefixed("markHalf", await client.pace(server, referencePerSecond / 2, PACED_MS)) };
}

function prefixed(prefix: string, figures: Figures): Figures {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${prefix}.${name}`, value]));
}
