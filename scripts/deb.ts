/**
 * Builds the Debian package: `npm run deb [-- --arch arm64] [--compression NAME]`.
 *
 *     build/healthbridge, build/LICENSES.txt (npm run sea) --+
 *     deploy/systemd, scripts/deb ---------------------------+--> a folder --dpkg-deb--> build/healthbridge_VERSION_ARCH.deb
 *     man page, completions (dist/) -------------------------+
 *
 * For another architecture, build its executable first: `npm run sea -- --arch arm64`. It needs `dpkg-deb`, and no root: dpkg-deb
 * makes root the owner of every file. The times of the files are those of the last commit, or of SOURCE_DATE_EPOCH, so that the
 * same sources give the same package.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { type Arch, BUILD, ownArch } from "./node-binary.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Architectures in Debian's words, with Node's words for them. */
const ARCHITECTURES = { amd64: "x64", arm64: "arm64" } as const satisfies Readonly<Record<string, Arch>>;

type Architecture = keyof typeof ARCHITECTURES;

interface DebOptions {
  readonly architecture: Architecture;
  readonly executable: string;
  /** The licences of all that is in the executable. */
  readonly licences: string;
  /** A compression of dpkg-deb(1). */
  readonly compression: string;
  /** Where the package is written. */
  readonly folder: string;
  /** Default: that of package.json. */
  readonly version?: string | undefined;
}

/** Files that are copied as they are: [in the checkout, in the package, mode]. */
const COPIED = [
  ["deploy/systemd/healthbridge.service", "lib/systemd/system/healthbridge.service", 0o644],
  ["deploy/systemd/healthbridge.socket", "lib/systemd/system/healthbridge.socket", 0o644],
  ["deploy/systemd/healthbridge.sysusers", "usr/lib/sysusers.d/healthbridge.conf", 0o644],
  ["deploy/systemd/healthbridge.yaml", "etc/healthbridge/healthbridge.yaml", 0o644],
  ["scripts/deb/copyright", "usr/share/doc/healthbridge/copyright", 0o644],
  ["scripts/deb/lintian-overrides", "usr/share/lintian/overrides/healthbridge", 0o644],
  ["scripts/deb/postinst", "DEBIAN/postinst", 0o755],
  ["scripts/deb/prerm", "DEBIAN/prerm", 0o755],
  ["scripts/deb/postrm", "DEBIAN/postrm", 0o755],
] as const;

const COMPLETIONS = {
  bash: "usr/share/bash-completion/completions/healthbridge",
  zsh: "usr/share/zsh/vendor-completions/_healthbridge",
  fish: "usr/share/fish/vendor_completions.d/healthbridge.fish",
} as const;

const CONFFILES = ["/etc/healthbridge/healthbridge.yaml"];

const MAINTAINER = "healthbridge maintainers <maintainers@healthbridge.invalid>";

