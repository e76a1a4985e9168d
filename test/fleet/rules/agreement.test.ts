import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Decision, VoteState } from "../../../src/fleet/records/vote.js";
import {
  agreedOn,
  type FormerVote,
  isSameDecision,
  type SeatVote,
  UNDECIDED,
} from "../../../src/fleet/rules/agreement.js";

const NOW = 1_000;

const STATES: Readonly<Record<string, VoteState>> = { p: "passing", w: "warning", f: "failing", a: "abstaining" };

/** Votes of owners, in their order: p, w, f, a; `-` has not voted; a capital letter is too old. */
function owners(letters: string): readonly (SeatVote | undefined)[] {
  return [...letters].map((letter, index) => {
    const state = STATES[letter.toLowerCase()];
    if (state === undefined) return undefined;
    const validUntil = letter === letter.toLowerCase() ? NOW + 100 + index : NOW;
    return { vote: { state, reason: `${state} ${index}` }, validUntil };
  });
}

/** Votes of former owners: the same, each with `+` alive or `!` dead. */
function former(text: string): readonly FormerVote[] {
  return (text === "" ? [] : text.split(" ")).map(([letter = "", life = "+"], index) => {
    const [seat] = owners(letter);
    assert.ok(seat !== undefined);
    const vote = { ...seat.vote, reason: `former ${index}` };
    return { vote, validUntil: seat.validUntil, run: `run-${index}`, isAlive: life === "+", heardAt: index };
  });
}

function agreed(
  votes: string,
  agree: number | "majority",
  {
    before = UNDECIDED,
    others = "",
    isAwaited = true,
    awaitedMs = 0,
    spare = 0,
  }: { before?: Decision; others?: string; isAwaited?: boolean; awaitedMs?: number; spare?: number } = {},
): Decision {
  return agreedOn({ owners: owners(votes), former: former(others), spare, agree, isAwaited, awaitedMs }, before, NOW);
}

const PASSING: Decision = { state: "passing", reason: "before", validUntil: NOW + 7 };

describe("k of the votes must fail for a check to fail", () => {
  const rows: readonly (readonly [votes: string, agree: number | "majority", state: string, reason?: string])[] = [
    ["p", 1, "passing", "passing 0"],
    ["f", 1, "failing", "failing 0"],
    ["w", 1, "warning", "warning 0"],
    ["pp", 2, "passing", "passing 0"],
    ["pf", 2, "warning", "partial"],
    ["fp", 2, "warning", "partial"],
    ["ff", 2, "failing", "failing 0"],
    ["pf", 1, "failing", "failing 1"],
    ["wp", 2, "warning", "warning 0"],
    ["pw", 2, "warning", "warning 1"],
    ["wf", 2, "warning", "partial"],
    ["ppf", 2, "warning", "partial"],
    ["pff", 2, "failing", "failing 1"],
    ["fff", 3, "failing", "failing 0"],
    ["ffp", 3, "warning", "partial"],
    ["ppp", 3, "passing", "passing 0"],
    ["ff", 9, "failing", "failing 0"],
    ["p", "majority", "passing", "passing 0"],
    ["f", "majority", "failing", "failing 0"],
    ["pf", "majority", "warning", "partial"],
    ["ff", "majority", "failing", "failing 0"],
    ["ppf", "majority", "warning", "partial"],
    ["pff", "majority", "failing", "failing 1"],
    ["ppff", "majority", "warning", "partial"],
    ["pfff", "majority", "failing", "failing 1"],
    ["ppfff", "majority", "failing", "failing 2"],
  ];
  for (const [votes, agree, state, reason] of rows)
    it(`${votes}, ${agree} must agree: ${state}`, () => {
      const decision = agreed(votes, agree);
      assert.equal(decision.state, state);
      assert.equal(decision.reason, reason);
    });
});

describe("votes that do not count", () => {
  const rows: readonly (readonly [title: string, votes: string, agree: number | "majority", state: string])[] = [
    ["an abstention leaves the others to decide", "fa", 2, "failing"],
    ["an abstention leaves the others to decide", "pa", 2, "passing"],
    ["two abstentions of three", "faa", 2, "failing"],
    ["two of four abstain, and one of two fails", "pfaa", 2, "warning"],
    ["a failure that is too old", "Fp", 1, "passing"],
    ["the majority is of the owners, also when some abstain", "ffapp", "majority", "warning"],
    ["the majority is of the votes, when these are fewer", "ffaaa", "majority", "failing"],
  ];
  for (const [title, votes, agree, state] of rows)
    it(`${title}: ${votes}`, () => assert.equal(agreed(votes, agree).state, state));

  for (const votes of ["a", "aa", "P", "F", "aF", "", "-", "--"])
    it(`keep the state, when there is no other vote: "${votes}"`, () => {
      assert.deepEqual(agreed(votes, 1, { before: PASSING }), PASSING);
      assert.equal(agreed(votes, 1).state, "pending");
    });

  it("tell why it is pending", () => {
    assert.deepEqual(agreed("-aa", 1), { ...UNDECIDED, reason: "abstaining 1" });
    assert.deepEqual(agreed("--", 1), UNDECIDED);
  });
});

