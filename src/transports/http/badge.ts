/**
 * `/badge/<service>.svg`: a picture of a service's status for a README or a wiki.
 *
 *     +----------------+-------------+
 *     |  orders        |  serving    |      label: the name of the service, or `health`      message: its status in words
 *     +----------------+-------------+
 *
 * The answer is 200 with any status, because a page shows a picture or nothing. The picture needs no font, style or script
 * of its own: `textLength` makes a browser fit each text into the space that was estimated for it.
 */
import { printable } from "../../core/printable.js";
import { OVERALL } from "../../core/service-name.js";
import { COLOURS, type Colour, SEVERITY_COLOURS } from "../../core/status-colours.js";
import { severityOf, statusWords } from "../../core/status-words.js";
import type { ServiceStatus, StatusReader } from "../../registry/ports.js";
import type { HttpAnswer } from "../../wire/http-message.js";
import type { Headers } from "./answers.js";

export interface Badge {
  readonly label: string;
  readonly message: string;
  readonly colour: Colour;
}

const LABEL_COLOUR = "#3c4043";

/** Of a longer label, the rest is left out. The title has it whole. */
const MAX_LABEL_CHARACTERS = 60;

const HEIGHT = 20;
const PADDING = 6;

/** Caches must ask again: GitHub's image proxy keeps a picture otherwise. */
const HEADERS: Headers = {
  "content-type": "image/svg+xml; charset=utf-8",
  "cache-control": "no-cache, no-store, max-age=0",
  "x-content-type-options": "nosniff",
  // a badge that is opened as a page runs and loads nothing
  "content-security-policy": "default-src 'none'; sandbox",
};

/** Answers a request for the badge of a service. An unknown service is 404, and its name is not shown. */
export function answerBadge(reader: StatusReader, service: string): HttpAnswer {
  const status = reader.read(service);
  if (status === undefined)
    return badgeAnswer(404, { label: "health", message: "no such service", colour: COLOURS.unknown });
  return badgeAnswer(200, { label: labelOf(service), ...messageOf(status) });
}

export function labelOf(service: string): string {
  return service === OVERALL ? "health" : service;
}

function messageOf({ status, degraded }: ServiceStatus): Omit<Badge, "label"> {
  return { message: statusWords(status, degraded), colour: SEVERITY_COLOURS[severityOf(status, degraded)] };
}

export function badgeAnswer(status: number, badge: Badge): HttpAnswer {
  return { status, headers: HEADERS, body: drawBadge(badge) };
}

/** Draws a badge as SVG. */
export function drawBadge({ label, message, colour }: Badge): string {
  const title = escapeXml(printable(`${label}: ${message}`));
  const shown = shorten(printable(label));
  const [left, right] = [widthOf(shown), widthOf(message)];
  const [labelWidth, messageWidth] = [left + 2 * PADDING, right + 2 * PADDING];
  const width = labelWidth + messageWidth;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${HEIGHT}" role="img" aria-label="${title}">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${HEIGHT}" rx="3" fill="${LABEL_COLOUR}"/>`,
    `<path d="M${labelWidth} 0h${messageWidth - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H${labelWidth}z" fill="${colour}"/>`,
    '<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">',
    `<text x="${PADDING}" y="14" textLength="${left}" lengthAdjust="spacingAndGlyphs">${escapeXml(shown)}</text>`,
    `<text x="${labelWidth + PADDING}" y="14" textLength="${right}" lengthAdjust="spacingAndGlyphs">${escapeXml(message)}</text>`,
    "</g></svg>\n",
  ].join("");
}

function shorten(text: string): string {
  const characters = [...text];
  return characters.length <= MAX_LABEL_CHARACTERS
    ? text
    : `${characters.slice(0, MAX_LABEL_CHARACTERS - 1).join("")}…`;
}

/** The estimated width of a text in pixels, for a font like Verdana at 11 pixels. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/[.,:;'|!ijlIft()[\]/ -]/.test(character)) width += 4.5;
    else if (/[mwMW@%…]/.test(character)) width += 10;
    else width += character < "\u1100" ? 7 : 11;
  }
  return Math.max(1, Math.ceil(width));
}

const XML_ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Two noncharacters have no place in XML (section 2.2), not even as a reference. Control characters were escaped before. */
function escapeXml(text: string): string {
  return text.replace(/[\ufffe\uffff]/g, "\ufffd").replace(/[&<>"']/g, (character) => XML_ESCAPES[character] ?? "");
}
