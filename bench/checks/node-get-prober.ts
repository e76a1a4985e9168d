/**
 * The plain way in Node, for reference: `http.get` on a timer, without thresholds, deadlines or states.
 *
 * Arguments: URL, number of checks, interval in milliseconds, `keep-alive` or `fresh`.
 */
import { Agent, get } from "node:http";

const [, , url = "", checks, interval, connection] = process.argv;
const count = Number(checks);
const intervalMs = Number(interval);

function repeat(agent: Agent): void {
  const dueAt = performance.now() + intervalMs;
  get(url, { agent }, (response) => {
    response.resume();
    response.on("end", () => setTimeout(repeat, Math.max(0, dueAt - performance.now()), agent));
  });
}

for (let place = 0; place < count; place += 1) {
  const agent = new Agent({ keepAlive: connection === "keep-alive", maxSockets: 1 });
  setTimeout(repeat, (place / count) * intervalMs, agent);
}
