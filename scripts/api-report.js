/**
 * Prints the API of the library, from the declarations in dist/types: `npm run api` writes it to docs/api.md.
 *
 *     for each door: its exports --> their declarations --> the declarations that these name, and so on
 *
 * A change of a public type, however deep, changes the page, so it is seen in a review. TypeScript 7 has no programmatic
 * API, and API Extractor needs one. The declarations that tsc writes are regular: each starts in the first column.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DOORS } from "./doors.js";

/** A string, or a comment. */
const STRING_OR_COMMENT = /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|\/\/.*/g;

const DECLARED = /^(?:export )?(?:declare )?(?:abstract )?(?:class|const|function|interface|let|type) (\w+)/;

const files = new Map();

/** What a declaration file declares, imports and re-exports, each by name. */
function read(path) {
  const known = files.get(path);
  if (known !== undefined) return known;
  const text = readFileSync(path, "utf8").replace(STRING_OR_COMMENT, (_, string = "") => string);
  const file = { path, declared: new Map(), imported: new Map(), exported: new Map() };
  for (const statement of text.split(/^(?=[A-Za-z])/m).map((each) => each.replaceAll(/\n\s*(?=\n)/g, "").trim())) {
    const [, name] = DECLARED.exec(statement) ?? [];
    if (name !== undefined) file.declared.set(name, [...(file.declared.get(name) ?? []), statement]);
    else readNames(file, statement);
  }
  files.set(path, file);
  return file;
}

/** `import { A, type B as C } from "./x.js"`, and the same with `export`. */
function readNames({ path, imported, exported }, statement) {
  if (statement === "" || statement === "export {};" || /^import .*"[^."][^"]*";$/.test(statement)) return; // a package
  const [, word, names, from] = /^(import|export)(?: type)? \{([^}]*)\} from "([^"]+)"/.exec(statement) ?? [];
  if (names === undefined) throw new Error(`${path}: this statement is not understood: ${statement}`);
  for (const part of names.split(",")) {
    const [name, alias = name] = part
      .trim()
      .replace(/^type /, "")
      .split(" as ");
    const target = { path: join(dirname(path), from.replace(/\.js$/, ".d.ts")), name };
    if (name !== "") (word === "import" ? imported : exported).set(alias, target);
  }
}

/** Collects the declarations that a name of a file needs, by name. */
function collect(path, name, found) {
  const { declared, imported, exported } = read(path);
  const elsewhere = imported.get(name) ?? exported.get(name);
  if (elsewhere !== undefined) return collect(elsewhere.path, elsewhere.name, found);
  const statements = declared.get(name);
  if (statements === undefined || found.get(name) === path) return undefined;
  if (found.has(name)) throw new Error(`${name} is declared in ${path} and in ${found.get(name)}`);
  found.set(name, path);
  const text = statements.join("\n").replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
  for (const [word] of text.matchAll(/\b[A-Za-z_]\w*\b/g)) if (word !== name) collect(path, word, found);
  return undefined;
}

/** Declarations on the page. A door does not repeat those of the doors before it. */
const printed = new Set();

function reportOf([subPath, file]) {
  const path = `dist/types/${file}.d.ts`;
  const names = [...read(path).exported.keys()].sort();
  const found = new Map();
  for (const name of names) collect(path, name, found);
  const codeOf = (name) => read(found.get(name)).declared.get(name).join("\n");
  const others = [...found.keys()].filter((name) => !names.includes(name) && !printed.has(name)).sort();
  for (const name of [...names, ...others]) printed.add(name);
  return [
    `## \`healthbridge${subPath.slice(1)}\`\n`,
    `\`\`\`ts\n${names.map(codeOf).join("\n\n")}\n\`\`\`\n`,
    ...(others.length === 0
      ? []
      : [
          "Types that this door does not export, and that its exports name:\n",
          `\`\`\`ts\n${others.map(codeOf).join("\n\n")}\n\`\`\`\n`,
        ]),
  ].join("\n");
}

process.stdout.write(`# The API of the library

Every declaration that a program can reach, without comments. \`npm run api\` writes this page, and a test compares it with
the build: a change of the API is a change of this page. Your editor shows the comments of each declaration.

${Object.entries(DOORS).map(reportOf).join("\n")}`);
