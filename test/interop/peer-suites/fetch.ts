/** Fetches the tests of other implementations, and kubelet's probers, from the package registries. Each stays in the cache. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { digestOf, once, run } from "../install.js";

/** Where Debian and Ubuntu name their own servers. */
const APT_SOURCES = [
  "/etc/apt/sources.list",
  ...["debian", "ubuntu"].map((name) => `/etc/apt/sources.list.d/${name}.sources`),
];

/** Tests of a Go module: `folder` of the module, as `change` leaves it, compiled. `key`: the files that decide the change. */
interface GoTests {
  readonly module: string;
  readonly version: string;
  readonly folder: string;
  readonly key: readonly string[];
  readonly change: (folder: string) => void;
}

/** The program of a module's own tests. It runs inside a copy of the module, as those that import internal packages must. */
export function goTests({ module, version, folder, key, change }: GoTests): string {
  const name = `${module.replaceAll("/", "-")}-${version}-tests-${digestOf(key)}`;
  const target = once(
    name,
    (part) => {
      const found = execFileSync("go", ["mod", "download", "-json", `${module}@${version}`], { encoding: "utf8" });
      const copy = join(part, "module");
      run("cp", ["-r", "--no-preserve=mode", JSON.parse(found).Dir, copy]);
      change(join(copy, folder));
      run("go", ["test", "-c", "-o", join(part, "tests"), `./${folder}`], { cwd: copy });
    },
    false,
  );
  return join(target, "tests");
}

/**
 * A folder of the upstream sources of a Debian package: those of the release that this machine has. Nothing is installed, and
 * the machine's own lists of packages stay as they are.
 */
export function debianSource(packageName: string, folder: string): string {
  const key = digestOf(APT_SOURCES.filter((file) => existsSync(file)));
  const target = once(`debian-source-${packageName}-${folder.replaceAll("/", "-")}-${key}`, (part) => {
    for (const each of ["lists/partial", "cache/archives/partial", "sources"])
      mkdirSync(join(part, each), { recursive: true });
    for (const file of APT_SOURCES.filter((each) => existsSync(each))) {
      const text = readFileSync(file, "utf8").replaceAll(/^(Types: *deb|deb)(?= |$)/gm, "$1-src");
      writeFileSync(join(part, "sources", basename(file)), text);
    }
    const places = [`Dir::State::Lists=${part}/lists`, `Dir::Cache=${part}/cache`, "APT::Sandbox::User=root"];
    const sources = ["Dir::Etc::SourceList=/dev/null", `Dir::Etc::SourceParts=${part}/sources`];
    const options = [...places, ...sources].flatMap((each) => ["-o", each]);
    run("apt-get", [...options, "update", "--quiet=2"]);
    run("apt-get", [...options, "source", "--quiet=2", "--download-only", packageName], { cwd: part });
    const archive = readdirSync(part).find((file) => /\.orig\.tar\.\w+$/.test(file)) ?? "";
    run("tar", ["-xf", archive, "--strip-components=1", "--wildcards", `*/${folder}/*`], { cwd: part });
    for (const each of ["lists", "cache", "sources", archive]) rmSync(join(part, each), { recursive: true });
  });
  return join(target, folder);
}

/** The probers of kubelet, as a program of a module of ours, which pins Kubernetes. */
export function kubelet(): string {
  const source = fileURLToPath(new URL("kubelet", import.meta.url));
  const key = digestOf(["main.go", "go.mod", "go.sum"].map((file) => join(source, file)));
  const folder = once(`kubelet-${key}`, (target) => {
    run("go", ["build", "-o", join(target, "kubelet"), "."], { cwd: source });
  });
  return join(folder, "kubelet");
}
