/**
 * Snippets of pages as modules that are compiled and run.
 *
 *     snippet --> doors of the package replaced by their sources --> a file below the project --> tsc (strict), or a process
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The path of a file of the project. */
export const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/** Modules in the place of the package. */
const DOORS = {
  healthbridge: "src/index.ts",
  "healthbridge/client": "src/health-client.ts",
  "healthbridge/grpc-js": "src/grpc-js.ts",
};

/** The text of a page of docs/library. */
export const readPage = (page: string) => readFileSync(path(`docs/library/${page}.md`), "utf8");

export class SnippetFolder {
  // below the project, so that its packages are found
  readonly #folder = mkdtempSync(path("test/docs/.snippets-"));

  /** Writes a snippet as a module, with words replaced. Returns its file. */
  write(name: string, code: string, words: Readonly<Record<string, string>> = {}): string {
    const doors = Object.entries(DOORS).map(([door, file]) => [`"${door}"`, JSON.stringify(path(file))] as const);
    let text = code;
    for (const [from, to] of [...Object.entries(words), ...doors]) text = text.replaceAll(from, to);
    const file = join(this.#folder, name);
    writeFileSync(file, `${text}\nexport {};\n`);
    return file;
  }

  /** Compiles all modules in strict mode. Resolves with the errors. */
  async compile(): Promise<string> {
    const options = {
      module: "nodenext",
      target: "es2023",
      lib: ["es2023", "es2024.string"],
      strict: true,
      noEmit: true,
      types: ["node"],
    };
    const config = { ...options, skipLibCheck: true, allowImportingTsExtensions: true };
    writeFileSync(join(this.#folder, "tsconfig.json"), JSON.stringify({ compilerOptions: config, include: ["*.mts"] }));
    const tsc = path("node_modules/typescript/bin/tsc");
    const { stdout } = await run(process.execPath, [tsc, "-p", this.#folder]).catch((error) => error);
    return stdout;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
