/** A server with the native engine in a process of its own, whose parent asks how it is. */
import { Health } from "../../src/index.js";
import { portOf } from "../support/port-of.js";

/** How the server is. */
export interface Condition {
  readonly connections: number;
  readonly watchers: number;
  readonly rssBytes: number;
}

const health = new Health();
health.set("down", "NOT_SERVING");
const server = await health.listen(["127.0.0.1:0"], { engine: "native", requestTimeoutMs: 300 });
process.on("message", () => {
  const { connectionCount: connections } = server;
  const condition: Condition = {
    connections,
    watchers: health.watcherCount,
    rssBytes: process.memoryUsage.rss(),
  };
  process.send?.(condition);
});
process.on("disconnect", () => process.exit());
process.send?.(portOf(server));
