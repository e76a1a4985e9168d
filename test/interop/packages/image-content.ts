/** The rows of the image about what is in it: its settings, its files, its size. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { imageSizes } from "../../../scripts/image.js";
import { debian } from "../install.js";
import { assertBound, pageForm, sizeBounds } from "./install-page.js";
import type { Podman } from "./podman.js";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const { version: VERSION }: { version: string } = JSON.parse(read("package.json"));

/** The numeric user: Kubernetes' `runAsNonRoot` cannot judge a name. */
const USER = 65532;

export interface BuiltImage {
  readonly podman: Podman;
  readonly name: string;
  /** The folder with `image` and `image.tar`. */
  readonly out: string;
}

export function contentRows(built: () => BuiltImage): void {
  test("it starts healthbridge as a user without rights, and has a health check and labels", () => {
    const { podman, name } = built();
    const [{ Config: config, Healthcheck: healthCheck }] = JSON.parse(podman.output("image", "inspect", name));
    assert.deepEqual(
      [config.Entrypoint, config.Cmd],
      [["healthbridge"], ["serve", "-c", "/etc/healthbridge/healthbridge.yaml"]],
    );
    assert.deepEqual([config.User, config.StopSignal], [`${USER}:${USER}`, "SIGTERM"]);
    assert.deepEqual(Object.keys(config.ExposedPorts), ["50051/tcp", "8080/tcp"]);
    assert.deepEqual(healthCheck.Test, ["CMD", "healthbridge", "probe", "-service=liveness"]);
    const label = (key: string) => config.Labels[`org.opencontainers.image.${key}`];
    assert.deepEqual([label("title"), label("version"), label("licenses")], ["healthbridge", VERSION, "Apache-2.0"]);
    assert.match(label("revision"), /^[0-9a-f]{40}$/);
  });

  test("it has no shell and no package manager, and only the state folder can be written to", () => {
    const { folder, files } = mounted(built());
    const programs = files.filter((file) =>
      /(?:^|\/)(?:sh|bash|dash|busybox|env|npm|npx|corepack|apt|dpkg)$/.test(file),
    );
    assert.deepEqual(programs, []);
    const elf = files.filter((file) => isElf(join(folder, file))).sort();
    assert.deepEqual(
      elf.filter((file) => !file.startsWith("lib/")),
      ["usr/local/bin/node"],
    );
    const owned = files.filter((file) => statOf(join(folder, file)).isWritable);
    assert.deepEqual(owned, ["var/lib/healthbridge"]);
  });

  test("it has every library that Node and the libraries need", () => {
    const { folder, files } = mounted(built());
    const readelf = debian("readelf", "binutils");
    for (const file of files.filter((each) => isElf(join(folder, each)))) {
      const text = execFileSync(readelf, ["--dynamic", join(folder, file)], { encoding: "utf8" });
      for (const [, library] of text.matchAll(/\(NEEDED\)\s+Shared library: \[(.*)\]/g))
        assert.ok(files.includes(`lib/${library}`), `${file} needs ${library}`);
    }
  });

  test("it has the clients of every scheme, in the versions of the lock file, with their licences", () => {
    const { folder, files } = mounted(built());
    const { packages } = JSON.parse(read("package-lock.json"));
    const modules = "usr/lib/healthbridge/node_modules";
    const manifests = files.filter((file) => new RegExp(`^${modules}/(?:@[^/]+/)?[^/]+/package\\.json$`).test(file));
    for (const name of ["@grpc/grpc-js", "grpc-health-check", "pg", "mysql2"])
      assert.ok(manifests.includes(`${modules}/${name}/package.json`), name);
    for (const file of manifests) {
      const { name, version } = JSON.parse(readFileSync(join(folder, file), "utf8"));
      assert.equal(packages[`node_modules/${name}`].version, version, name);
    }
    for (const file of ["usr/lib/healthbridge/LICENSE", "usr/share/doc/node/LICENSE", "usr/share/doc/libc6/copyright"])
      assert.ok(files.includes(file), file);
  });

  test("it is as small as docs/deploy/image.md says, and the OCI layout is the same image, complete", (t) => {
    const { out } = built();
    const { bytes, compressedBytes } = imageSizes(out);
    t.diagnostic(`${bytes / 1e6} MB, compressed ${compressedBytes / 1e6} MB`);
    const said = /^\| image \| (.*) \|$/m.exec(read("docs/deploy/image.md"))?.[1] ?? "";
    assert.ok(pageForm("image").size.startsWith(said), "docs/install.md says the same");
    const bounds = sizeBounds(said);
    assertBound(bytes, bounds.bytes, "the image");
    assertBound(compressedBytes, bounds.compressedBytes, "the compressed image");
    const layout = join(out, "image");
    const blob = (digest: string) => readFileSync(join(layout, "blobs", digest.replace(":", "/")));
    const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
    const manifest = JSON.parse(blob(manifests[0].digest).toString());
    for (const { digest } of [manifests[0], manifest.config, ...manifest.layers])
      assert.equal(`sha256:${createHash("sha256").update(blob(digest)).digest("hex")}`, digest);
    const { config } = JSON.parse(blob(manifest.config.digest).toString());
    assert.deepEqual([config.Entrypoint, config.User], [["healthbridge"], `${USER}:${USER}`]);
  });
}

/** The root of the image, and the paths in it. */
function mounted({ podman, name }: BuiltImage): { readonly folder: string; readonly files: readonly string[] } {
  const folder = podman.output("image", "mount", name);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return { folder, files: files.filter((file) => !file.startsWith("lib64/")) }; // a link to lib
}

function isElf(path: string): boolean {
  const { isFile } = statOf(path);
  return isFile && readFileSync(path).subarray(0, 4).toString("latin1") === "\x7fELF";
}

/** A file itself, not where a link points to; `isWritable`: for the user of the image. */
function statOf(path: string): { readonly isFile: boolean; readonly isWritable: boolean } {
  const stat = lstatSync(path);
  const isWritable = stat.uid === USER || stat.gid === USER || (!stat.isSymbolicLink() && (stat.mode & 0o002) !== 0);
  return { isFile: stat.isFile(), isWritable };
}
