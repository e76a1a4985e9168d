/**
 * A base image for a build without a registry: what the Dockerfile uses of `node:24-bookworm-slim`.
 *
 *     apt-get download: libc6, libgcc-s1, libstdc++6, busybox --.
 *     node-binary.ts: Node; npm install: npm -------------------+--> FOLDER/root: sh, node, npm;  FOLDER/Dockerfile
 *
 * Node is that of the single executable, of the major of the Dockerfile's default.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeFolder, ownArch } from "./node-binary.js";

const NPM_VERSION = "11.19.1";

/** Where the image has the certificates of this machine's authorities, if it has further ones for npm. */
const AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt";

/** Programs of the build's steps. */
const BUSYBOX = ["sh", "cat", "chmod", "chown", "cp", "env", "ln", "mkdir", "printf", "rm", "sed"];

const run = (cwd: string, program: string, ...args: readonly string[]): void => {
  execFileSync(program, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
};

/** Writes the base image, as a folder for `buildah bud`. */
export function writeBase(folder: string): void {
  const root = join(folder, "root");
  for (const each of ["bin", "lib", "lib64", "sbin"]) {
    mkdirSync(join(root, "usr", each), { recursive: true });
    symlinkSync(`usr/${each}`, join(root, each));
  }
  addDebian(root, join(folder, "debian"), ["busybox-static", "libc6", "libgcc-s1", "libstdc++6"]);
  // its licence is that of another package
  addDebian(root, join(folder, "licence"), [readlinkSync(join(root, "usr/share/doc/libgcc-s1"))]);
  for (const name of BUSYBOX) symlinkSync("busybox", join(root, "usr/bin", name));
  addNode(root);
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  const { NODE_EXTRA_CA_CERTS: authorities } = process.env;
  if (authorities !== undefined) cpSync(authorities, join(root, AUTHORITIES));
  const variable = authorities === undefined ? "" : `ENV NODE_EXTRA_CA_CERTS=${AUTHORITIES}\n`;
  writeFileSync(join(folder, "Dockerfile"), `FROM scratch\nCOPY root /\n${variable}`);
}

/** Unpacks packages of Debian: nothing is installed on this machine. */
function addDebian(root: string, folder: string, packages: readonly string[]): void {
  mkdirSync(folder, { recursive: true });
  run(folder, "apt-get", "--option=APT::Sandbox::User=root", "download", "--quiet=2", ...packages);
  for (const file of readdirSync(folder))
    run(folder, "sh", "-c", 'dpkg-deb --fsys-tarfile "$0" | tar -x --keep-directory-symlink -C "$1"', file, root);
}

/** Node and npm, where the images of Node have them. */
function addNode(root: string): void {
  const local = join(root, "usr/local");
  run(root, "npm", "install", "--global", `--prefix=${local}`, "--ignore-scripts", `npm@${NPM_VERSION}`);
  const folder = nodeFolder(ownArch());
  cpSync(join(folder, "node"), join(local, "bin/node"));
  chmodSync(join(local, "bin/node"), 0o755);
  cpSync(join(folder, "LICENSE"), join(local, "LICENSE"));
}
