/**
 * Writes the software bill of materials (CycloneDX, JSON) to `build/sbom.cdx.json`: `npm run sbom`.
 *
 *     package-lock.json --npm sbom--> all packages --those that users get--+
 *     the process.versions of Node's program ------------------------------+--> one list
 *
 * Users get the dependencies of the npm package, what `dist/third-party` contains, and what the single executable contains:
 * packages and Node.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BUILD, NODE_VERSION, nodeFolder, ownArch } from "./node-binary.js";
import { EXECUTABLE_PACKAGES } from "./sea/packages.js";
import { THIRD_PARTY } from "./third-party.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Entries of `process.versions` that are no software: versions of interfaces and data. */
const NO_SOFTWARE = ["cldr", "modules", "napi", "node", "tz", "unicode"];

/** A part of the list; only what this file reads and writes. */
interface Component {
  readonly "bom-ref": string;
  readonly name: string;
  readonly [field: string]: unknown;
}

/** The list that npm writes. */
interface Bom {
  readonly metadata: { readonly component: Component; readonly [field: string]: unknown };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
  readonly [field: string]: unknown;
}

/** The list of what users get. */
export function bom(): Bom {
  const args = ["sbom", "--sbom-format", "cyclonedx", "--sbom-type", "application", "--package-lock-only"];
  const all = JSON.parse(execFileSync("npm", args, { cwd: ROOT, encoding: "utf8", maxBuffer: 2 ** 26 })) as Bom;
  const { name, dependencies } = readJson("package.json");
  const own = { ...all.metadata.component, name }; // npm takes the name of the folder
  const wanted = [...Object.keys(dependencies), ...THIRD_PARTY, ...EXECUTABLE_PACKAGES];
  const direct = all.components.filter((each) => wanted.includes(each.name)).map((each) => each["bom-ref"]);
  const edges = withoutPeers(all);
  const used = closureOf(direct, edges);
  const node = nodeComponent();
  return {
    ...all,
    metadata: { ...all.metadata, component: own },
    components: [...all.components.filter((each) => used.has(each["bom-ref"])), node],
    dependencies: [
      { ref: own["bom-ref"], dependsOn: [...direct, node["bom-ref"]] },
      ...edges.filter(({ ref }) => used.has(ref)),
      { ref: node["bom-ref"], dependsOn: [] },
    ],
  };
}

function readJson(name: string) {
  return JSON.parse(readFileSync(join(ROOT, name), "utf8"));
}

/** What each package depends on. A peer, such as a compiler, is not part of what users get. */
function withoutPeers({ dependencies }: Bom): Bom["dependencies"] {
  const packages: Readonly<Record<string, { version: string; peerDependencies?: object }>> =
    readJson("package-lock.json").packages;
  const peers = new Map(
    Object.entries(packages).map(([path, { version, peerDependencies = {} }]) => [
      `${path.split("node_modules/").at(-1)}@${version}`,
      Object.keys(peerDependencies).map((name) => `${name}@`),
    ]),
  );
  return dependencies.map(({ ref, dependsOn }) => ({
    ref,
    dependsOn: dependsOn.filter((each) => !peers.get(ref)?.some((name) => each.startsWith(name))),
  }));
}

/** Packages with all that they depend on. */
function closureOf(roots: readonly string[], edges: Bom["dependencies"]): ReadonlySet<string> {
  const found = new Set(roots);
  // a set that grows while it is read also has what was added
  for (const each of found) for (const name of edges.find(({ ref }) => ref === each)?.dependsOn ?? []) found.add(name);
  return found;
}

/** Node, with the libraries that are part of its program. */
function nodeComponent(): Component {
  const program = join(nodeFolder(ownArch()), "node");
  const versions = JSON.parse(
    execFileSync(program, ["--print", "JSON.stringify(process.versions)"], { encoding: "utf8" }),
  );
  const libraries = Object.entries(versions).filter(([name, version]) => version !== "" && !NO_SOFTWARE.includes(name));
  return {
    "bom-ref": `node@${NODE_VERSION}`,
    type: "platform",
    name: "node",
    version: NODE_VERSION,
    description: "Node.js, the program of which the single executable is made",
    licenses: [{ license: { id: "MIT" } }],
    cpe: `cpe:2.3:a:nodejs:node.js:${NODE_VERSION}:*:*:*:*:*:*:*`,
    purl: `pkg:generic/node@${NODE_VERSION}`,
    components: libraries.map(([name, version]) => ({
      "bom-ref": `node@${NODE_VERSION}/${name}`,
      type: "library",
      name,
      version,
    })),
  };
}

mkdirSync(BUILD, { recursive: true });
const path = join(BUILD, "sbom.cdx.json");
writeFileSync(path, `${JSON.stringify(bom(), null, 2)}\n`);
process.stdout.write(`${path}\n`);
