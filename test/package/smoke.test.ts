/** The smoke suite on the build of this checkout; test/interop/packages has it on each installation. */
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { InstalledPrograms } from "../support/smoke/installed-programs.js";
import { smokeRows } from "../support/smoke/smoke.js";

const FILES = { healthbridge: "main.cjs", "grpc-health-probe": "grpc-health-probe.cjs" } as const;

const checkout = new InstalledPrograms({
  name: "checkout",
  command: (program) => [process.execPath, fileURLToPath(new URL(`../../dist/cli/${FILES[program]}`, import.meta.url))],
});

describe("the build of this checkout", () => smokeRows(() => checkout));
