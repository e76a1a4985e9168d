/**
 * The licences of the packages that are part of ours. Each must be of a kind that asks for its text alone: that text is in
 * a file beside the code.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** SPDX identifiers. */
const ALLOWED = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"];

const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-]|$)/i;

/** The copyright notices of packages that are installed without a licence text. Their repositories have them. */
const NOTICES = new Map([["@redis/client", "Copyright (c) 2022-2025, Redis, inc."]]);

/** The last section of a README, in packages without a file of their own for it. */
const LICENCE_SECTION = /^#+ licen[cs]e\n[\s\S]+/im;

/**
 * The licences of the packages in a bundle.
 * @param {import("esbuild").Metafile} metafile
 * @throws Error for a package without a licence, or with one that is not allowed
 */
export function licencesOf(metafile) {
  const line = `\n${"-".repeat(80)}\n\n`;
  return packageFolders(metafile)
    .map((folder) => line + licenceOf(folder))
    .join("");
}

/**
 * The folders of the packages in a bundle.
 * @param {import("esbuild").Metafile} metafile
 */
export function packageFolders(metafile) {
  const folders = Object.keys(metafile.inputs).flatMap(
    (path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
  );
  return [...new Set(folders)].sort();
}

/**
 * The name, version and licence of an installed package.
 * @param {string} folder
 */
export function licenceOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  if (!ALLOWED.includes(license))
    throw new Error(`${name} ${version}: the licence ${license} is not one of ${ALLOWED.join(", ")}`);
  const files = readdirSync(folder).filter((file) => LICENCE_FILE.test(file));
  const texts = files.map((file) => readFileSync(`${folder}/${file}`, "utf8"));
  if (texts.length === 0) texts.push(standardText(name, license) ?? licenceInReadme(`${folder}/README.md`));
  return `${name} ${version} (${license})\n\n${texts.map((text) => text.trim()).join("\n\n")}\n`;
}

function standardText(name, license) {
  const notice = NOTICES.get(name);
  return notice && `${notice}\n\n${readFileSync(new URL(`licences/${license}.txt`, import.meta.url), "utf8")}`;
}

function licenceInReadme(path) {
  const section = existsSync(path) ? LICENCE_SECTION.exec(readFileSync(path, "utf8"))?.[0] : undefined;
  if (section === undefined)
    throw new Error(`${path}: no licence file and no section License is found; add the package's notice to NOTICES`);
  return section.slice(section.indexOf("\n"));
}
