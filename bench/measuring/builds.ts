/** The builds of healthbridge that a bench compares. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Build {
  /** `healthbridge` for the build of this checkout. */
  readonly name: string;
  /** The folder that has `dist/`, and the packages that it needs. */
  readonly folder: string;
}

/** The name of this checkout's build: all ratios refer to it. */
export const OURS = "healthbridge";

/** The build of this checkout, and those of `BENCH_BUILDS=before=/some/folder,other=/another`. */
export const BUILDS: readonly Build[] = [
  { name: OURS, folder: fileURLToPath(new URL("../../", import.meta.url)) },
  ...(process.env.BENCH_BUILDS ?? "").split(",").flatMap((text) => {
    const [, name, folder] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    return folder === undefined ? [] : [{ name: `${OURS} (${name})`, folder }];
  }),
];

/** The command line of a build; older ones have it as an ES module. */
export function mainOf({ folder }: Build): string {
  const main = ["main.cjs", "main.js"].map((file) => join(folder, "dist/cli", file)).find((file) => existsSync(file));
  if (main === undefined) throw new Error(`run \`npm run build\` in ${folder} first`);
  return main;
}
