/**
 * Builds the other contenders from the sources in `bench/peers`: each once, into `bench/.cache`, under a digest of its
 * sources.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { debian } from "../../test/interop/install.js";

const PEERS = fileURLToPath(new URL("../peers/", import.meta.url));
const CACHE = fileURLToPath(new URL("../.cache/", import.meta.url));

const execute = promisify(execFile);

const BUILD_TIMEOUT_MS = 10 * 60_000;

/** The path of a source file of a peer. */
export const peerSource = (path: string): string => join(PEERS, path);

/** A program in Go. */
export async function goProgram(peer: string): Promise<string> {
  const folder = await once(peer, (source, target) => ["go", ["-C", source, "build", "-o", join(target, peer), "."]]);
  return join(folder, peer);
}

/** A program in Rust, as a release build of cargo. */
export async function rustProgram(peer: string): Promise<string> {
  const work = join(CACHE, "cargo");
  const options = ["--quiet", "--locked", "--no-track", "--target-dir", work];
  const folder = await once(peer, (source, target) => [
    "cargo",
    ["install", ...options, "--path", source, "--root", target],
  ]);
  return join(folder, "bin", `${peer}-peer`);
}

/** A program in C++, with the gRPC of Debian. */
export async function cppProgram(peer: string): Promise<string> {
  debian("grpcpp.h", "libgrpc++-dev", "/usr/include/grpcpp");
  // Abseil is inlined from the headers of gRPC, so it must be linked as well
  const libraries = ["-Wl,--copy-dt-needed-entries", "-lgrpc++", "-lgrpc", "-lgpr"];
  const folder = await once(peer, (source, target) => [
    "g++",
    ["-O2", "-o", join(target, peer), join(source, "server.cc"), ...libraries],
  ]);
  return join(folder, peer);
}

type Command = readonly [program: string, args: readonly string[]];

/** The cache folder of a peer: complete, or not there. */
async function once(peer: string, build: (source: string, target: string) => Command): Promise<string> {
  const source = peerSource(peer);
  const folder = join(CACHE, `${peer}-${digestOf(source)}`);
  if (existsSync(folder)) return folder;
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  const [program, args] = build(source, part);
  await execute(program, args, { timeout: BUILD_TIMEOUT_MS });
  renameSync(part, folder);
  return folder;
}

function digestOf(folder: string): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(folder, file);
    if (statSync(path).isFile()) hash.update(file).update(readFileSync(path));
  }
  return hash.digest("hex").slice(0, 12);
}
