/**
 * One command for each proof: `npm run proof -- AREA`; without an area it lists them. Exit code 1: the proof failed.
 */
import { readArguments } from "./arguments.js";
import { PROOFS } from "./proofs.js";

const { area, args } = readArguments(process.argv.slice(2));
const proof = area === undefined || !Object.hasOwn(PROOFS, area) ? undefined : PROOFS[area];
if (proof === undefined) {
  if (area !== undefined) process.stderr.write(`unknown area ${area}\n`);
  for (const [name, { proves, takes }] of Object.entries(PROOFS))
    process.stdout.write(`${name.padEnd(13)} ${proves}\n${" ".repeat(14)}${takes}\n`);
  process.exitCode = area === undefined ? 0 : 2;
} else {
  const ok = await proof.run(args);
  process.exit(ok ? 0 : 1); // a child or a timer may be left
}