describe("an owner that has not voted", () => {
  const rows: readonly (readonly [title: string, votes: string, agree: number, isAwaited: boolean, state: string])[] = [
    ["may turn the check: it is waited for", "f-", 2, true, "before"],
    ["may turn the check, until it has had enough time", "f-", 2, false, "failing"],
    ["cannot turn the check: the state is clear", "p-", 2, true, "passing"],
    ["would be one of three", "fp-", 2, true, "before"],
    ["would be one of three, and had enough time", "fp-", 2, false, "warning"],
    ["would be the third of three", "fp-", 3, true, "warning"],
    ["is not needed", "ff-", 2, true, "failing"],
    ["is not needed", "f-", 1, true, "failing"],
    ["alone could turn it, but does not yet", "p-", 1, true, "passing"],
    ["for long, so that its vote is too old, is waited for", "fP", 2, true, "before"],
    ["for long, and had enough time", "fP", 2, false, "failing"],
    ["because it cannot look is not waited for", "fa", 2, true, "failing"],
    ["is one of two that are waited for", "f--", 3, true, "before"],
    ["is one of two, and one is not enough", "fp--", 4, true, "warning"],
  ];
  for (const [title, votes, agree, isAwaited, state] of rows)
    it(`${title}: ${votes}, ${agree} must agree`, () => {
      assert.equal(agreed(votes, agree, { before: PASSING, isAwaited }).state, state === "before" ? "passing" : state);
      if (state === "before") assert.deepEqual(agreed(votes, agree, { before: PASSING, isAwaited }), PASSING);
    });

  it("it is waited for only while what the check was counts: then the votes that are there decide, if one of them is good", () => {
    const stateOf = (votes: string, validUntil: number) =>
      agreed(votes, 2, { before: { ...PASSING, validUntil } }).reason;
    assert.deepEqual([stateOf("fp-", NOW + 1), stateOf("fp-", NOW)], ["before", "partial"]);
    assert.deepEqual(
      [stateOf("fw-", NOW), stateOf("f--", NOW), stateOf("ff-", NOW)],
      ["partial", "before", "failing 0"],
    );
  });

  it("does not end a failure, while the votes that fail could turn the check again", () => {
    const before: Decision = { state: "failing", reason: "before", validUntil: NOW };
    for (const votes of ["fp-", "f-p", "f--"]) {
      const { state, reason, validUntil } = agreed(votes, 2, { before });
      assert.deepEqual([state, reason, validUntil > NOW], ["failing", "before", true], votes);
    }
    assert.equal(agreed("fp-", 2, { before, isAwaited: false }).reason, "partial", "until it has had enough time");
    assert.equal(agreed("pp-", 2, { before }).state, "passing");
  });

  it("for long is waited for a time after its vote has become too old", () => {
    const stateOf = (votes: string, awaitedMs: number) =>
      agreed(votes, 2, { before: PASSING, isAwaited: false, awaitedMs }).state;
    assert.equal(stateOf("fP", 1), "passing");
    assert.equal(stateOf("fP", 0), "failing");
    assert.equal(stateOf("f-", 1), "failing", "one that has never voted has had its time");
    assert.equal(stateOf("fa", 1), "failing", "one that abstains is not waited for");
  });

  it("leaves the check pending, when it was", () => assert.deepEqual(agreed("f-", 2), UNDECIDED));
});

