/**
 * The walk of a new user: docs/first-steps.md as it is, in an empty Debian, timed.
 *
 *     debootstrap --> a root with git, Python, curl and Node --> its own mounts and processes --> the script of the page
 *
 * The root reaches the package registries with the settings of this machine. Needs root, and the ports of the page.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { path } from "../docs/snippets.js";
import { debian, once, run } from "../interop/install.js";
import { walkScript } from "../interop/walk/walk.js";

/** What the page takes for granted, and what a usual Debian has. */
const PACKAGES = ["ca-certificates", "curl", "git", "python3", "sudo"];

/** Settings of apt, pip, npm and TLS. */
const SETTINGS = ["/etc/apt", "/etc/hosts", "/etc/npmrc", "/etc/pip.conf", "/etc/resolv.conf", "/etc/ssl"];

/** The promise of the page. */
const MAX_SECONDS = 600;

const ENTER = 'mount --bind /dev "$1/dev" && mount -t proc proc "$1/proc" && exec chroot "$1" bash /root/walk.sh';

/** Returns whether every command of the page succeeded, in time. */
export async function proveWalk(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-walk-"));
  const root = join(folder, "root");
  try {
    execFileSync("cp", ["--archive", emptyDebian(), root]);
    prepare(root);
    const startedAt = performance.now();
    const args = ["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh", root];
    const env = { ...process.env, HOME: "/root", PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };
    const { status } = spawnSync("unshare", args, { env, stdio: ["ignore", "inherit", "inherit"] });
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    process.stdout.write(`exit code ${status} after ${seconds} s\n`);
    return status === 0 && seconds < MAX_SECONDS;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A root that later walks copy. */
function emptyDebian(): string {
  const options = ["--variant=minbase", `--include=${PACKAGES.join(",")}`];
  return once("debian-walk", (target) => run(debian("debootstrap"), [...options, "bookworm", target]));
}

function prepare(root: string): void {
  const files = Object.values(process.env).filter((value) => value?.startsWith("/") && isFile(value));
  for (const file of [...SETTINGS, ...files]) if (file !== undefined && existsSync(file)) copy(file, root, file);
  copy(process.execPath, root, "/usr/local/bin/node");
  copy(npmFolder(), root, "/usr/local/lib/npm");
  writeFileSync(join(root, "usr/local/bin/npm"), '#!/bin/sh\nexec node /usr/local/lib/npm/bin/npm-cli.js "$@"\n', {
    mode: 0o755,
  });
  execFileSync("git", ["clone", "--quiet", "--bare", path("."), join(root, "srv/healthbridge.git")]);
  const opening = "cd\nexport REPOSITORY=/srv/healthbridge.git\nsudo apt-get update --quiet=2\n";
  writeFileSync(join(root, "root/walk.sh"), `${opening}${walkScript()}`);
}

const isFile = (file: string) => existsSync(file) && statSync(file).isFile();

function copy(from: string, root: string, to: string): void {
  mkdirSync(dirname(join(root, to)), { recursive: true });
  execFileSync("cp", [
    "--recursive",
    "--dereference",
    "--remove-destination",
    "--no-target-directory",
    from,
    join(root, to),
  ]);
}

/** The folder of npm itself. */
function npmFolder(): string {
  const program = execFileSync("which", ["npm"], { encoding: "utf8" }).trim();
  return dirname(dirname(realpathSync(program)));
}
