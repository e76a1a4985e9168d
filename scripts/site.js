/**
 * Builds the docs site: `npm run site` writes build/site.
 *
 *     scripts/site/package-lock.json --npm ci--> VitePress --*.md--> build/site
 *
 * VitePress has a hundred packages and 100 MB, so it is not one of the project's own. Its install scripts are not run.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("site/", import.meta.url));
const lock = readFileSync(`${folder}package-lock.json`);
const installed = `${folder}node_modules/.installed-lock.json`;

if (!existsSync(installed) || !readFileSync(installed).equals(lock)) {
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--silent"], { cwd: folder, stdio: "inherit" });
  writeFileSync(installed, lock);
}
execFileSync(process.execPath, [`${folder}node_modules/vitepress/bin/vitepress.js`, "build", folder], {
  stdio: "inherit",
});