describe("the vote of a former owner", () => {
  const rows: readonly (readonly [title: string, votes: string, others: string, state: string, reason: string])[] = [
    ["stands for an owner that has not voted", "f-", "p+", "warning", "partial"],
    ["stands for it also when it is dead", "f-", "p!", "warning", "partial"],
    ["stands for it also when it fails", "-p", "f!", "warning", "partial"],
    ["counts like another", "f-", "f!", "failing", "failing 0"],
    ["counts alone", "-", "w!", "warning", "former 0"],
    ["does not count beside an owner that has voted", "pp", "f+", "passing", "passing 0"],
    ["does not count when it is too old", "p-", "F!", "passing", "passing 0"],
    ["does not count when it abstains", "p-", "a+", "passing", "passing 0"],
    ["of a live member goes first", "-", "p! w+", "warning", "former 1"],
    ["of a live member goes first, in any order", "-", "w+ p!", "warning", "former 0"],
    ["of two live ones, the same one at each member", "-", "p+ w+", "passing", "former 0"],
    ["of two dead ones, the one that died last", "-", "p! w!", "warning", "former 1"],
    ["of three, two for two seats", "--", "p! w! p!", "warning", "former 1"],
    ["each for one seat", "--", "f!", "failing", "former 0"],
    ["stands for an owner that abstains, while it lives", "fa", "p+", "warning", "partial"],
    ["does not stand for one that abstains when it is dead", "fa", "p!", "failing", "failing 0"],
    ["does not stand for one that abstains when it is dead and fails", "pa", "f!", "passing", "passing 0"],
    ["of a dead member goes to the seat that has not voted", "a-", "w!", "warning", "former 0"],
    ["of a live member goes first, and then none is left for one that abstains", "-a", "p+ f!", "passing", "former 0"],
    ["stands for one whose vote is too old", "fP", "p+", "warning", "partial"],
    ["stands for one whose vote is too old also when it is dead", "fP", "p!", "warning", "partial"],
    ["stands for one whose vote is too old also when it fails", "pF", "f+", "warning", "partial"],
    ["of a live member goes first, whichever seat is empty", "a-P", "p! p! w+", "warning", "former 2"],
  ];
  for (const [title, votes, others, state, reason] of rows)
    it(`${title}: ${votes} | ${others}`, () => {
      const decision = agreed(votes, 2, { others, isAwaited: false });
      assert.equal(decision.state, state);
      assert.equal(decision.reason, reason);
    });

  for (const [votes, reason] of [
    ["a-f", "has not voted"],
    ["aPf", "has a vote that is too old"],
    ["faF", "has told a failure that is too old"],
  ] as const)
    it(`takes the seat of an owner that ${reason} before one that abstains, which is not waited for: ${votes}`, () => {
      const decision = agreed(votes, 2, { others: "p+", before: PASSING, isAwaited: true });
      assert.deepEqual([decision.state, decision.reason], ["warning", "partial"]);
    });

  it("is not waited for when nothing is known yet, and a vote is good", () => {
    for (const votes of ["pf-", "wf-", "pF-f"] as const)
      assert.equal(agreed(votes, 2, { isAwaited: true, awaitedMs: 1_000 }).state, "warning", votes);
    assert.equal(agreed("f-", 2, { isAwaited: true }).state, "pending", "none is good");
    assert.equal(agreed("pff-", 3, { isAwaited: true, before: PASSING }).state, "passing", "what is known stays");
  });

  it("leaves no seat to wait for", () => {
    assert.equal(agreed("f-", 2, { others: "f+", before: PASSING }).state, "failing");
    assert.equal(agreed("f--", 3, { others: "f+", before: PASSING }).state, "passing", "one more seat is empty");
  });

  it("takes a seat that has no owner, while it lives", () => {
    const stateOf = (votes: string, others: string, spare: number) => agreed(votes, 3, { others, spare }).state;
    assert.equal(stateOf("ff", "p+", 1), "warning");
    assert.equal(stateOf("ff", "p+", 0), "failing");
    assert.equal(stateOf("ff", "p!", 1), "failing");
    assert.equal(stateOf("f-", "p+ p+", 1), "warning", "after those of owners");
    assert.equal(stateOf("ff", "", 1), "failing", "it is not waited for");
  });

  it("counts for the majority with the seat that it takes: one of two that probe turns nothing", () => {
    assert.equal(agreed("f", "majority", { others: "p+", spare: 1 }).state, "warning");
    assert.equal(agreed("f", "majority", { others: "f+", spare: 1 }).state, "failing");
    assert.equal(agreed("f", "majority", { others: "p+", spare: 0 }).state, "failing");
  });

  it("is taken in the order of runs and deaths, not in the order in which it comes", () => {
    const votes = former("p+ w+ f!").toReversed();
    const seats = { owners: owners("-"), former: votes, spare: 0, agree: 1, isAwaited: true, awaitedMs: 0 };
    assert.equal(agreedOn(seats, UNDECIDED, NOW).reason, "former 0");
    const dead = former("p! w!").toReversed();
    assert.equal(agreedOn({ ...seats, former: dead }, UNDECIDED, NOW).reason, "former 1");
    const same = former("w! p!").map((vote) => ({ ...vote, heardAt: 5 }));
    for (const of of [same, same.toReversed()])
      assert.equal(agreedOn({ ...seats, former: of }, UNDECIDED, NOW).reason, "former 0");
  });
});

