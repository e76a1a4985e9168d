#!/usr/bin/env node
/**
 * The program `grpc-health-probe`: a bundle of `probe` alone, in one file. The launcher of `healthbridge` loads it for
 * `healthbridge probe`, and the file can be copied without its package.
 */
import { run } from "./probe.js";

// a process that ends before the result must not look healthy: Node would end it with 0
process.exitCode = 1;
setTimeout(() => {}, 2 ** 31 - 1);
run(process.argv.slice(2)).then((exitCode) => process.exit(exitCode), fail);

/** A fault of this program. It must not look like an answer of the server. */
function fail(error: unknown): void {
  process.stderr.write(`error: ${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
}
