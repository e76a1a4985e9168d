/**
 * A grpc-js client that asks for health and for reflection on one channel, and prints how that went:
 * `mixed-channel.ts ADDRESS PART [CA]`, over TLS when there is a file of authorities.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Client, credentials } from "@grpc/grpc-js";
import { HEALTH, request } from "../../support/grpc-peer.js";

const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/** Asks for the list of services. */
const LIST_SERVICES = Buffer.from([0x3a, 0]);

const SERVING = "0801";

const [address = "", part = "", authorities] = process.argv.slice(2);
const security =
  authorities === undefined ? credentials.createInsecure() : credentials.createSsl(readFileSync(authorities));
const client = new Client(address, security);

const asIs = (bytes: Buffer): Buffer => bytes;
const within = (seconds: number) => ({ deadline: Date.now() + seconds * 1_000 });

async function check(): Promise<void> {
  const answer = await new Promise<Buffer | undefined>((resolve, reject) => {
    client.makeUnaryRequest(`${HEALTH}/Check`, asIs, asIs, request("up"), within(20), (error, message) =>
      error === null ? resolve(message) : reject(error),
    );
  });
  assert.equal(answer?.toString("hex"), SERVING);
}

async function reflect(): Promise<void> {
  const answers: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    const stream = client.makeBidiStreamRequest(REFLECTION, asIs, asIs, within(20));
    stream.on("data", (message) => answers.push(message));
    stream.once("error", reject).once("end", resolve);
    stream.end(LIST_SERVICES);
  });
  assert.ok(answers[0]?.includes("grpc.health.v1.Health"), "the services are listed");
}

async function mixed(): Promise<void> {
  const calls = Array.from({ length: 220 }, (_, index) => ({ ask: index < 20 ? reflect : check, at: Math.random() }));
  await Promise.all(calls.sort((one, other) => one.at - other.at).map(({ ask }) => ask()));
}

/** Watches while another method is called, until the change that the test makes is seen. */
async function watch(): Promise<void> {
  const stream = client.makeServerStreamRequest(`${HEALTH}/Watch`, asIs, asIs, request("changing"), within(60));
  let isReported = false;
  try {
    for await (const answer of stream) {
      if (answer.toString("hex") === SERVING) return;
      if (isReported) continue;
      await reflect();
      console.log("watching");
      isReported = true;
    }
    throw new Error("the Watch ended");
  } finally {
    // to stop reading is not to cancel; the error of our own cancellation has no listener any more
    stream.on("error", () => {}).cancel();
  }
}

const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  "health-first": () => check().then(reflect).then(check),
  "reflection-first": () => reflect().then(check),
  mixed,
  watch,
};

try {
  assert.ok(PARTS[part], `no part ${part}`);
  await PARTS[part]();
  console.log("ok");
} catch (error) {
  console.log(String(error));
} finally {
  client.close();
}
