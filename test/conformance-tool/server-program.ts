/** A server that is its own control program: `server-program.ts PORT`. It logs, and cannot remove a service. */
import { createInterface } from "node:readline";
import { Health } from "../../src/index.js";

const health = new Health();
await health.listen([`127.0.0.1:${process.argv[2]}`]);
process.stdout.write("a line of a log\n");
for await (const line of createInterface(process.stdin)) {
  const [verb, service = "", status = ""] = line.split(" ");
  if (verb === "clear") process.stdout.write("no services stay here\n");
  else {
    health.set(service, status === "SERVING" ? "SERVING" : "NOT_SERVING");
    process.stdout.write("ok\n");
  }
}
process.exit();
