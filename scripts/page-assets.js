/**
 * Writes the script and the style of the status page: `node scripts/page-assets.js [OUT]`.
 *
 *     src/page/main.ts   --esbuild--> one script --.
 *     src/page/page.css  --esbuild--> one style ---+--> src/transports/http/page/assets.ts
 *
 * The server has them as texts in its code, so that they are there in every form of the package: from source, in a bundle,
 * and in a single executable. A test compares the file with its sources.
 */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const [OUT = here("../src/transports/http/page/assets.ts")] = process.argv.slice(2);

/** Digits of the hash in a name: another content gets another name, and a browser may keep each for ever. */
const HASH_DIGITS = 12;

async function bundle(file) {
  const { outputFiles } = await build({
    entryPoints: [here(`../src/page/${file}`)],
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2022", "chrome109", "firefox115", "safari16.4"],
    charset: "utf8",
    legalComments: "none",
    write: false,
    logLevel: "warning",
  });
  return outputFiles[0].text.trimEnd();
}

/** One entry of the table. */
function asset(ending, contentType, text) {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, HASH_DIGITS);
  const fields = { name: `page-${hash}.${ending}`, contentType: `${contentType}; charset=utf-8`, text };
  return Object.entries(fields).map(([key, value]) => `    ${key}: ${JSON.stringify(value)},\n`);
}

/** The TypeScript file. */
async function render() {
  const [script, style] = await Promise.all([bundle("main.ts"), bundle("page.css")]);
  return `/**
 * The script and the style of the status page, and the names under which they are served.
 * Written by scripts/page-assets.js (\`npm run build\`): edit the files in src/page/ instead.
 */
export const PAGE_ASSETS = {
  script: {
${asset("js", "text/javascript", script).join("")}  },
  style: {
${asset("css", "text/css", style).join("")}  },
} as const;
`;
}

writeFileSync(OUT, await render());
