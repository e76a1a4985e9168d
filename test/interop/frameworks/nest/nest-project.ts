/**
 * Applications of NestJS in a project with the packed tarball, compiled as Nest's own command line does: CommonJS,
 * `node10`, decorators with emitted types.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { blocksOf } from "../../../docs/pages.js";
import { eventually } from "../../../support/eventually.js";
import { npmNest, typescript } from "../../npm-packages.js";
import { Project } from "../../package/project.js";

const COMPILER_OPTIONS = {
  module: "commonjs",
  moduleResolution: "node10",
  target: "es2021",
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  esModuleInterop: true,
  strict: true,
  skipLibCheck: true,
  types: ["node"],
  rootDir: "src",
  outDir: "out",
};

const SOURCES = ["application", "testing", "terminus"];

const PAGE = fileURLToPath(new URL("../../../../docs/library/nestjs.md", import.meta.url));

/** The snippets of docs/library/nestjs.md. */
export const SNIPPETS = blocksOf(readFileSync(PAGE, "utf8"), "ts");

const source = (name: string) => readFileSync(fileURLToPath(new URL(name, import.meta.url)), "utf8");

/** The version of NestJS, and the folder with the compiled applications. */
export interface NestProject {
  readonly version: number;
  readonly path: string;
}

/** A snippet with ports of the test. */
function listening(code: string): string {
  const port = (name: string) => `Number(process.env["${name}"])`;
  return code
    .replaceAll("listen(3000)", `listen(${port("PORT")})`)
    .replaceAll(/"127\.0\.0\.1:50051"/g, '"127.0.0.1:" + process.env.GRPC_PORT');
}

/** A project for each version, which share one tarball. */
export class NestProjects {
  readonly #first: Project;
  readonly #second = mkdtempSync(join(npmNest(12), "project-"));
  readonly projects: readonly NestProject[];

  constructor() {
    this.#first = new Project(npmNest(11));
    for (const name of SOURCES) this.#first.write(`src/${name}.ts`, source(`${name}.ts.txt`));
    for (const [index, code] of SNIPPETS.entries())
      this.#first.write(`src/snippet-${index}.ts`, `import "reflect-metadata";\n${listening(code)}`);
    this.#first.write("orders.proto", source("orders.proto.txt"));
    this.#first.write("tsconfig.json", JSON.stringify({ compilerOptions: COMPILER_OPTIONS, include: ["src"] }));
    cpSync(this.#first.path, this.#second, { recursive: true });
    this.#first.run(process.execPath, typescript(), "-p", this.#first.path);
    this.#first.run(process.execPath, typescript(), "-p", this.#second);
    this.projects = [
      { version: 11, path: this.#first.path },
      { version: 12, path: this.#second },
    ];
  }

  remove(): void {
    this.#first.remove();
    rmSync(this.#second, { recursive: true });
  }
}

/** A program of a project that runs. */
export class NestProgram {
  readonly #child: ChildProcess;
  readonly ended: Promise<readonly unknown[]>;
  /** The lines that it has printed. */
  output = "";

  constructor(project: NestProject, name: string, args: readonly string[], port = 0, grpcPort = 0) {
    const env = { ...process.env, PORT: String(port), GRPC_PORT: String(grpcPort) };
    this.#child = spawn(process.execPath, [join(project.path, "out", `${name}.js`), ...args], { env });
    this.ended = once(this.#child, "exit");
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding("utf8").on("data", (text) => {
        this.output += text;
      });
  }

  async printed(pattern: RegExp): Promise<string> {
    const isDone = () => pattern.test(this.output) || this.#child.exitCode !== null;
    await eventually(isDone, `${pattern}: ${this.output}`);
    const [, text = ""] = pattern.exec(this.output) ?? [];
    if (!pattern.test(this.output)) throw new Error(`ended without ${pattern}:\n${this.output}`);
    return text;
  }

  end(signal: NodeJS.Signals = "SIGTERM"): void {
    this.#child.kill(signal);
  }
}
