/** The goals, beside what was measured. */
import { rounded } from "../measuring/figures.js";
import type { Goal } from "../measuring/report.js";
import { MARK, OURS } from "./contenders.js";
import { figureOf, type Standing } from "./turns.js";

/** All that was measured, by bench. */
export interface Measured {
  readonly checks: readonly Standing[];
  readonly watches: readonly Standing[];
  readonly greatCrowd: readonly Standing[];
  readonly starts: readonly Standing[];
}

const NOT_MEASURED = "not measured";

/** Every goal. One that lacks a figure is not reached. */
export function goalsOf({ checks, watches, greatCrowd, starts }: Measured): readonly Goal[] {
  const check = (figure: string) => figureOf(checks, OURS, figure);
  const watch = (figure: string) => figureOf(watches, OURS, figure);
  const mark = (figure: string) => figureOf(checks, MARK, figure);
  const rss = Math.max(...["one", "probers", "many"].map((shape) => check(`${shape}.rssMb`)));
  const late = figureOf(starts, OURS, "firstAnswerMs") - figureOf(starts, OURS, "nodeMs");
  const shareOfMark = watch("fourThousand.changeMs") / figureOf(watches, MARK, "fourThousand.changeMs");
  const crowdMs = figureOf(greatCrowd, OURS, "changeMs");
  const blockMs = figureOf(greatCrowd, OURS, "longestBlockMs");
  return [
    faster(checks, "probers", "grpc-js", 8),
    faster(checks, "probers", MARK, 2),
    faster(checks, "probers", "tonic", 1.3),
    faster(checks, "probers", "cpp", 1.3),
    faster(checks, "probers", "nghttpd", 0.8),
    faster(checks, "many", MARK, 2),
    atMost("p99 at half of its own rate: grpc-go's", check("ownHalf.p99Us"), mark("ownHalf.p99Us"), "us"),
    atMost("p99 at half of grpc-go's rate: grpc-go's", check("markHalf.p99Us"), mark("markHalf.p99Us"), "us"),
    atMost("RSS under load", rss, 70, "MB"),
    atMost("a watcher with its own connection", watch("fourThousand.rssKb"), 6, "KB"),
    atMost("time until 4,000 have a change, to grpc-go's", shareOfMark, 0.5, "x"),
    {
      goal: "50,000 watchers on 500 connections",
      measured: Number.isNaN(crowdMs) ? NOT_MEASURED : `a change in ${rounded(crowdMs)} ms`,
      met: crowdMs > 0,
    },
    atMost("longest block of the loop there", blockMs, 20, "ms"),
    atMost("first answer of `serve` after `node -e 0`", late, 60, "ms"),
  ];
}

function faster(checks: readonly Standing[], shape: string, contender: string, times: number): Goal {
  const ratio = (figure: string) => figureOf(checks, OURS, figure) / figureOf(checks, contender, figure);
  // a core does so many as its time allows; the rate is also what h2load, and others on the machine, left of it
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
