/**
 * A client on grpc-js that finds its backends by xDS: `node --import tsx grpc-js-client.ts PACKAGES TARGET`, with the folder of
 * the packages and a target such as xds:///orders. It makes 100 calls a second and prints what the program in go-xds prints.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import type * as Grpc from "@grpc/grpc-js";

const [folder = ".", target = ""] = process.argv.slice(2);
const load = createRequire(join(folder, "package.json"));
const grpc: typeof Grpc = load("@grpc/grpc-js");
load("@grpc/grpc-js-xds").register();

const bytes = (message: Buffer) => message;
const client = new grpc.Client(target, grpc.credentials.createInsecure());

function call(): void {
  const options = { deadline: Date.now() + 1_000 };
  const answer = (error: Grpc.ServiceError | null) => {
    if (error === null) console.log("from", request.getPeer());
    else console.log("failed", grpc.status[error.code], JSON.stringify(error.details));
  };
  const request = client.makeUnaryRequest(
    "/grpc.health.v1.Health/Check",
    bytes,
    bytes,
    Buffer.alloc(0),
    options,
    answer,
  );
}

function printStates(): void {
  const channel = client.getChannel();
  const state = channel.getConnectivityState(true);
  console.log("state", grpc.connectivityState[state]);
  channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, printStates);
}

printStates();
setInterval(call, 10);
