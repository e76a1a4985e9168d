/**
 * Node's own program, of which the single executable is made. It comes from the npm packages `node-linux-ARCH`, which hold
 * the binaries of nodejs.org, and is kept in `build/`.
 *
 *     npm pack --> tarball --digest as below?--> build/node-VERSION-ARCH/{node,LICENSE}
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The newest release of Node with long-term support (24, until April 2028). */
export const NODE_VERSION = "24.21.0";

/** Digests of the packages, as package-lock.json has them. */
const INTEGRITY = {
  x64: "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  arm64: "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
} as const;

/** Architectures for which there is an executable, in Node's words. */
export type Arch = keyof typeof INTEGRITY;

export const ARCHS = Object.keys(INTEGRITY);

export function isArch(name: string): name is Arch {
  return Object.hasOwn(INTEGRITY, name);
}

/** The architecture of this machine. Throws if there is no executable for it. */
export function ownArch(): Arch {
  if (!isArch(process.arch))
    throw new Error(`no executable can be built on ${process.arch}; known: ${ARCHS.join(", ")}`);
  return process.arch;
}

/** The folder of what is built; git ignores it. */
export const BUILD = fileURLToPath(new URL("../build/", import.meta.url));

/** The folder with `node` and `LICENSE`. Throws if the registry has a package of another digest. */
export function nodeFolder(arch: Arch): string {
  const folder = join(BUILD, `node-${NODE_VERSION}-${arch}`);
  if (existsSync(folder)) return folder;
  mkdirSync(BUILD, { recursive: true });
  const target = mkdtempSync(join(BUILD, "node-"));
  try {
    const name = `node-linux-${arch}@${NODE_VERSION}`;
    execFileSync("npm", ["pack", name, "--silent", "--ignore-scripts", "--pack-destination", target]);
    const tarball = join(target, readdirSync(target)[0] ?? "");
    const digest = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
    if (digest !== INTEGRITY[arch]) throw new Error(`${name}: the digest is ${digest}, expected ${INTEGRITY[arch]}`);
    const files = ["package/bin/node", "package/LICENSE"];
    execFileSync("tar", ["-xzf", tarball, "-C", target, "--transform=s,.*/,,", ...files]);
    rmSync(tarball);
    if (!existsSync(folder)) renameSync(target, folder); // another build may have been faster
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
  return folder;
}
