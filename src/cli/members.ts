/**
 * `healthbridge members` and `healthbridge owners`: who is in the fleet, and who probes what. Through the control socket.
 */
import { formatDuration } from "../core/duration.js";
import { printable } from "../core/printable.js";
import { detachedText } from "../core/store-faults.js";
import type { ControlAnswer, MemberDetails, OwnerDetails } from "../wire/control-messages.js";
import { askDaemon, CONTROL_EXIT_CODES, CONTROL_FLAGS } from "./control-call.js";
import { type Flag, readFlags, UsageError } from "./flags.js";
import type { CommandHelp, CommandModule } from "./help.js";
import { table } from "./text-table.js";

/** Stand for the words without a flag. */
const ORDER: Flag = { name: "order", value: "drain NAME", repeats: true, help: "" };
const CHECK: Flag = { name: "check", value: "CHECK", help: "" };

/** Of a configuration. The first ones are the number of its checks, which two configurations may have in common. */
const SHOWN_DIGITS = 12;

/** Of a member whose calls of the store fail. */
export function storeNotes({
  detached,
  storeFault,
  storeError = "",
}: Pick<ControlAnswer<"ListOwners">, "detached" | "storeFault"> & { readonly storeError?: string }): readonly string[] {
  return [
    ...(detached ? [`detached: ${detachedText(storeFault)}`] : []),
    ...(storeError === "" ? [] : [`calls of the store fail: ${printable(storeError)}`]),
  ];
}

const MEMBERS_HELP: CommandHelp = {
  about: `Shows the members of the fleet, as the daemon at this control socket sees them. drain NAME asks a
member to hand its checks over to the others: it goes on serving, and probes only what each member
probes for itself. resume NAME gives it its share again. An order is heard within a few seconds.`,
  usage: "members [drain NAME | resume NAME] [FLAGS]",
  flags: CONTROL_FLAGS,
  exitCodes: CONTROL_EXIT_CODES,
  examples: [
    "healthbridge members",
    "healthbridge members --json --control /run/healthbridge.sock",
    "healthbridge members drain healthbridge-2",
    "healthbridge members resume healthbridge-2",
  ],
};

export const MEMBERS: CommandModule = {
  HELP: MEMBERS_HELP,
  async run(args) {
    const values = readFlags([...MEMBERS_HELP.flags, ORDER], args, ORDER.name);
    const [order, member, ...more] = values.get(ORDER.name) ?? [];
    if (order === undefined) {
      return askDaemon({
        ...{ method: "ListMembers", request: {}, values },
        print: ([answer]) => ({ json: answer ?? {}, text: answer === undefined ? "" : membersText(answer) }),
      });
    }
    if ((order !== "drain" && order !== "resume") || member === undefined || more.length > 0)
      throw new UsageError("give drain NAME or resume NAME, or nothing");
    const drained = order === "drain";
    return askDaemon({
      ...{ method: "DrainMember", request: { member, drained }, values },
      print: () => ({
        json: { member, drained },
        text: `${printable(member)}: ${drained ? "asked to hand its checks over; healthbridge members shows how many it has left" : "asked to take its share again"}\n`,
      }),
    });
  },
};

function membersText(answer: ControlAnswer<"ListMembers">): string {
  const { fleet, members, configDigests } = answer;
  const rows = members.map((each) => [
    ...[nameOf(each), each.state, printable(each.zone), String(each.checks), formatDuration(each.beatAgeMs)],
    ...[printable(each.version), printable(each.config).slice(-SHOWN_DIGITS)],
  ]);
  const lines = table(["MEMBER", "STATE", "ZONE", "CHECKS", "LAST BEAT", "VERSION", "CONFIG"], rows);
  const notes = [
    ...storeNotes(answer),
    ...(configDigests > 1
      ? [`${configDigests} different configurations: a check counts only among members that have the same one`]
      : []),
  ];
  return [`fleet ${printable(fleet)}`, ...lines, ...notes].map((line) => `${line}\n`).join("");
}

function nameOf({ member, self }: MemberDetails): string {
  return `${printable(member)}${self ? " (this)" : ""}`;
}

const OWNERS_HELP: CommandHelp = {
  about: `Shows which members probe a check, and what each of them finds. A vote of a former owner counts
until its successors have voted. That of a dead member is listed for ten leases.`,
  usage: "owners CHECK [FLAGS]",
  flags: CONTROL_FLAGS,
  exitCodes: CONTROL_EXIT_CODES,
  examples: ["healthbridge owners orders", "healthbridge owners orders --json"],
};

export const OWNERS: CommandModule = {
  HELP: OWNERS_HELP,
  async run(args) {
    const values = readFlags([...OWNERS_HELP.flags, CHECK], args, CHECK.name);
    const [check] = values.get(CHECK.name) ?? [];
    if (check === undefined) throw new UsageError("give the name of one check");
    return askDaemon({
      ...{ method: "ListOwners", request: { check }, values },
      print: ([answer]) => ({
        json: { check, ...answer },
        text: answer === undefined ? "" : ownersText(check, answer),
      }),
    });
  },
};

const SCOPE_TEXTS = {
  shared: "shared among the members",
  local: "each member probes it for itself, and serves its own result",
  each: "all members check it, and they agree",
} as const;

const HEARTBEAT_TEXT = "a heartbeat: the newest report counts, at whichever member it arrived";

function ownersText(check: string, answer: ControlAnswer<"ListOwners">): string {
  const { scope, heartbeat, owners } = answer;
  const rows = owners.map((each) => [printable(each.member), printable(each.zone), roleOf(each), ...voteOf(each)]);
  const lines = table(["MEMBER", "ZONE", "ROLE", "VOTE", "REASON"], rows);
  return [`${printable(check)}: ${heartbeat ? HEARTBEAT_TEXT : SCOPE_TEXTS[scope]}`, ...lines, ...storeNotes(answer)]
    .map((line) => `${line}\n`)
    .join("");
}

function roleOf({ owner, newestReport }: OwnerDetails): string {
  if (newestReport) return "newest report";
  return owner ? "owner" : "former owner";
}

function voteOf({ vote, reason }: OwnerDetails): readonly [string, string] {
  return [vote === "none" ? "not yet" : vote, printable(reason)];
}
