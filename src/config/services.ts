/**
 * The services of a configuration: whether their members exist, and what they are made of.
 */

import type { Policy } from "../checks/policy.js";
import { findCycle, type ServiceDeclaration } from "../checks/service-graph.js";
import { nearestTo } from "../core/nearest.js";
import { OVERALL, serviceNameFault } from "../core/service-name.js";
import type { CheckConfig } from "./daemon-config.js";
import type { Path } from "./fault.js";
import type { Judging } from "./meaning.js";
import type { ConfigFile, ServiceEntry } from "./schema.js";

/** The declared services, `""` among them where the file says what it stands for. */
export function readServices(
  file: ConfigFile,
  checks: readonly CheckConfig[],
  { blame, named }: Judging,
): readonly ServiceDeclaration[] {
  const entries = Object.entries(file.services ?? {});
  const made = new Set(checks.flatMap(({ name, options }) => [name, ...(options.services ?? [])]));
  const known = new Set([...made, ...named]);
  const judgeMembers = (members: readonly string[], path: Path) => {
    if (members.length === 0) blame(path, "must name a check or a service at least");
    for (const [index, member] of members.entries())
      if (!known.has(member)) blame([...path, index], unknownMember(member, [...known]));
  };
  const declared = entries.map(([name, entry]): ServiceDeclaration => {
    const path = ["services", name];
    const fault =
      name === OVERALL ? 'must not be empty; what "" stands for is written under overall' : serviceNameFault(name);
    if (fault !== undefined) blame(path, `the name ${fault}`);
    if (made.has(name)) blame(path, "a check makes this service already, under its own name or its services");
    const { policy, members, key } = readEntry(entry);
    judgeMembers(members, key === undefined ? path : [...path, key]);
    if (policy.kind === "quorum" && policy.count > members.length)
      blame([...path, "quorum"], `${policy.count} of ${members.length} members can never be reached`);
    return { name, policy, members };
  });
  if (file.overall !== undefined) {
    judgeMembers(file.overall, ["overall"]);
    declared.push({ name: OVERALL, policy: { kind: "all" }, members: file.overall });
  }
  const cycle = findCycle(declared);
  if (cycle !== undefined)
    blame(["services", cycle[0] ?? ""], `services must not be made of each other: ${cycle.join(" -> ")}`);
  return declared;
}

function readEntry(entry: ServiceEntry): { policy: Policy; members: readonly string[]; key: string | undefined } {
  if (Array.isArray(entry)) return { policy: { kind: "all" }, members: entry, key: undefined };
  if ("all" in entry) return { policy: { kind: "all" }, members: entry.all, key: "all" };
  if ("any" in entry) return { policy: { kind: "any" }, members: entry.any, key: "any" };
  return { policy: { kind: "quorum", count: entry.quorum }, members: entry.of, key: "of" };
}

function unknownMember(member: string, known: readonly string[]): string {
  const nearest = nearestTo(member, known);
  const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  return `there is no check or service ${JSON.stringify(member)}${hint}`;
}
