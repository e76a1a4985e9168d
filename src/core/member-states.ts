/**
 * The states of a member of a fleet, as another one sees it: the words of the command line, JSON, the page and the metrics.
 *
 * `alive`; `silent`: no beat for more than two beats; `leaving`: it ends, and its checks move to others; `dead`: no beat for a
 * lease; `duplicate`: another live process has the same name, and goes first; `other-format`: another version of healthbridge,
 * whose records are not understood; `drained`: alive, and an operator has ordered that its checks move to others.
 */
export const MEMBER_STATES = ["alive", "silent", "leaving", "dead", "duplicate", "other-format", "drained"] as const;

export type MemberState = (typeof MEMBER_STATES)[number];
