/** The packed tarball, installed into an empty project, and used in each way in which Node programs are written. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { typescript } from "./npm-packages.js";
import { type LockEntry, Project } from "./package/project.js";

const HERE = fileURLToPath(new URL("package/", import.meta.url));
const TSC_7 = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));

const USE = readFileSync(join(HERE, "use.ts.txt"), "utf8");

/** What the program prints: `OK`, the message SERVING, the error of an invalid pattern, and that there were transitions. */
const EXPECTED = JSON.stringify(["OK", "0801", "INVALID_OPTION", "transitions"]);

const PRINT = "use().then((result) => process.stdout.write(JSON.stringify(result)));\n";

/** A program in JavaScript: the statements of the same program, without its types. */
const ESM = `
import { Health, HealthError } from "healthbridge";
const health = new Health();
health.set("acme.Orders", "SERVING");
const [address] = (await health.listen(["127.0.0.1:0"])).addresses;
const answer = await fetch(\`http://127.0.0.1:\${address.port}/healthcheck/acme.Orders\`);
process.stdout.write(\`\${await answer.text()} \${typeof HealthError}\`);
await health.shutdown({ drainDelayMs: 0 });
`;
const COMMON_JS = `(async () => {${ESM.replace(/import (.*) from (.*);/, "const $1 = require($2);")}})();`;

const USES = ["src/use.ts", "src/use.mts", "src/use.cts"];

/** Uses what the library loads when it is needed: a prober, a pattern, metrics. */
const BUNDLED = `
import { Health } from "healthbridge";
const health = new Health({ metrics: true });
health.set("acme.Orders", "SERVING");
health.check("page", "http://127.0.0.1:1/", { expect: { body: { matches: "^O?K$" } } });
let code = "";
try {
  health.check("bad", "http://127.0.0.1:1/", { expect: { body: { matches: "(" } } });
} catch (error) {
  code = error.code;
}
health.listen(["127.0.0.1:0"]).then(async ({ addresses: [{ port }] }) => {
  const text = async (path) => (await fetch(\`http://127.0.0.1:\${port}\${path}\`)).text();
  const hasVersion = (await text("/metrics")).includes('healthbridge_build_info{version="');
  process.stdout.write(\`\${await text("/healthcheck/acme.Orders")} \${hasVersion} \${code}\`);
  await health.shutdown({ drainDelayMs: 0 });
});
`;

const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  target: "es2022",
  types: ["node"],
};

/** Every `moduleResolution`, with a `module` that it goes with. `node10` has the settings of a NestJS application. */
const MODES = {
  node10: {
    module: "commonjs",
    moduleResolution: "node10",
    target: "es2021",
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
  },
  node16: { module: "node16", moduleResolution: "node16" },
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler" },
} as const;

/** The packages that an installed package brings, with itself, as its lock says. */
function closureOf(name: string, lock: Readonly<Record<string, LockEntry>>, from = ""): readonly string[] {
  // the nearest folder of packages that has it, as Node looks it up
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))) {
    const path = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
    const entry = lock[path];
    if (entry === undefined && folder !== "") continue;
    if (entry === undefined) throw new Error(`${name} is not installed`);
    return [path, ...Object.keys(entry.dependencies ?? {}).flatMap((each) => closureOf(each, lock, path))];
  }
}

describe("the packed tarball in an empty project", () => {
  let project: Project;
  before(() => {
    project = new Project();
    for (const file of USES) project.write(file, USE + PRINT);
    project.write("src/nest.ts", readFileSync(join(HERE, "nest.ts.txt"), "utf8"));
  });
  after(() => project.remove());

  /** Compiles files of src/ with options into a folder. */
  const compile = (compiler: string, outDir: string, compilerOptions: object, files: readonly string[]) => {
    const config = { compilerOptions: { ...STRICT, ...compilerOptions, rootDir: "src", outDir }, files };
    project.write(`tsconfig.${outDir}.json`, JSON.stringify(config));
    project.run(process.execPath, compiler, "-p", `tsconfig.${outDir}.json`);
  };

  test("brings grpc-js and its companions with what they need, and no other package", () => {
    const lock = project.lock();
    const companions = ["@grpc/grpc-js", "@grpc/proto-loader", "grpc-health-check"];
    const allowed = new Set(companions.flatMap((name) => closureOf(name, lock)));
    const installed = Object.keys(lock).filter((path) => path !== "" && path !== "node_modules/healthbridge");
    assert.deepEqual(installed.sort(), [...allowed].sort());
    const own = lock["node_modules/healthbridge"];
    assert.deepEqual(Object.keys(own?.dependencies ?? {}), companions);
    assert.equal(own?.hasInstallScript, undefined);
    const folders = readdirSync(join(project.path, "node_modules")).filter((name) => !name.startsWith("."));
    assert.ok(!folders.includes("pg") && !folders.includes("mysql2"), "optional peers are not installed");
  });

  test("has both programs", () => {
    assert.match(project.run("npx", "--no", "--", "healthbridge", "--version"), /^healthbridge \d/);
    assert.match(project.run("npx", "--no", "--", "healthbridge", "schema"), /"title": "healthbridge.yaml"/);
    assert.throws(() => project.run("npx", "--no", "--", "grpc-health-probe"), /-addr not specified/);
  });

  test("reads a configuration with a pattern", () => {
    project.write("healthbridge.yaml", 'checks: { a: { target: "http://a/", expect: { body: { matches: "(" } } } }\n');
    assert.throws(() => project.run("npx", "--no", "--", "healthbridge", "validate"), /RE2 regular expression/);
  });

  test("is used from an ES module and from CommonJS", () => {
    project.write("use.mjs", ESM);
    project.write("use.cjs", COMMON_JS);
    for (const file of ["use.mjs", "use.cjs"]) assert.equal(project.run(process.execPath, file), "OK function", file);
  });

  for (const [mode, options] of Object.entries(MODES)) {
    const compiler = mode === "node10" ? typescript() : TSC_7; // TypeScript 7 has no `node10`
    test(`compiles with \`moduleResolution\` ${mode}, strictly, from .ts, .mts and .cts`, () => {
      compile(compiler, mode, options, [...USES, ...(mode === "node10" ? ["src/nest.ts"] : [])]);
    });
  }

  test("runs after it was compiled: as an ES module, as CommonJS, and with decorators", () => {
    for (const file of ["nodenext/use.mjs", "nodenext/use.cjs", "node10/use.js"])
      assert.equal(project.run(process.execPath, file), EXPECTED, file);
    assert.equal(project.run(process.execPath, "node10/nest.js"), "[1,1]");
  });

  test("works in a bundle of an application, without a folder of packages and without the optional peers", async () => {
    project.write("bundled.mjs", BUNDLED);
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-bundle-"));
    const outfile = join(folder, "bundle.cjs");
    const entryPoints = [join(project.path, "bundled.mjs")];
    const { warnings } = await build({ entryPoints, outfile, bundle: true, platform: "node", logLevel: "silent" });
    assert.deepEqual(warnings, []);
    assert.equal(project.run(process.execPath, outfile), "OK true INVALID_OPTION");
    rmSync(folder, { recursive: true });
  });
});
