/**
 * Builds the image without Docker and without a registry: `npm run image`. It needs Debian with buildah, and root.
 *
 *     packages of Debian and of npm --image-base.ts--> base image --.
 *     Dockerfile, the checkout --------------------------------------+--buildah--> build/image      an OCI layout
 *                                                                            '---> build/image.tar  for docker load, podman load
 *
 * `docker build .` does the same, with an image of Node as the base. There are two files, since OCI's format has no health
 * check, and Docker's has. SOURCE_DATE_EPOCH is the time of the image and of its files; default: that of the commit.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeBase } from "./image-base.js";

const TOP = fileURLToPath(new URL("..", import.meta.url));

/** The settings of npm that this user has, such as another registry. */
const NPM_SETTINGS = join(homedir(), ".npmrc");

const BASE = "localhost/healthbridge-base";

const { version: VERSION }: { version: string } = JSON.parse(readFileSync(join(TOP, "package.json"), "utf8"));

/** The name of the image. */
export const IMAGE = `localhost/healthbridge:${VERSION}`;

export interface ImageOptions {
  /** Where the image is written: `image` and `image.tar`. */
  readonly out: string;
  /** A folder that `writeBase` has filled. */
  readonly base: string;
}

/** Builds the image, in a storage that is removed again. */
export function buildImage({ out, base }: ImageOptions): void {
  const storage = mkdtempSync(join(tmpdir(), "healthbridge-image-"));
  // vfs copies each layer, but it mounts nothing
  const place = [`--root=${storage}/root`, `--runroot=${storage}/run`, "--storage-driver=vfs"];
  const buildah = (...args: readonly string[]) => output("buildah", ...place, ...args);
  const time = process.env.SOURCE_DATE_EPOCH ?? ofCommit("%ct");
  mkdirSync(out, { recursive: true });
  for (const each of ["image", "image.tar"]) rmSync(join(out, each), { recursive: true, force: true });
  try {
    buildah("bud", "--quiet", `--tag=${BASE}`, base);
    buildah(
      ...["bud", "--quiet", "--isolation=chroot", "--format=docker", `--tag=${IMAGE}`],
      ...[`--build-arg=NODE_IMAGE=${BASE}`, `--build-arg=REVISION=${ofCommit("%H")}`],
      ...(time === "" ? [] : [`--timestamp=${time}`]),
      ...(existsSync(NPM_SETTINGS) ? [`--secret=id=npmrc,src=${NPM_SETTINGS}`] : []),
      TOP,
    );
    buildah("push", "--quiet", "--format=oci", IMAGE, `oci:${join(out, "image")}:${VERSION}`);
    buildah("push", "--quiet", IMAGE, `docker-archive:${join(out, "image.tar")}:${IMAGE}`);
  } finally {
    rmSync(storage, { recursive: true });
  }
}

/** What git says of the checkout; nothing where it is none. */
function ofCommit(format: string): string {
  return existsSync(join(TOP, ".git")) ? output("git", "log", "-1", `--format=${format}`) : "";
}

function output(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { cwd: TOP, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
}

/** The sizes of an image: of its files, and of what a registry stores. */
export function imageSizes(out: string): { readonly bytes: number; readonly compressedBytes: number } {
  const blobs = join(out, "image/blobs/sha256");
  const sizes = readdirSync(blobs).map((name) => statSync(join(blobs, name)).size);
  return { bytes: statSync(join(out, "image.tar")).size, compressedBytes: sizes.reduce((sum, size) => sum + size, 0) };
}

if (process.argv[1] === import.meta.filename) {
  const [out, base] = [join(TOP, "build"), mkdtempSync(join(tmpdir(), "healthbridge-base-"))];
  try {
    writeBase(base);
    buildImage({ out, base });
  } finally {
    rmSync(base, { recursive: true });
  }
  const { bytes, compressedBytes } = imageSizes(out);
  const [size, compressed] = [bytes, compressedBytes].map((each) => `${(each / 1_000_000).toFixed(0)} MB`);
  process.stdout.write(`build/image, build/image.tar: ${IMAGE}, ${size}, compressed ${compressed}\n`);
}
