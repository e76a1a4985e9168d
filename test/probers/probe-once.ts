/** Looks at the targets in its arguments and prints what was found: a process of its own, to trust a CA of its own. */
import { openTarget } from "../../src/probers/schemes.js";
import { look } from "./looking.js";

for (const target of process.argv.slice(2)) {
  const prober = openTarget(target);
  const { outcome, reason, detail, certificateEndsAt } = await look(prober);
  console.log(JSON.stringify({ outcome, reason, detail, certificateEndsAt }));
  await prober.close();
}
