/** The goals, with the measured figures. */
import { OURS } from "../measuring/builds.js";
import { rounded } from "../measuring/figures.js";
import type { Goal } from "../measuring/report.js";
import { REFERENCE } from "./contenders.js";
import { figureOf, type Result } from "./turns.js";

/** The results of all contenders, by measurement. */
export interface Measured {
  readonly checks: readonly Result[];
  readonly watches: readonly Result[];
  readonly manyWatchers: readonly Result[];
  readonly starts: readonly Result[];
}

const NOT_MEASURED = "not measured";

/** All goals. A goal without a figure is not reached. */
export function goalsOf({ checks, watches, manyWatchers, starts }: Measured): readonly Goal[] {
  const check = (figure: string) => figureOf(checks, OURS, figure);
  const watch = (figure: string) => figureOf(watches, OURS, figure);
  const reference = (figure: string) => figureOf(checks, REFERENCE, figure);
  const rss = Math.max(...["one", "probers", "many"].map((shape) => check(`${shape}.rssMb`)));
  const late = figureOf(starts, OURS, "firstAnswerMs") - figureOf(starts, OURS, "nodeMs");
  const shareOfReference = watch("fourThousand.changeMs") / figureOf(watches, REFERENCE, "fourThousand.changeMs");
  const manyMs = figureOf(manyWatchers, OURS, "changeMs");
  const blockMs = figureOf(manyWatchers, OURS, "longestBlockMs");
  return [
    faster(checks, "probers", "grpc-js", 8),
    faster(checks, "probers", REFERENCE, 2),
    faster(checks, "probers", "tonic", 1.3),
    faster(checks, "probers", "cpp", 1.3),
    faster(checks, "probers", "nghttpd", 0.8),
    faster(checks, "many", REFERENCE, 2),
    atMost("p99 at half of its own rate: grpc-go's", check("ownHalf.p99Us"), reference("ownHalf.p99Us"), "us"),
    atMost("p99 at half of grpc-go's rate: grpc-go's", check("markHalf.p99Us"), reference("markHalf.p99Us"), "us"),
    atMost("RSS under load", rss, 70, "MB"),
    atMost("memory of a watcher with its own connection", watch("fourThousand.rssKb"), 6, "KB"),
    atMost("time until 4,000 watchers have a change, relative to grpc-go", shareOfReference, 0.5, "x"),
    {
      goal: "50,000 watchers on 500 connections",
      measured: Number.isNaN(manyMs) ? NOT_MEASURED : `a change in ${rounded(manyMs)} ms`,
      met: manyMs > 0,
    },
    atMost("longest time that the event loop is blocked there", blockMs, 20, "ms"),
    atMost("first answer of `serve` after `node -e 0`", late, 60, "ms"),
  ];
}

function faster(checks: readonly Result[], shape: string, contender: string, times: number): Goal {
  const ratio = (figure: string) => figureOf(checks, OURS, figure) / figureOf(checks, contender, figure);
  // the ratio of the CPU times is the goal: the rate also depends on h2load and on other programs on the machine
  const reached = 1 / ratio(`${shape}.cpuMicros`);
  const byRate = ratio(`${shape}.perSecond`);
  return {
    goal: `${shape === "many" ? "c=10 m=100" : "c=50 m=1"}: ${times} x ${contender}`,
    measured: Number.isNaN(reached) ? NOT_MEASURED : `${rounded(reached)} x by CPU, ${rounded(byRate)} x by rate`,
    met: reached >= times,
  };
}

function atMost(goal: string, found: number, most: number, unit: string): Goal {
  const measured = Number.isNaN(found) ? NOT_MEASURED : `${rounded(found)} ${unit}`;
  return {
    goal: `${goal}${Number.isNaN(most) ? "" : ` (at most ${rounded(most)} ${unit})`}`,
    measured,
    met: found <= most,
  };
}
