/** Serves with the native engine, does a Check and then asks for reflection; says before and after each whether grpc-js is loaded. */
import { createRequire } from "node:module";
import { Health } from "../../../src/index.js";
import { eventually } from "../../support/eventually.js";
import { frame, request } from "../../support/grpc-peer.js";
import { portOf } from "../../support/port-of.js";
import { callHeaders, FLAG, h2frame, headerBlock, PREFACE, RawPeer, TYPE } from "../../support/raw-http2.js";

const { cache } = createRequire(import.meta.url);
const isLoaded = () => Object.keys(cache).some((path) => path.includes("/@grpc/grpc-js/"));

const health = new Health();
const server = await health.listen(["127.0.0.1:0"], { engine: "native" });

async function ask(path: string, message: Buffer): Promise<boolean> {
  const peer = new RawPeer(portOf(server));
  const block = headerBlock(callHeaders(path));
  peer.write(PREFACE, h2frame(TYPE.SETTINGS, 0, 0), h2frame(TYPE.SETTINGS, FLAG.ACK, 0));
  peer.write(h2frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, block), h2frame(TYPE.DATA, FLAG.END_STREAM, 1, frame(message)));
  await eventually(() => peer.data(1).length > 0, "an answer");
  peer.close();
  return isLoaded();
}

const atFirst = isLoaded();
const afterCheck = await ask("/grpc.health.v1.Health/Check", request(""));
const afterReflection = await ask("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Buffer.from([0x3a, 0]));
process.stdout.write(JSON.stringify([atFirst, afterCheck, afterReflection]));
process.exit();
