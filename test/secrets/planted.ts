/** Checks that have a secret, and what programs write about them. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { notOutlive } from "../support/not-outlive.js";
import type { EchoTargets } from "./echo-targets.js";
import { SECRET_PLACES } from "./places.js";
import { SECRETS, Traces } from "./traces.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));

/** A check with a secret in a place: its entry, and the environment that the entry needs. */
export interface Planted {
  readonly label: string;
  readonly secret: string;
  readonly entry: object;
  readonly environment: Readonly<Record<string, string>>;
}

/** Every place with a third of the secrets, and every secret in a third of the places. Secrets of files are in `folder`. */
export function plantSecrets(targets: EchoTargets, folder: string): readonly Planted[] {
  return SECRETS.flatMap((secret, index) => {
    const file = join(folder, `secret-${index}`);
    writeFileSync(file, secret, { mode: 0o600 });
    const environment = {
      [`S${index}`]: secret,
      [`E${index}`]: encodeURIComponent(secret),
      [`B${index}`]: Buffer.from(secret).toString("base64"),
      [`H${index}`]: Buffer.from(secret).toString("hex"),
    };
    return SECRET_PLACES.filter((_, place) => (place + index) % 3 === 0)
      .filter(({ takes = () => true }) => takes(secret))
      .map(({ label, entry }) => ({ label, secret, entry: numbered(entry(targets), index, file), environment }));
  });
}

/** The entry with the names of one secret's variables. */
export function numbered(entry: object, index: number, file: string): object {
  const text = JSON.stringify(entry).replace(/\$\{([SEBH])\}/g, (_, name) => `\${${name}${index}}`);
  return JSON.parse(text.replaceAll("${file:F}", `\${file:${file}}`));
}

export const environmentOf = (all: readonly Planted[]) =>
  Object.assign({}, ...all.map(({ environment }) => environment)) as Readonly<Record<string, string>>;

/** Runs the program; `output` has all that it has written so far. */
export function start(args: readonly string[], environment: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  notOutlive(child, () => child.kill("SIGKILL"));
  const run = { child, output: "", isEnded: false };
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text) => {
      run.output += text;
    });
  child.on("close", () => {
    run.isEnded = true;
  });
  return run;
}

const TRACES = new Traces(SECRETS);

/** Fails for any part of a secret. */
export function assertClean(text: string, what: string): void {
  assert.deepEqual([...TRACES.in(text)].slice(0, 3), [], what);
}
