/** Memory of Watch streams, and the time in which all of them have got a change. */
import { join } from "node:path";
import { BUILDS } from "../measuring/builds.js";
import { type Figures, median, rounded } from "../measuring/figures.js";
import { table } from "../measuring/table.js";
import { SERVING } from "../serving/ask.js";
import type { Client } from "../serving/client.js";
import { withServer } from "../serving/server.js";

const CHANGES = 3;

/** Streams of earlier clients: the code is compiled, and memory that is taken once is not counted. */
const WARM_UP = { connections: 50, streams: 1, changes: 2 } as const;

const SIZES = [
  { name: "1,000 connections with one stream", connections: 1_000, streams: 1 },
  { name: "10,000 streams on 100 connections", connections: 100, streams: 100 },
  { name: "10,000 connections with one stream", connections: 10_000, streams: 1 },
] as const;

export const watcherCases = (client: Client): readonly (readonly [name: string, measure: () => Promise<Figures>])[] =>
  SIZES.map(({ name, connections, streams }) => [name, () => measureWatchers(client, connections, streams)] as const);

function measureWatchers(client: Client, connections: number, streams: number): Promise<Figures> {
  const [{ folder } = { folder: "" }] = BUILDS;
  const library = join(folder, "bench/peers/healthbridge/server.js");
  return withServer(
    (port) => [process.execPath, library, String(port), "native"],
    SERVING,
    async (server) => {
      await client.watch(server, WARM_UP.connections, WARM_UP.streams, WARM_UP.changes);
      const { rssBefore, rssWatching, changesMs } = await client.watch(server, connections, streams, CHANGES);
      const kb = rssWatching - rssBefore;
      return { rssMb: (kb * 1_024) / 1e6, kbEach: kb / (connections * streams), changeMs: median(changesMs) };
    },
  );
}

export function watchersTable(figures: ReadonlyMap<string, Figures>): string {
  const rows = [...figures].map(([name, { rssMb = Number.NaN, kbEach = Number.NaN, changeMs = Number.NaN }]) => [
    name,
    rounded(rssMb),
    rounded(kbEach),
    rounded(changeMs),
  ]);
  return table(["Watch", "memory, MB", "of one stream, KB", "a change is at all of them after, ms"], rows);
}
