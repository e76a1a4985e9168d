/** Programs of tests that listen, and say so with a line `port N`. */
import { type ChildProcess, spawn } from "node:child_process";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "./eventually.js";
import { notOutlive } from "./not-outlive.js";

/** A program that listens. */
export interface ListeningProgram {
  readonly child: ChildProcess;
  readonly port: number;
  /** What it has written so far. */
  output(): string;
}

/** Starts a program in TypeScript; the end of the test ends it. */
export async function startProgram(t: TestContext, file: URL, ...args: string[]): Promise<ListeningProgram> {
  const words = ["--import", "tsx", fileURLToPath(file), ...args];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
  notOutlive(child, () => child.kill("SIGKILL"));
  t.after(() => void child.kill("SIGKILL"));
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  await eventually(() => /port \d+\n/.test(output), "the program listens");
  return { child, port: Number(/port (\d+)/.exec(output)?.[1]), output: () => output };
}
