/** The colours of statuses on badges and in icons. */
import type { Severity } from "./status-words.js";

/** White text has a contrast of at least 4.5 on each (WCAG 2.2, section 1.4.3). Words or shapes say the same as the colour. */
export const COLOURS = { good: "#2e7d32", warning: "#8a5a00", bad: "#b3261e", unknown: "#5f6368" } as const;

export type Colour = (typeof COLOURS)[keyof typeof COLOURS];

/** The colour of each kind of status. */
export const SEVERITY_COLOURS: Readonly<Record<Severity, Colour>> = {
  NOT_SERVING: COLOURS.bad,
  UNKNOWN: COLOURS.unknown,
  degraded: COLOURS.warning,
  SERVING: COLOURS.good,
};
