/** `npm run sbom`: the list of what users get is valid CycloneDX, complete, and of allowed licences. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { npmCycloneDx } from "../npm-packages.js";
import { builtExecutable } from "./built-executable.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** The licences that scripts/licences.js allows. */
const ALLOWED = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"];

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly licenses?: readonly { readonly license: { readonly id?: string } }[];
  readonly components?: readonly Component[];
}

describe("the list of parts", () => {
  let text = "";
  let components: readonly Component[] = [];
  before(() => {
    builtExecutable(); // with Node, whose libraries are asked for
    execFileSync("npm", ["run", "--silent", "sbom"], { cwd: ROOT, timeout: 300_000 });
    text = readFileSync(join(ROOT, "build/sbom.cdx.json"), "utf8");
    components = JSON.parse(text).components;
  });

  test("is valid by the schema of CycloneDX", async () => {
    const { Spec, Validation } = npmCycloneDx();
    const error = await new Validation.JsonStrictValidator(Spec.Version.v1dot5).validate(text);
    assert.equal(error, null);
    const wrong = text.replace('"type": "library"', '"type": "book"');
    assert.notEqual(await new Validation.JsonStrictValidator(Spec.Version.v1dot5).validate(wrong), null);
  });

  test("describes this version, with each dependency and each package that the executable contains", () => {
    const { name, version, dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const { component } = JSON.parse(text).metadata;
    assert.deepEqual([component.name, component.version], [name, version]);
    const licences = readFileSync(join(ROOT, "build/LICENSES.txt"), "utf8");
    const contained = [...licences.matchAll(/^-{80}\n\n(\S+) (\S+) \(/gm)].map(([, each, at]) => `${each}@${at}`);
    assert.ok(contained.length > 20, `${contained}`);
    const listed = components.map((each) => `${each.name}@${each.version}`);
    for (const each of contained) assert.ok(listed.includes(each), `${each} is listed`);
    for (const each of Object.keys(dependencies))
      assert.ok(
        components.some((part) => part.name === each),
        each,
      );
    assert.ok(!listed.some((each) => /^(?:typescript|esbuild|tsx)@/.test(each)), "tools are not part of it");
  });

  test("names Node with the libraries that scanners look for", () => {
    const node = components.find(({ name }) => name === "node");
    assert.match(node?.version ?? "", /^\d+\.\d+\.\d+$/);
    const libraries = new Map(node?.components?.map(({ name, version }) => [name, version]));
    for (const name of ["llhttp", "nghttp2", "openssl", "uv", "v8", "zlib"]) assert.ok(libraries.get(name), name);
  });

  test("has a licence of the allowed kinds for each part, and a source for each package", () => {
    for (const { name, version, licenses, purl } of components) {
      const ids = licenses?.map(({ license }) => license.id ?? "") ?? [];
      assert.ok(ids.length > 0 && ids.every((id) => ALLOWED.includes(id)), `${name}: ${ids}`);
      assert.ok(purl?.endsWith(`@${version}`), `${name}: ${purl}`);
    }
  });
});
