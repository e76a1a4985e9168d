/** The bench `serving`: the cost of answers, compared with other servers. */
import { Target } from "../../test/interop/peers.js";
import { pinBench } from "../measuring/cores.js";
import type { Bench, BenchDeps, Report } from "../measuring/report.js";
import { compareChecks } from "./checks.js";
import { Client } from "./client.js";
import { CONTENDERS } from "./contenders.js";
import { goalsOf, type Measured } from "./goals.js";
import { withServer } from "./server.js";
import { compareStarts } from "./start.js";
import { reportText } from "./tables.js";
import { type Ready, reasonOf } from "./turns.js";
import { compareWatches, measureManyWatchers } from "./watch.js";

/** The row of `BENCHES`. */
export const benchServing: Bench = {
  about: "Check, Watch, memory and start beside grpc-js, grpc-go, tonic, gRPC C++ and nghttpd (npm run build first)",
  run,
};

async function run(deps: BenchDeps): Promise<Report> {
  const target = await Target.start();
  try {
    return await compare(deps, target.url);
  } finally {
    target.stop();
  }
}

async function compare(deps: BenchDeps, targetUrl: string): Promise<Report> {
  const leftOut: string[] = [];
  const orLeftOut = async <Made>(name: string, make: () => Promise<Made>): Promise<Made | undefined> => {
    deps.say(`building ${name}`);
    try {
      return await make();
    } catch (error) {
      leftOut.push(`${name}: ${reasonOf(error)}`);
      return undefined;
    }
  };
  const chosen = choose(deps.only);
  const client = await orLeftOut("the client for latency and Watch", () => Client.build());
  const contenders: Ready[] = [];
  for (const { name, prepare } of chosen) {
    const ready = await orLeftOut(name, async () => tried({ name, ...(await prepare(targetUrl)) }));
    if (ready !== undefined) contenders.push(ready);
  }
  pinBench(); // not before: a build uses both cores
  const measured: Measured = {
    checks: await compareChecks(contenders, client, deps),
    watches: client === undefined ? [] : await compareWatches(contenders, client, deps),
    manyWatchers: client === undefined ? [] : await measureManyWatchers(contenders, client, deps),
    starts: await compareStarts(contenders, deps),
  };
  const goals = goalsOf(measured);
  return { text: reportText(measured, leftOut, goals), figures: { goals, leftOut, ...measured } };
}

function choose(only: readonly string[]) {
  const names = CONTENDERS.map(({ name }) => name);
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`unknown contender ${unknown.join(", ")}; known: ${names.join(", ")}`);
  return CONTENDERS.filter(({ name }) => only.length === 0 || only.includes(name));
}

/** A contender that does not serve at all is reported before the rounds. */
async function tried(contender: Ready): Promise<Ready> {
  for (const command of [contender.check, contender.watch]) {
    if (command !== undefined) await withServer(command, contender.answer, async () => {});
  }
  return contender;
}
