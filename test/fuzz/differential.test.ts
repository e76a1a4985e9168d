/** Our two engines are asked the same, and answer the same but for a written list. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Health } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { portOf } from "../support/port-of.js";
import { SeededRandom } from "../support/seeded-random.js";
import { type Answer, answersOf } from "./answers.js";
import { fuzz } from "./budget.js";
import { drawConversation } from "./conversation.js";
import { essenceOf, wantedOf } from "./wanted-differences.js";

const AT_ONCE = 8;

const servers: Health[] = [];

async function serve(engine: "native" | "grpc-js"): Promise<number> {
  const health = new Health();
  servers.push(health);
  health.set("up", "SERVING");
  health.set("down", "NOT_SERVING");
  health.set("unset", "UNKNOWN");
  return portOf(await health.listen(["127.0.0.1:0"], { engine }));
}

let native = 0;
let grpcJs = 0;

before(async () => {
  native = await serve("native");
  grpcJs = await serve("grpc-js");
});

after(async () => {
  const areGone = () => servers.every(({ watcherCount }) => watcherCount === 0);
  await eventually(areGone, "no watch is left").finally(() =>
    Promise.all(servers.map((health) => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }))),
  );
});

async function compare(seed: number): Promise<void> {
  const conversation = drawConversation(new SeededRandom(seed));
  const [ours, theirs] = await Promise.all(
    [native, grpcJs].map((port) => answersOf(port, conversation, new SeededRandom(seed))),
  );
  assert.ok(ours !== undefined && theirs !== undefined);
  assert.deepEqual([ours.goAway, theirs.goAway], [false, false], "no client gets GOAWAY");
  for (const [streamId, request] of conversation.requests) {
    const our: Answer | undefined = ours.answers.get(streamId);
    const their: Answer | undefined = theirs.answers.get(streamId);
    assert.ok(our !== undefined && their !== undefined, request.label);
    assert.deepEqual(essenceOf(our), wantedOf(request, their), request.label);
  }
}

test("both engines answer random valid requests in the same way", async () => {
  await fuzz(0.1, async (seed) => {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => compare(seed + index * 1_000_003)));
  });
});
