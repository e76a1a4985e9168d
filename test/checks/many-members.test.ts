/** A service with thousands of members has the status, and the reason, that a look at each of them gives. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { MemberCounts } from "../../src/checks/member-counts.js";
import { type Member, rollup } from "../../src/checks/policy.js";
import { SeededRandom } from "../support/seeded-random.js";

const POLICY = { kind: "all" } as const;

const STATES = ["pending", "passing", "warning", "failing"] as const;

for (const count of [1, 31, 32, 33, 1_024, 1_025, 33_000])
  it(`counts ${count} members that change in any order`, () => {
    const { next: random } = new SeededRandom(count);
    const pick = (limit: number) => Math.floor(random() * limit);
    const members = new Map<string, Member>();
    const memberOf = (index: number, state: Member["state"]): Member => ({
      ...{
        state,
        critical: index % 7 > 0,
        counted: index % 5 > 0,
        reason: state === "passing" ? undefined : `${index}`,
      },
      name: `${index}`,
    });
    const counts = new MemberCounts([]);
    for (let index = 0; index < count; index += 1) {
      members.set(`${index}`, memberOf(index, "pending"));
      counts.add(`${index}`, memberOf(index, "pending"));
    }
    const change = (index: number, state: Member["state"]) => {
      members.set(`${index}`, memberOf(index, state));
      counts.update(`${index}`, memberOf(index, state));
    };
    const isRight = () => assert.deepEqual(counts.rollup(POLICY), rollup(members.values(), POLICY));
    isRight();
    // one last member has the trait, and then none
    for (const state of STATES) {
      for (let index = 0; index < count - 1; index += 1) change(index, state);
      isRight();
      change(count - 1, state);
      isRight();
    }
    for (let turn = 0; turn < 40; turn += 1) {
      for (let part = 0; part < 20; part += 1) change(pick(count), STATES[pick(4)] ?? "pending");
      isRight();
    }
  });
