/**
 * Certificates and addresses that change under load.
 *
 *     npm run proof -- rotation [--minutes 5] [--json]
 */
import { rotation } from "../rotation/rotation.js";
import type { Arguments } from "./arguments.js";

/** Runs the rotation with 100 targets. Returns whether there was no problem. */
export async function proveRotation({ minutes = 5, json }: Arguments): Promise<boolean> {
  const sizes = { targets: 100, durationMs: minutes * 60_000, renewMs: 30_000, maxConnectionAgeMs: 20_000 };
  const report = await rotation(sizes);
  const lines = Object.entries(report).map(
    ([what, value]) => `${what}: ${Array.isArray(value) ? value.join("\n  ") : value}`,
  );
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : `${lines.join("\n")}\n`);
  return report.problems.length === 0;
}