describe("after a lease without a word, a member that is heard votes in place of an owner that is silent since then", () => {
  // `~` is silent since then; of former owners, + is alive and heard, ! dead, ~ alive and silent
  const rows: readonly (readonly [votes: string, others: string, state: VoteState, title: string])[] = [
    ["f~", "p+", "passing", "when the owner has told a failure"],
    ["p~", "f+", "failing", "when the owner has seen it pass"],
    ["f~f~", "p+", "warning", "in place of one of two"],
    ["p~f", "f+", "failing", "beside one that is heard"],
    ["f~a", "p+", "warning", "not when another seat needs it"],
    ["f~-", "p+", "warning", "not when another seat is empty"],
    ["fp", "p+ p+", "warning", "not when the owners are heard"],
    ["f~", "p!", "failing", "not when it is dead"],
    ["f~", "p~", "failing", "not when it is silent too"],
    ["f~", "p~ p+", "passing", "and goes before one that is silent too"],
    ["pa", "f~", "passing", "and one that is silent does not see in place of one that cannot look"],
  ];
  for (const [votes, others, state, title] of rows)
    it(`${title}: ${votes}, ${others}: ${state}`, () => {
      const seats = votes.match(/.~?/g)?.map((text) => withPast(owners(text[0] ?? "")[0], text.includes("~"))) ?? [];
      const waiting = former(others.replaceAll("~", "+")).map((vote, index) => ({
        ...vote,
        isPast: others.split(" ")[index]?.includes("~") === true,
      }));
      const options = { spare: 0, agree: 2, isAwaited: false, awaitedMs: 0 };
      assert.equal(agreedOn({ owners: seats, former: waiting, ...options }, UNDECIDED, NOW).state, state);
    });
});

function withPast(seat: SeatVote | undefined, isPast: boolean): SeatVote | undefined {
  return seat && { ...seat, isPast };
}

describe("a decision counts as long as one of the votes that it follows from", () => {
  for (const [votes, agree, index] of [
    ["ppp", 2, 2],
    ["ppf", 2, 1],
    ["fpf", 2, 2],
    ["ffp", 2, 1],
    ["pw", 2, 1],
    ["wp", 2, 1],
    ["ppA", 2, 1],
    ["ppP", 2, 1],
  ] as const)
    it(`${votes}`, () => assert.equal(agreed(votes, agree).validUntil, NOW + 100 + index));

  it("a vote counts until its time, and not at it", () => {
    const at = (validUntil: number) => {
      const seat = { vote: { state: "passing", reason: undefined }, validUntil } as const;
      return agreedOn({ owners: [seat], former: [], spare: 0, agree: 1, isAwaited: true, awaitedMs: 0 }, UNDECIDED, NOW)
        .state;
    };
    assert.equal(at(NOW + 1), "passing");
    assert.equal(at(NOW), "pending");
  });

  it("carries the services that the target reports, of the first vote that has them", () => {
    const service = { name: "worker", status: "SERVING", reason: undefined } as const;
    const reported = [service];
    const seats = owners("pfp").map((seat, index) =>
      seat === undefined
        ? seat
        : { ...seat, vote: { ...seat.vote, reported: index > 0 ? [{ ...service, name: `${index}` }] : undefined } },
    );
    const decision = agreedOn(
      { owners: seats, former: [], spare: 0, agree: 2, isAwaited: true, awaitedMs: 0 },
      UNDECIDED,
      NOW,
    );
    assert.deepEqual(decision.reported, [{ ...reported[0], name: "2" }]);
  });
});

describe("two decisions are the same for those who are told", () => {
  const service = { name: "w", status: "SERVING", reason: "r" } as const;
  const base: Decision = { state: "passing", reason: "r", validUntil: 1, reported: [service] };
  const others: readonly (readonly [title: string, change: Partial<Decision>, isSame: boolean])[] = [
    ["with another time", { validUntil: 2 }, true],
    ["with an equal list of services", { reported: [{ ...service }] }, true],
    ["with another state", { state: "warning" }, false],
    ["with another reason", { reason: undefined }, false],
    ["with no services", { reported: undefined }, false],
    ["with an empty list", { reported: [] }, false],
    ["with one service more", { reported: [service, service] }, false],
    ["with another name", { reported: [{ ...service, name: "x" }] }, false],
    ["with another status", { reported: [{ ...service, status: "UNKNOWN" }] }, false],
    ["with another reason of a service", { reported: [{ ...service, reason: undefined }] }, false],
  ];
  for (const [title, change, isSame] of others)
    it(`${title}: ${isSame}`, () => {
      assert.equal(isSameDecision(base, { ...base, ...change }), isSame);
      assert.equal(isSameDecision({ ...base, ...change }, base), isSame);
    });
});
