/** Watch: what a watcher weighs, and how soon all of them have a change. */
import { type Figures, median } from "../measuring/figures.js";
import type { BenchDeps } from "../measuring/report.js";
import type { Client } from "./client.js";
import { type StartCommand, withServer } from "./server.js";
import { type Ready, type Standing, takeTurns } from "./turns.js";

/** Watchers: connections, and streams on each. */
interface Crowd {
  readonly connections: number;
  readonly streams: number;
}

/** The crowds, by the name that their figures begin with. */
const CROWDS = {
  thousand: { connections: 1_000, streams: 1 },
  fourThousand: { connections: 4_000, streams: 1 },
  shared: { connections: 100, streams: 100 },
} as const satisfies Readonly<Record<string, Crowd>>;

/** What is asked of ours alone. */
const GREAT_CROWD = { connections: 500, streams: 100 } as const satisfies Crowd;

/** A status that changes so often; the figure is the median. */
const CHANGES = 3;

/** A crowd before, so that the code is hot and what is there once is not counted for the watchers. */
const WARM_UP = { connections: 50, streams: 1, changes: 2 } as const;

/** The crowds for all who can be watched. Each has a fresh server. */
export function compareWatches(
  contenders: readonly Ready[],
  client: Client,
  deps: BenchDeps,
): Promise<readonly Standing[]> {
  const watched = contenders.filter(({ watch }) => watch !== undefined);
  return takeTurns("watch", watched, deps, async (contender) => {
    const found: Record<string, number> = {};
    for (const [name, size] of Object.entries(CROWDS)) {
      const { rssKb, changeMs } = await watchedBy(client, contender.watch, contender, size);
      Object.assign(found, { [`${name}.rssKb`]: rssKb, [`${name}.changeMs`]: changeMs });
    }
    return found;
  });
}

/** The great crowd, and how long the event loop stood still with it. */
export function bearGreatCrowd(
  contenders: readonly Ready[],
  client: Client,
  deps: BenchDeps,
): Promise<readonly Standing[]> {
  const ours = contenders.filter(({ watchLoop }) => watchLoop !== undefined);
  return takeTurns("a great crowd", ours, deps, (contender) =>
    watchedBy(client, contender.watchLoop, contender, GREAT_CROWD),
  );
}

async function watchedBy(
  client: Client,
  command: StartCommand | undefined,
  { answer }: Ready,
  { connections, streams }: Crowd,
): Promise<Figures> {
  if (command === undefined) throw new Error("it can't be watched");
  return withServer(command, answer, async (server) => {
    await client.watch(server, WARM_UP.connections, WARM_UP.streams, WARM_UP.changes);
    const linesBefore = server.program.lines.length;
    const { rssBefore, rssWatching, establishedMs, changesMs } = await client.watch(
      server,
      connections,
      streams,
      CHANGES,
    );
    // at each change: the longest block since the one before; the first has what it took to let the crowd in
    const [whileJoining, ...blocksMs] = server.program.lines.slice(linesBefore).map(Number);
    return {
      rssKb: (rssWatching - rssBefore) / (connections * streams),
      establishedMs,
      changeMs: median(changesMs),
      ...(whileJoining !== undefined && { whileJoiningMs: whileJoining, longestBlockMs: Math.max(...blocksMs) }),
    };
  });
}
