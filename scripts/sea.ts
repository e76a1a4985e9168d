/**
 * Builds the single executable: `npm run sea [-- --arch arm64]`. It needs `dist/`, and no other Node to run.
 *
 *     dist/cli/*.cjs, dist/third-party/*.cjs --+
 *     packages.cjs  <-- scripts/sea/packages --+-- node: one blob --postject--> a copy of Node's program
 *     loader.cjs    <-- scripts/sea/loader ----+                                build/healthbridge
 *
 * The executable of another architecture gets its name: `build/healthbridge-arm64`. There is neither a snapshot nor a code
 * cache in it, which only the same architecture can make. `build/LICENSES.txt` has the licences of all that is in it.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { licencesOf } from "./licences.js";
import { ARCHS, type Arch, BUILD, isArch, NODE_VERSION, nodeFolder, ownArch } from "./node-binary.js";
import { bundlePackages } from "./sea/packages.js";

const root = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Node's name of the blob, and the mark that says whether there is one. */
const RESOURCE = "NODE_SEA_BLOB";
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

/** What the blob is made of. */
interface Parts {
  readonly main: string;
  /** Paths by the names under which the loader finds them. */
  readonly assets: Readonly<Record<string, string>>;
  readonly licences: string;
}

/** Builds the executable. Returns its path. */
export async function buildExecutable(arch: Arch = ownArch()): Promise<string> {
  mkdirSync(BUILD, { recursive: true });
  const folder = mkdtempSync(join(BUILD, "sea-"));
  try {
    const parts = await partsIn(folder);
    const node = nodeFolder(arch);
    const program = join(folder, "healthbridge");
    copyFileSync(join(node, "node"), program);
    chmodSync(program, 0o755);
    inject(blobOf(parts, folder), program);
    const output = join(BUILD, arch === ownArch() ? "healthbridge" : `healthbridge-${arch}`);
    renameSync(program, output); // a running executable keeps its own file
    const texts = [readFileSync(root("LICENSE"), "utf8"), parts.licences, readFileSync(join(node, "LICENSE"), "utf8")];
    writeFileSync(join(BUILD, "LICENSES.txt"), texts.join(`\n${"=".repeat(80)}\n\n`));
    return output;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function partsIn(folder: string): Promise<Parts> {
  const [main, packages] = [join(folder, "loader.cjs"), join(folder, "packages.cjs")];
  const options = { bundle: true, platform: "node", target: "node24", format: "cjs", logLevel: "warning" } as const;
  await build({ ...options, entryPoints: [root("scripts/sea/loader.ts")], outfile: main });
  const licences = licencesOf(await bundlePackages(packages));
  const assets: Record<string, string> = { "package.json": root("package.json") };
  for (const path of [main, packages]) assets[basename(path)] = path;
  for (const name of ["cli", "third-party"])
    for (const file of readdirSync(root(`dist/${name}`)).filter((each) => each.endsWith(".cjs")))
      assets[`${name}/${file}`] = root(`dist/${name}/${file}`);
  return { main, assets, licences: readFileSync(root("dist/third-party/LICENSES.txt"), "utf8") + licences };
}

/** The blob. The same version of Node must write and read it. */
function blobOf({ main, assets }: Parts, folder: string): string {
  const [config, output] = [join(folder, "sea.json"), join(folder, "blob")];
  writeFileSync(config, JSON.stringify({ main, assets, output, disableExperimentalSEAWarning: true }));
  execFileSync(join(nodeFolder(ownArch()), "node"), ["--experimental-sea-config", config], { stdio: "pipe" });
  return output;
}

function inject(blob: string, program: string): void {
  const postject = root("node_modules/postject/dist/cli.js");
  execFileSync(process.execPath, [postject, program, RESOURCE, blob, "--sentinel-fuse", FUSE], { stdio: "pipe" });
}

if (process.argv[1] === import.meta.filename) {
  const { arch = process.arch } = parseArgs({ options: { arch: { type: "string" } } }).values;
  if (!isArch(arch)) throw new Error(`--arch ${arch} is not known; known: ${ARCHS.join(", ")}`);
  const path = await buildExecutable(arch);
  process.stdout.write(`${path} (Node ${NODE_VERSION}, ${arch})\n`);
}
