/** The tarball holds what its users need, and nothing that they must install besides. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, posix } from "node:path";
import { after, before, describe, test } from "node:test";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { SourceFile } from "../support/source/source-file.js";
import { doorsOf, Packed, ROOT, readManifest } from "./packed.js";

/** grpc-js and its companions. */
const DEPENDENCIES = ["@grpc/grpc-js", "@grpc/proto-loader", "grpc-health-check"];
const OPTIONAL = ["@nestjs/core", "@redis/client", "mysql2", "pg"];

const LIFECYCLE = ["preinstall", "install", "postinstall", "prepare", "preprepare", "postprepare"];

/** Pages for people who change healthbridge, and pictures: they are in the repository alone. */
const CHECKOUT_ONLY =
  /^(?:docs\/images\/.*|docs\/(?:conformance|known-faults|peer-cases|proofs)\.md|bench\/README\.md|CONTRIBUTING\.md)$/;

/** Loads by `import`, `require`, or a function of createRequire, and types that are taken from a module. */
const SPECIFIER = /\b(?:require\d*|load\w*|import)\("([@.\w][\w@.:/-]*)"\)|\bfrom ?"([@.\w][\w@.:/-]*)"/g;

/** The name of the package that a specifier means; `undefined` for a file and for a module of Node. */
function packageOf(specifier: string): string | undefined {
  if (/^(?:\.|node:)/.test(specifier) || builtinModules.includes(specifier)) return undefined;
  return /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0];
}

/** The packages that the sources load or take types of, other than Node's. */
function packagesOfSources(): ReadonlySet<string> {
  const folder = join(ROOT, "src");
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
  const names = paths
    .flatMap((path) => new SourceFile(path, readFileSync(join(folder, path), "utf8")).imports)
    .flatMap(({ from }) => packageOf(from) ?? []);
  return new Set(names.filter((name) => name !== "healthbridge"));
}

/** Packages with all that they depend on, as installed here. */
function withDependencies(names: Iterable<string>, seen: Set<string> = new Set()): ReadonlySet<string> {
  for (const name of names) {
    if (seen.has(name)) continue;
    seen.add(name);
    withDependencies(Object.keys(readManifest(join(ROOT, "node_modules", name)).dependencies ?? {}), seen);
  }
  return seen;
}

describe("the tarball", () => {
  let packed: Packed;
  before(() => {
    packed = new Packed();
  });
  after(() => packed.remove());

  test("has grpc-js and its companions as dependencies, and frameworks and database clients as optional peers", () => {
    const { dependencies, peerDependencies, scripts } = readManifest(packed.installed);
    assert.deepEqual(Object.keys(dependencies ?? {}), DEPENDENCIES);
    assert.deepEqual(Object.keys(peerDependencies ?? {}), OPTIONAL);
    assert.deepEqual(
      Object.keys(scripts ?? {}).filter((name) => LIFECYCLE.includes(name)),
      [],
      "nothing runs when it is installed",
    );
  });

  test("imports no package but these", () => {
    const allowed = [...DEPENDENCIES, ...OPTIONAL, "healthbridge"];
    const code = packed.files().filter((path) => /\.(?:c?js|d\.ts)$/.test(path));
    assert.ok(code.length > 20);
    for (const path of code) {
      const specifiers = [...packed.read(path).matchAll(SPECIFIER)].map(([, call, from]) => call ?? from ?? "");
      for (const specifier of specifiers) {
        const name = packageOf(specifier);
        assert.ok(name === undefined || allowed.includes(name), `${path} imports ${specifier}`);
        // the declarations of an optional peer are not installed
        if (path.endsWith(".d.ts")) assert.ok(name === undefined || !OPTIONAL.includes(name), `${path}: ${specifier}`);
      }
    }
  });

  test("has the version and the licence of each package that it contains", () => {
    const text = packed.read("dist/third-party/LICENSES.txt");
    const bundled = [...packagesOfSources()].filter((name) => ![...DEPENDENCIES, ...OPTIONAL].includes(name));
    assert.ok(bundled.length > 0);
    for (const name of withDependencies(bundled)) {
      const folder = join(ROOT, "node_modules", name);
      const { version, license } = readManifest(folder);
      assert.ok(text.includes(`\n${name} ${version} (${license})\n`), `${name} ${version} is named`);
      const licences = readdirSync(folder).filter((file) => /^(?:licen[cs]e|copying|notice)/i.test(file));
      assert.ok(licences.length > 0, `${name} has a licence`);
      for (const file of licences)
        assert.ok(text.includes(readFileSync(join(folder, file), "utf8").trim()), `the licence of ${name}`);
    }
  });

  test("holds every file that its pages link to", () => {
    const files = packed.files();
    const pages = files.filter((path) => path.endsWith(".md"));
    assert.ok(pages.includes("README.md") && pages.some((path) => path.startsWith("docs/targets/")));
    for (const page of pages) {
      const text = packed
        .read(page)
        .replaceAll(/^```[\s\S]*?^```/gm, "")
        .replaceAll(/`[^`\n]*`/g, "");
      for (const [, link = ""] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)) {
        const target = posix.normalize(posix.join(posix.dirname(page), link)).replace(/\/$/, "");
        if (target.startsWith("test/")) continue; // the page of the promises links to their tests
        if (CHECKOUT_ONLY.test(target)) continue;
        assert.ok(files.includes(target) || files.some((path) => path.startsWith(`${target}/`)), `${page}: ${link}`);
      }
    }
  });

  test("has a door for each file of src/, with types for import, require and node10", () => {
    const manifest = readManifest(packed.installed);
    const files = doorsOf(manifest).map((specifier) => {
      const path = specifier.replace(manifest.name, ".");
      const types = /"\.\/dist\/types\/([\w-]+)\.d\.ts"/.exec(JSON.stringify(manifest.exports[path]));
      const file = types?.[1] ?? "";
      assert.deepEqual(manifest.exports[path], {
        import: { types: `./dist/${file}.d.ts`, default: `./dist/${file}.js` },
        require: { types: `./dist/types/${file}.d.ts`, default: `./dist/${file}.cjs` },
      });
      const subPath = path.slice("./".length);
      if (subPath !== "") assert.deepEqual(manifest.typesVersions?.["*"]?.[subPath], [`./dist/types/${file}.d.ts`]);
      return `${file}.ts`;
    });
    const sources = readdirSync(join(ROOT, "src")).filter((path) => path.endsWith(".ts"));
    assert.deepEqual(files.sort(), sources.sort(), "scripts/doors.js has a row for each file");
  });

  test("has at most 2 MiB", () => {
    assert.ok(statSync(packed.tarball).size <= 2 * 1024 * 1024, `${statSync(packed.tarball).size} bytes`);
  });

  test("has nothing that publint complains about", async () => {
    const { buffer } = new Uint8Array(readFileSync(packed.tarball));
    const { messages } = await publint({ pack: { tarball: buffer }, strict: true });
    assert.deepEqual(messages, []);
  });

  test("has types that are right for every way to import it", async () => {
    const data = createPackageFromTarballData(new Uint8Array(readFileSync(packed.tarball)));
    const excludeEntrypoints = ["./health.proto", "./package.json"];
    const result = await checkPackage(data, { excludeEntrypoints });
    assert.ok(result.types !== false, "it has types");
    const { problems, entrypoints } = result;
    assert.deepEqual(problems, []);
    const { name } = readManifest(packed.installed);
    const checked = Object.keys(entrypoints).map((path) => `${name}${path.slice(1)}`);
    assert.deepEqual(checked.sort(), [...doorsOf(readManifest(packed.installed))].sort());
  });
});
