/** Probes the targets in its arguments and prints the results. It is a process of its own, to trust a CA of its own. */
import { openTarget } from "../../src/probers/schemes.js";
import { probe } from "./probing.js";

for (const target of process.argv.slice(2)) {
  const prober = openTarget(target);
  const { outcome, reason, detail, certificateEndsAt } = await probe(prober);
  console.log(JSON.stringify({ outcome, reason, detail, certificateEndsAt }));
  await prober.close();
}
