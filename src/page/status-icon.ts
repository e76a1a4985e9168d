/**
 * The icon of the tab. Each kind of status has a shape of its own, because some people cannot tell the colours apart:
 * a disc, a triangle, a ring, and a disc with a bar.
 */
import { SEVERITY_COLOURS } from "../core/status-colours.js";
import type { Severity } from "../core/status-words.js";

const SHAPES: Readonly<Record<Severity, (colour: string) => string>> = {
  SERVING: (colour) => `<circle cx="8" cy="8" r="7" fill="${colour}"/>`,
  degraded: (colour) => `<path d="M8 1l7.5 14H.5z" fill="${colour}"/>`,
  UNKNOWN: (colour) => `<circle cx="8" cy="8" r="5.5" fill="none" stroke="${colour}" stroke-width="3"/>`,
  NOT_SERVING: (colour) =>
    `<circle cx="8" cy="8" r="8" fill="${colour}"/><path d="M3 8h10" stroke="#fff" stroke-width="3"/>`,
};

/** The icon as a URL. */
export function statusIcon(severity: Severity): string {
  const shape = SHAPES[severity](SEVERITY_COLOURS[severity]);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">${shape}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
