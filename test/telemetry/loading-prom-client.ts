/** A process that serves with metrics, and tells whether prom-client is loaded: before a scrape, and after. */
import { createRequire } from "node:module";
import { Health } from "../../src/index.js";
import { portOf } from "../support/port-of.js";

const { cache } = createRequire(import.meta.url);
const isLoaded = () => Object.keys(cache ?? {}).some((file) => file.includes("node_modules/prom-client/"));

const health = new Health({ metrics: true });
health.check("db", async () => {});
const server = await health.listen(["127.0.0.1:0"]);
const serving = isLoaded();
const { status } = await fetch(`http://127.0.0.1:${portOf(server)}/metrics`);
process.stdout.write(JSON.stringify({ serving, status, scraped: isLoaded() }));
await health.shutdown({ drainDelayMs: 0 });
