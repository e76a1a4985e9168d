/** Watch: memory of a watcher, and time until all watchers have got a change. */
import { type Figures, median } from "../measuring/figures.js";
import type { BenchDeps } from "../measuring/report.js";
import type { Client } from "./client.js";
import { type StartCommand, withServer } from "./server.js";
import { type Ready, type Result, takeTurns } from "./turns.js";

/** Number of connections, and of streams on each. */
interface WatcherCount {
  readonly connections: number;
  readonly streams: number;
}

/** By the prefix of their figures. */
const WATCHERS = {
  thousand: { connections: 1_000, streams: 1 },
  fourThousand: { connections: 4_000, streams: 1 },
  shared: { connections: 100, streams: 100 },
} as const satisfies Readonly<Record<string, WatcherCount>>;

/** For healthbridge alone. */
const MANY_WATCHERS = { connections: 500, streams: 100 } as const satisfies WatcherCount;

/** Number of status changes; the figure is the median. */
const CHANGES = 3;

/** Watchers before the measurement: the code is compiled, and memory that is allocated once is not counted. */
const WARM_UP = { connections: 50, streams: 1, changes: 2 } as const;

/** Measures all contenders with Watch, each number of watchers on a new server. */
export function compareWatches(
  contenders: readonly Ready[],
  client: Client,
  deps: BenchDeps,
): Promise<readonly Result[]> {
  const watched = contenders.filter(({ watch }) => watch !== undefined);
  return takeTurns("watch", watched, deps, async (contender) => {
    const found: Record<string, number> = {};
    for (const [name, size] of Object.entries(WATCHERS)) {
      const { rssKb, changeMs } = await watchedBy(client, contender.watch, contender, size);
      Object.assign(found, { [`${name}.rssKb`]: rssKb, [`${name}.changeMs`]: changeMs });
    }
    return found;
  });
}

/** Measures 50,000 watchers, and how long they block the event loop. */
export function measureManyWatchers(
  contenders: readonly Ready[],
  client: Client,
  deps: BenchDeps,
): Promise<readonly Result[]> {
  const ours = contenders.filter(({ watchLoop }) => watchLoop !== undefined);
  return takeTurns("many watchers", ours, deps, (contender) =>
    watchedBy(client, contender.watchLoop, contender, MANY_WATCHERS),
  );
}

async function watchedBy(
  client: Client,
  command: StartCommand | undefined,
  { answer }: Ready,
  { connections, streams }: WatcherCount,
): Promise<Figures> {
  if (command === undefined) throw new Error("it has no Watch");
  return withServer(command, answer, async (server) => {
    await client.watch(server, WARM_UP.connections, WARM_UP.streams, WARM_UP.changes);
    const linesBefore = server.program.lines.length;
    const { rssBefore, rssWatching, establishedMs, changesMs } = await client.watch(
      server,
      connections,
      streams,
      CHANGES,
    );
    // printed at each change: the longest block since the change before; the first is for the new watchers
    const [whileJoining, ...blocksMs] = server.program.lines.slice(linesBefore).map(Number);
    return {
      rssKb: (rssWatching - rssBefore) / (connections * streams),
      establishedMs,
      changeMs: median(changesMs),
      ...(whileJoining !== undefined && { whileJoiningMs: whileJoining, longestBlockMs: Math.max(...blocksMs) }),
    };
  });
}
