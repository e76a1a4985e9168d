/**
 * healthbridge as a library: `node server.js PORT ENGINE [loop]`. `a.B` is SERVING; SIGUSR2 toggles it.
 *
 * With `loop`, each signal first prints the longest time that the event loop was blocked since the last one, in ms.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Health } from "../../../dist/index.js";

const [, , port, engine, measured] = process.argv;

// its timer has a resolution of 1 ms, which is not a block; it costs CPU time, so it runs only on request
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
