/**
 * Builds the other contenders from the sources in `bench/peers`: each once, into the user's cache, under a digest of its
 * sources. A fresh checkout, such as that of CI, finds what another one has built.
 */
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { debian, digestOf, once, run } from "../../test/interop/install.js";

const PEERS = fileURLToPath(new URL("../peers/", import.meta.url));

/** The path of a source file of a peer. */
export const peerSource = (path: string): string => join(PEERS, path);

/** A program in Go. */
export function goProgram(peer: string): string {
  const folder = build(peer, (target) => run("go", ["-C", peerSource(peer), "build", "-o", join(target, peer), "."]));
  return join(folder, peer);
}

/** A program in Rust, as a release build of cargo. */
export function rustProgram(peer: string): string {
  const folder = build(peer, (target) => {
    const work = join(target, "work");
    const options = ["--quiet", "--locked", "--no-track", "--target-dir", work];
    run("cargo", ["install", ...options, "--path", peerSource(peer), "--root", target]);
    rmSync(work, { recursive: true });
  });
  return join(folder, "bin", `${peer}-peer`);
}

/** A program in C++, with the gRPC of Debian. */
export function cppProgram(peer: string): string {
  debian("grpcpp.h", "libgrpc++-dev", "/usr/include/grpcpp");
  // Abseil is inlined from the headers of gRPC, so it must be linked as well
  const libraries = ["-Wl,--copy-dt-needed-entries", "-lgrpc++", "-lgrpc", "-lgpr"];
  const source = peerSource(`${peer}/server.cc`);
  const folder = build(peer, (target) => run("g++", ["-O2", "-o", join(target, peer), source, ...libraries]));
  return join(folder, peer);
}

function build(peer: string, make: (target: string) => void): string {
  const source = peerSource(peer);
  const files = readdirSync(source, { recursive: true, encoding: "utf8" })
    .sort()
    .map((file) => join(source, file))
    .filter((path) => statSync(path).isFile());
  return once(`bench-${peer}-${digestOf(files)}`, make);
}
