/**
 * The files that the status page loads: its script and its style. Each has a hash of its content in its name, so that a
 * browser keeps it without asking again, and never shows a page with a script of another version.
 */
import type { HttpAnswer } from "../../../wire/http-message.js";
import { PAGE_ASSETS } from "./assets.js";

/** A file that is in the code as text. */
export interface PageFile {
  readonly name: string;
  readonly contentType: string;
  readonly text: string;
}

/** The first part of their paths. */
export const PAGE_FOLDER = "healthbridge";

/** The files that a browser loads for the page. */
export const PAGE_FILES: readonly PageFile[] = Object.values(PAGE_ASSETS);

/** The links to them: relative, as all links of the page. */
export const SCRIPT_LINK = `${PAGE_FOLDER}/${PAGE_ASSETS.script.name}`;
export const STYLE_LINK = `${PAGE_FOLDER}/${PAGE_ASSETS.style.name}`;

/** The answer for one of them. It holds nothing about a service, so it needs no token. */
export function answerPageFile({ contentType, text }: PageFile): HttpAnswer {
  const headers = {
    "content-type": contentType,
    "cache-control": "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
  };
  return { status: 200, headers, body: text };
}
