/**
 * The tests of the rules in `src/checks`, in one process: what a mutant of a rule is run against (`npm run test:mutation`).
 */
import "../checks/check-engine.test.js";
import "../checks/discovery.test.js";
import "../checks/evaluate.test.js";
import "../checks/concurrency-limit.test.js";
import "../checks/freshness.test.js";
import "../checks/isolation.test.js";
import "../checks/isolation-rule.test.js";
import "../checks/policy.test.js";
import "../checks/runner.test.js";
import "../checks/runner-wake.test.js";
import "../checks/service-graph.test.js";
import "../checks/stalls.test.js";
