/** The image: built from the Dockerfile without a registry, and run by podman and runc with few rights. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { fileURLToPath } from "node:url";
import { buildImage, IMAGE } from "../../../scripts/image.js";
import { writeBase } from "../../../scripts/image-base.js";
import { smokeRows } from "../../support/smoke/smoke.js";
import { debian, digestOf, once } from "../install.js";
import { contentRows } from "./image-content.js";
import { docsRows } from "./image-docs.js";
import { ImageInstallation } from "./image-installation.js";
import { processRows } from "./image-process.js";
import { volumeRows } from "./image-volumes.js";
import { Podman } from "./podman.js";

const out = mkdtempSync(join(tmpdir(), "healthbridge-image-"));
let podman: Podman;

before(() => {
  debian("buildah");
  const sources = ["image-base.ts", "node-binary.ts"].map((name) =>
    fileURLToPath(new URL(`../../../scripts/${name}`, import.meta.url)),
  );
  buildImage({ out, base: once(`image-base-${digestOf(sources)}`, writeBase) });
  podman = new Podman(join(out, "image.tar"));
});
after(() => {
  podman?.remove();
  rmSync(out, { recursive: true });
});

describe("the image", () => contentRows(() => ({ podman, name: IMAGE, out })));

describe("docs/deploy/image.md", () => docsRows(() => podman));

describe("a container without rights, with 128 MB and a root that cannot be written to", () => {
  const image = () => new ImageInstallation(podman, IMAGE);
  smokeRows(image);
  processRows(image);
  volumeRows(image);
});
