/** The rows against the control; run by control.test.ts, in a process of its own. */
import { describe } from "node:test";
import { badInputRows } from "./bad-input.rows.js";
import { checkRows } from "./check.rows.js";
import { forcedStopRows } from "./lifecycle.rows.js";
import { listRows } from "./list.rows.js";
import { nodeOff } from "./node-off.js";
import { watchRows } from "./watch.rows.js";

describe("control: grpc-health-check", { concurrency: 8 }, () => {
  for (const rows of [checkRows, watchRows, listRows, forcedStopRows, badInputRows]) rows(nodeOff);
});
