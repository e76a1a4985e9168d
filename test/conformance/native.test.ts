/** The conformance suite against healthbridge with the engine of our own. */
import { describe } from "node:test";
import { badInputRows } from "./bad-input.rows.js";
import { checkRows } from "./check.rows.js";
import { framesRows } from "./frames.rows.js";
import { healthbridgeOn } from "./healthbridge.js";
import { httpRows } from "./http-bridge.rows.js";
import { forcedStopRows, lifecycleRows } from "./lifecycle.rows.js";
import { listRows } from "./list.rows.js";
import { watchRows } from "./watch.rows.js";
import { wireRows } from "./wire.rows.js";

describe("conformance, engine native", { concurrency: 8 }, () => {
  for (const rows of [
    checkRows,
    watchRows,
    listRows,
    lifecycleRows,
    forcedStopRows,
    wireRows,
    httpRows,
    badInputRows,
    framesRows,
  ])
    rows(healthbridgeOn("native"));
});
