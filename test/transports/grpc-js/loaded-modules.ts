/**
 * A process that serves with the engine of its argument, and prints which packages it has loaded: before a reflection call,
 * and after.
 */
import { createRequire } from "node:module";
import { Health } from "../../../src/index.js";
import { frame, GrpcPeer } from "../../support/grpc-peer.js";
import { portOf } from "../../support/port-of.js";

const { cache } = createRequire(import.meta.url);

/** The packages whose CommonJS modules are loaded. */
const packages = () => {
  const names = Object.keys(cache ?? {}).map((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]);
  return [...new Set(names)].filter((name) => name !== undefined).sort();
};

const imported = packages();
const health = new Health();
const engine = process.argv[2] === "grpc-js" ? "grpc-js" : "native";
const server = await health.listen(["127.0.0.1:0"], { engine });
const asking = new GrpcPeer(portOf(server));
await asking.check("");
asking.close();
const serving = packages();
const peer = new GrpcPeer(portOf(server));
// ServerReflectionRequest { list_services: "" }
const first = await peer.call(
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  frame(Buffer.from("3a00", "hex")),
);
const second = await peer.call(
  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
  frame(Buffer.from("3a00", "hex")),
);
const answers = [first, second].map(({ code, messages }) => ({
  code,
  text: messages.join("").replace(/[^\w.]+/g, " "),
}));
process.stdout.write(JSON.stringify({ imported, serving, reflecting: packages(), answers }));
peer.close();
await health.shutdown({ drainDelayMs: 0 });
