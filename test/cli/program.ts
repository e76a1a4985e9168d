/** `healthbridge` as a program that ends by itself: what it wrote, and how it ended. */
import { type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { inTime } from "../support/eventually.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program to its end. */
export function run(...args: string[]): Promise<Ended> {
  return start({}, args);
}

/** The same in a working directory. */
export function runIn(cwd: string, ...args: string[]): Promise<Ended> {
  return start({ cwd }, args);
}

/** The same with further variables. Those of this process belong to all tests that run at the same time. */
export function runWith(variables: Readonly<Record<string, string>>, ...args: string[]): Promise<Ended> {
  return start({ env: { ...process.env, ...variables } }, args);
}

async function start(options: Pick<SpawnOptions, "cwd" | "env">, args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  try {
    const [code] = await inTime(once(child, "close"), `the end of healthbridge ${args.join(" ")}`, 30_000);
    return { code, stdout, stderr };
  } finally {
    child.kill("SIGKILL");
  }
}
