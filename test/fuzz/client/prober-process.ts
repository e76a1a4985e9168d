/**
 * Checks in a process of their own: `fork` it, send `add` and `remove`, and it sends the result of every probe.
 *
 * Each check is one of the library, with all that it has: schedule, deadline, a kept connection.
 */
import { channel } from "node:diagnostics_channel";
import { Health } from "../../../src/index.js";
import type { DialogueStep } from "../../../src/probers/options.js";

/** What the parent sends. */
export type Order =
  | {
      readonly do: "add";
      readonly name: string;
      readonly target: string;
      readonly isTls: boolean;
      readonly dialogue: readonly DialogueStep[] | undefined;
    }
  | { readonly do: "remove"; readonly name: string }
  | { readonly do: "condition" };

/** What the process sends. */
export type Report =
  | { readonly kind: "probe"; readonly check: string; readonly outcome: string; readonly latencyMs: number }
  | { readonly kind: "ignored"; readonly check: string }
  | {
      readonly kind: "condition";
      readonly faults: readonly string[];
      readonly rssBytes: number;
      readonly sockets: number;
    };

/** The deadline of a probe. */
export const TIMEOUT_MS = 400;

const health = new Health();
const faults: string[] = [];
const send = (report: Report) => void process.send?.(report);

// only healthbridge publishes on its channels
channel("healthbridge:probe").subscribe((message) => {
  const { check, outcome, latencyMs } = message as { check: string; outcome: string; latencyMs: number };
  send({ kind: "probe", check, outcome, latencyMs });
});
for (const name of ["healthbridge:prober-failed", "healthbridge:result-dropped"])
  channel(name).subscribe((message) => send({ kind: "ignored", check: (message as { check: string }).check }));
channel("healthbridge:fault").subscribe((message) => {
  const { where, error } = message as { where: string; error: unknown };
  faults.push(`${where}: ${error instanceof Error ? error.stack : String(error)}`);
});

function add({ name, target, isTls, dialogue }: Extract<Order, { do: "add" }>): void {
  const tls = isTls ? { tls: { verify: false } } : {};
  const times = { interval: TIMEOUT_MS + 50, timeout: TIMEOUT_MS, edgeInterval: 50, unhealthyInterval: 50, jitter: 0 };
  const http = /^https?:/.test(target) ? { expect: { body: "OK" }, followRedirects: "same-origin" as const } : {};
  health.check(name, target, { ...times, ...tls, ...http, dialogue, staleAfter: "10m" });
}

process.on("message", (order: Order) => {
  switch (order.do) {
    case "add":
      return add(order);
    case "remove":
      return void health.removeCheck(order.name);
    case "condition": {
      const sockets = process.getActiveResourcesInfo().filter((kind) => /^(TCP|TLS|UDP)/.test(kind)).length;
      return send({ kind: "condition", faults, rssBytes: process.memoryUsage.rss(), sockets });
    }
    default:
      order satisfies never;
  }
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
