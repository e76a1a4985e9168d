/** Probes the target in its argument once, closes the prober, and writes when that was. Nothing else keeps it alive. */
import { openTarget } from "../../src/probers/schemes.js";
import { verdict } from "./probing.js";

const prober = openTarget(process.argv[2] ?? "");
const result = await verdict(prober);
prober.close();
const closedAt = performance.now();
process.on("exit", () => process.stdout.write(JSON.stringify([result, performance.now() - closedAt])));
