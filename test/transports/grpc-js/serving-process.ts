/** A process that serves with engine grpc-js, and writes its port. It ends with its standard input. */
import { Health } from "../../../src/index.js";
import { portOf } from "../../support/port-of.js";

const health = new Health();
const server = await health.listen(["127.0.0.1:0"], { engine: "grpc-js", statusCodePaths: ["/AWS.ALB/healthcheck"] });
health.set("a", "SERVING");
process.stdout.write(`${portOf(server)}\n`);
process.stdin.resume().on("end", () => process.exit(0));