/** Builds the package. Returns its path. */
export function buildDeb(options: DebOptions): string {
  const { architecture, compression, folder, version = packageVersion() } = options;
  const scratch = mkdtempSync(join(tmpdir(), "healthbridge-deb-"));
  try {
    const target = join(folder, `healthbridge_${version}_${architecture}.deb`);
    const epoch = sourceDate();
    const root = join(scratch, "root");
    writeFiles(root, options);
    write(root, "usr/share/doc/healthbridge/changelog.gz", gzipSync(changelog(version, epoch), { level: 9 }));
    write(root, "DEBIAN/control", control({ version, architecture, kib: Math.ceil(bytesIn(root) / 1_024) }));
    write(root, "DEBIAN/conffiles", `${CONFFILES.join("\n")}\n`);
    write(root, "DEBIAN/md5sums", checksums(root));
    mkdirSync(folder, { recursive: true });
    const env = { ...process.env, SOURCE_DATE_EPOCH: String(epoch) };
    execFileSync("dpkg-deb", ["--root-owner-group", `-Z${compression}`, "--build", root, target], { env });
    return target;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function packageVersion(): string {
  return JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version;
}

function writeFiles(root: string, { executable, licences }: DebOptions): void {
  write(root, "usr/bin/healthbridge", readFileSync(executable), 0o755);
  symlinkSync("healthbridge", join(root, "usr/bin/grpc-health-probe"));
  for (const [from, to, mode] of COPIED) write(root, to, readFileSync(join(ROOT, from)), mode);
  for (const [shell, path] of Object.entries(COMPLETIONS)) write(root, path, printed(["completion", shell]));
  const manPage = gzipSync(printed(["man"]), { level: 9 });
  write(root, "usr/share/man/man1/healthbridge.1.gz", manPage);
  symlinkSync("healthbridge.1.gz", join(root, "usr/share/man/man1/grpc-health-probe.1.gz"));
  const examples = join(root, "usr/share/doc/healthbridge/examples");
  cpSync(join(ROOT, "deploy/systemd/examples"), examples, { recursive: true });
  write(root, "usr/share/doc/healthbridge/LICENSES.txt.gz", gzipSync(readFileSync(licences), { level: 9 }));
}

function write(root: string, path: string, content: string | Buffer, mode = 0o644): void {
  mkdirSync(join(root, dirname(path)), { recursive: true, mode: 0o755 });
  writeFileSync(join(root, path), content, { mode });
}

/** What the program prints: that of `dist/`, since the executable may be for another architecture. */
function printed(args: readonly string[]): string {
  return execFileSync(process.execPath, [join(ROOT, "dist/cli/main.cjs"), ...args], { encoding: "utf8" });
}

function control(fields: { readonly version: string; readonly architecture: string; readonly kib: number }): string {
  const { version, architecture, kib } = fields;
  return `Package: healthbridge
Version: ${version}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${kib}
Depends: libc6 (>= 2.28), libgcc-s1 (>= 4.2), libstdc++6 (>= 9), systemd | systemd-standalone-sysusers
Recommends: systemd
Section: net
Priority: optional
Description: health endpoint that answers gRPC and HTTP health checks
 healthbridge probes services (HTTP, gRPC, TCP, TLS, DNS, databases, Celery
 through Flower and others), and publishes their status on every address over
 grpc.health.v1 and over HTTP. Load balancers, service meshes, Kubernetes and
 grpc_health_probe read the same status.
`;
}

function changelog(version: string, epoch: number): string {
  const date = new Date(epoch * 1_000).toUTCString().replace("GMT", "+0000");
  const change = "  * CHANGELOG.md of the sources lists the changes.";
  return `healthbridge (${version}) unstable; urgency=medium\n\n${change}\n\n -- ${MAINTAINER}  ${date}\n`;
}

/** Seconds since 1970. */
function sourceDate(): number {
  const { SOURCE_DATE_EPOCH } = process.env;
  if (SOURCE_DATE_EPOCH !== undefined) return Number(SOURCE_DATE_EPOCH);
  return Number(execFileSync("git", ["log", "-1", "--format=%ct"], { cwd: ROOT, encoding: "utf8" }));
}

/** The files of the package below `folder`, without those of dpkg itself. Links are not followed. */
function filesIn(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1))
    .filter((path) => !path.startsWith("DEBIAN/"))
    .sort();
}

function bytesIn(root: string): number {
  return filesIn(root).reduce((sum, path) => sum + statSync(join(root, path)).size, 0);
}

function checksums(root: string): string {
  const lineOf = (path: string) =>
    `${createHash("md5")
      .update(readFileSync(join(root, path)))
      .digest("hex")}  ${path}\n`;
  return filesIn(root).map(lineOf).join("");
}

/** Reads the flags. @throws Error for a wrong one */
function readOptions(): DebOptions {
  const { values } = parseArgs({
    options: {
      arch: { type: "string", default: debianArchitecture() },
      compression: { type: "string", default: "gzip" },
    },
  });
  const { arch, compression } = values;
  if (!isArchitecture(arch)) throw new Error(`--arch ${arch}: expected ${Object.keys(ARCHITECTURES).join(" or ")}`);
  const name = ARCHITECTURES[arch] === ownArch() ? "healthbridge" : `healthbridge-${ARCHITECTURES[arch]}`;
  const [executable, licences] = [join(BUILD, name), join(BUILD, "LICENSES.txt")];
  return { architecture: arch, executable, licences, compression, folder: BUILD };
}

/** That of this machine, in Debian's words. */
export function debianArchitecture(): Architecture {
  return ownArch() === "x64" ? "amd64" : "arm64";
}

function isArchitecture(name: string): name is Architecture {
  return Object.hasOwn(ARCHITECTURES, name);
}

if (process.argv[1] === import.meta.filename) process.stdout.write(`${buildDeb(readOptions())}\n`);
