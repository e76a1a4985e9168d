/**
 * Ours through the library's public door: `node server.js PORT ENGINE [loop]`, `a.B` is SERVING, SIGUSR2 turns it over.
 *
 * With `loop` each signal first prints how long the event loop stood still at most, in milliseconds, since the one before.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Health } from "../../../dist/index.js";

const [, , port, engine, measured] = process.argv;

// its timer has a resolution of 1 ms, which is no standing still; running it costs, so only on request
const loop = measured === "loop" ? monitorEventLoopDelay({ resolution: 1 }) : undefined;
loop?.enable();

let status = "SERVING";
const health = new Health();
health.set("a.B", status);
process.on("SIGUSR2", () => {
  if (loop !== undefined) process.stdout.write(`${(loop.max / 1e6).toFixed(1)}\n`);
  loop?.reset();
  status = status === "SERVING" ? "NOT_SERVING" : "SERVING";
  health.set("a.B", status);
});
await health.listen([`127.0.0.1:${port}`], { engine });
