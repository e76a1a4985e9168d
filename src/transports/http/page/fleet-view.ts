/**
 * A fleet on the page: its members on the overview, and on the page of a service who probes each check, and what they find.
 *
 * For the script in the browser (src/page/): `section#fleet` has the data of the event `fleet` that it shows in `data-shown`.
 */
import { spanText } from "../../../core/status-words.js";
import type { FleetMemberState, FleetState } from "../../../registry/ports.js";
import { fleetJson } from "../event-text.js";
import { type Html, html } from "./html.js";

/** What the thread that is the member of a fleet knows beside the state that all readers have. Names are cut already. */
export interface PageFleet {
  /** Those of `FleetState`, with the milliseconds since the last beat of each. */
  members(): readonly (FleetMemberState & { readonly beatAgeMs: number })[];
  /** Who probes a check; `undefined` for an unknown one. */
  voters(check: string): readonly CheckVoter[] | undefined;
}

/** A member that probes a check, or whose vote still counts until its successors have voted. */
export interface CheckVoter {
  readonly member: string;
  readonly isOwner: boolean;
  /** `undefined`: it has not voted yet. */
  readonly vote: "passing" | "warning" | "failing" | "abstaining" | undefined;
}

/** The members that the bridge shows; `scope: each` has all of them. */
const MAX_VOTERS = 20;

const STATE_WORDS: Readonly<Record<string, string>> = {
  duplicate: "another process has this name",
  "other-format": "not understood: another version",
};

/** The members, below the services. */
export function fleetSection(state: FleetState, members: ReturnType<PageFleet["members"]>): Html {
  const rows = members.map(
    ({ member, zone, state, checks, sameConfig, beatAgeMs }) =>
      html`<tr data-member-state="${state}"><th scope="row">${member}</th><td>${zone}</td><td class="state">${STATE_WORDS[state] ?? state}</td><td>${checks}</td><td>${spanText(beatAgeMs)} ago</td><td>${sameConfig === undefined ? "" : sameConfig ? "the same" : "differs"}</td></tr>\n`,
  );
  const { name, detached, more } = state;
  const notes = [detached ? "detached" : "", more === 0 ? "" : `${more} more members are not listed`].filter(Boolean);
  return html`<section id="fleet" data-shown="${fleetJson(state)}"><h2>Fleet ${name}</h2>${notes.map((note) => html` <small>${note}</small>`)}<div class="wide"><table><thead><tr><th scope="col">Member</th><th scope="col">Zone</th><th scope="col">State</th><th scope="col">Checks</th><th scope="col">Last beat</th><th scope="col">Configuration</th></tr></thead><tbody>
${rows}</tbody></table></div></section>
`;
}

/** `m1, m2`; with any other vote than passing, `1 of 2 fail: m1 failing, m2 passing`. */
export function votersText(voters: readonly CheckVoter[] = []): string {
  const shown = voters.slice(0, MAX_VOTERS);
  const more = voters.length > shown.length ? `, and ${voters.length - shown.length} more` : "";
  if (shown.every(({ isOwner, vote }) => isOwner && vote === "passing"))
    return `${shown.map(({ member }) => member).join(", ")}${more}`;
  const counted = voters.filter(({ isOwner, vote }) => isOwner && vote !== undefined && vote !== "abstaining");
  const failing = counted.filter(({ vote }) => vote === "failing").length;
  const votes = shown.map(({ member, isOwner, vote }) => `${member} ${vote ?? "not yet"}${isOwner ? "" : " (former)"}`);
  return `${counted.length > 1 ? `${failing} of ${counted.length} fail: ` : ""}${votes.join(", ")}${more}`;
}
