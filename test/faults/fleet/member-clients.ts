/**
 * Clients of one member, in a process of their own: Checks over four connections, and Watches. They send by the time, and a
 * slow answer does not slow them down.
 *
 *     node member-clients.ts ADDRESS CHECKS-A-SECOND WATCHES SERVICE,SERVICE,...
 *
 * Commands come as lines on stdin. Each is answered by a line of JSON on stdout.
 *
 *     begin        the member has started, as an orchestrator sees it, and the load begins
 *     mark         the answers so far, and the time in which this thread has waited for a processor
 *     drains MS    the member is told to end: from now on it may tell NOT_SERVING, and after MS milliseconds it may refuse calls
 *     end          the load ends
 */
import { createInterface } from "node:readline";
import { eventually, inTime } from "../../support/eventually.js";
import { GrpcPeer, type OpenWatch } from "../../support/grpc-peer.js";
import { waitedMs } from "../../support/waited.js";

const [address = "", rate = "", watchCount = "", names = ""] = process.argv.slice(2);
const services = names.split(",");
const checksPerSecond = Number(rate);

const CLIENTS = 4;
const TICK_MS = 10;
/** Open calls: those of two seconds. A member that answers more slowly gets fewer. */
const MAX_OPEN = 2 * checksPerSecond;
const [SERVING, NOT_SERVING] = [1, 2];

/** What is told of faults. One of a kind is enough. */
const MAX_TOLD = 20;

const peers = Array.from({ length: CLIENTS }, () => new GrpcPeer(`http://${address}`));
const open = new Set<Promise<void>>();
const wrong: string[] = [];
const failed: string[] = [];
let answers = 0;
let watches: readonly { readonly service: string; readonly watch: OpenWatch }[] = [];
let timer: NodeJS.Timeout | undefined;
let isDraining = false;
/** Monotonic time: what ends later may fail. */
let drainedAt = Number.POSITIVE_INFINITY;

function peerOf(index: number): GrpcPeer {
  const peer = peers[index % CLIENTS];
  if (peer === undefined) throw new Error("there are no clients");
  return peer;
}

/** All targets are healthy. @param isLater whether SERVING was told before */
function isTrue(status: number, isLater = true): boolean {
  return status === SERVING || (isDraining && isLater && status === NOT_SERVING);
}

function fails(what: string): void {
  if (performance.now() < drainedAt) failed.push(what);
}

function send(index: number): void {
  if (performance.now() >= drainedAt) return;
  const service = services[index % services.length] ?? "";
  const call = peerOf(index)
    .check(service)
    .then(({ code, status, end }) => {
      answers += 1;
      if (code !== 0) fails(`Check of ${service}: code ${code}, RST ${end.rstCode}`);
      else if (!isTrue(status)) wrong.push(`Check of ${service}: ${status}`);
    })
    .catch((error: unknown) => fails(`Check of ${service}: ${error}`)); // the connection is closed
  open.add(call);
  void call.then(() => open.delete(call));
}

function judgeWatches(): void {
  for (const { service, watch } of watches)
    if (!watch.statuses.every((status, index) => isTrue(status, index > 0)))
      wrong.push(`Watch of ${service}: ${watch.statuses}`);
}

async function begin(): Promise<void> {
  await eventually(async () => (await peerOf(0).check("startup")).status === SERVING, "the member has started");
  const beganAt = performance.now();
  let due = 0;
  timer = setInterval(() => {
    const dueNow = ((performance.now() - beganAt) * checksPerSecond) / 1_000;
    for (; due < dueNow; due += 1) if (open.size < MAX_OPEN) send(due);
  }, TICK_MS);
  watches = Array.from({ length: Number(watchCount) }, (_, index) => {
    const service = services[index % services.length] ?? "";
    const watch = peerOf(index).watch(service);
    watch.stream.once("close", () => fails(`Watch of ${service} ended`));
    return { service, watch };
  });
}

async function end(): Promise<object> {
  clearInterval(timer);
  await inTime(Promise.all(open), "the open calls end");
  judgeWatches();
  drainedAt = 0;
  for (const peer of peers) peer.close();
  const watched = watches.filter(({ watch }) => watch.statuses[0] === SERVING).length;
  return { answers, watched, wrong: wrong.slice(0, MAX_TOLD), failed: failed.slice(0, MAX_TOLD) };
}

async function answerTo(line: string): Promise<object> {
  const [command, value] = line.split(" ");
  if (command === "begin") await begin();
  if (command === "drains") {
    judgeWatches();
    isDraining = true;
    drainedAt = performance.now() + Number(value);
  }
  if (command === "end") return end();
  return { answers, at: performance.now(), waitedMs: waitedMs() };
}

createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const answer = await answerTo(line).catch((error: unknown) => ({ error: `${error}` }));
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  })
  .on("close", () => process.exit());
