import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Assignable, hashed, hashOf, ownersOf, Ranking } from "../../../src/fleet/rules/assignment.js";

function candidates(names: string, change: (name: string) => Partial<Assignable> = () => ({})) {
  return [...names].map((name) => hashed({ run: `run-${name}`, name, zone: undefined, weight: 100, ...change(name) }));
}

const CHECKS = Array.from({ length: 6_000 }, (_, index) => hashOf(`check-${index}`));

function namesOf(check: number, copies: number, of: ReturnType<typeof candidates>): string {
  return ownersOf(check, copies, of)
    .map(({ name }) => name)
    .join("");
}

function shares(copies: number, of: ReturnType<typeof candidates>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const check of CHECKS)
    for (const { name } of ownersOf(check, copies, of)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function assertAbout(actual: number | undefined, expected: number): void {
  assert.ok(
    actual !== undefined && Math.abs(actual - expected) < 0.08 * expected,
    `${actual} is not about ${expected}`,
  );
}

describe("the assignment of checks to members", () => {
  it("is the same at each member, in any order of the candidates", () => {
    const forward = candidates("abcdefg");
    const backward = candidates("gfedcba");
    for (const check of CHECKS) assert.equal(namesOf(check, 3, forward), namesOf(check, 3, backward));
  });

  it("follows the name and not the run: a restarted member gets its checks back", () => {
    const again = candidates("abc", (name) => ({ run: `other-${name}` }));
    for (const check of CHECKS) assert.equal(namesOf(check, 2, again), namesOf(check, 2, candidates("abc")));
  });

  it("is the same in each version of healthbridge", () => {
    assert.deepEqual(["", "orders", "orders-a"].map(hashOf), [2_872_998_923, 2_069_166_408, 2_983_055_648]);
    assert.equal(
      CHECKS.slice(0, 12)
        .map((check) => namesOf(check, 2, candidates("abcd")))
        .join(" "),
      "bd db bd bd db da ad ca dc da ad cd",
    );
  });

  for (const [title, copies, names, each] of [
    ["one copy", 1, "abc", 2_000],
    ["two copies", 2, "abc", 4_000],
    ["two copies of ten", 2, "abcdefghij", 1_200],
  ] as const)
    it(`is even: ${title}`, () => {
      for (const [, count] of shares(copies, candidates(names))) assertAbout(count, each);
    });

  it("follows the weights", () => {
    const counts = shares(
      1,
      candidates("abc", (name) => ({ weight: name === "c" ? 200 : 100 })),
    );
    assertAbout(counts.get("a"), 1_500);
    assertAbout(counts.get("b"), 1_500);
    assertAbout(counts.get("c"), 3_000);
  });

  it("moves only the checks of a member that is gone", () => {
    const all = candidates("abcde");
    const rest = all.filter(({ name }) => name !== "c");
    for (const check of CHECKS) {
      const before = namesOf(check, 2, all);
      const after = namesOf(check, 2, rest);
      if (!before.includes("c")) assert.equal(after, before);
      else assert.ok([...before].every((name) => name === "c" || after.includes(name)));
    }
  });

  it("has no member twice, and as many as there are", () => {
    for (const [copies, names, expected] of [
      [0, "ab", 0],
      [1, "", 0],
      [1, "a", 1],
      [2, "a", 1],
      [2, "ab", 2],
      [3, "abc", 3],
      [9, "abc", 3],
    ] as const)
      for (const check of CHECKS.slice(0, 50)) {
        const owners = namesOf(check, copies, candidates(names));
        assert.equal(owners.length, expected);
        assert.equal(new Set(owners).size, expected);
      }
  });

  const zones: readonly (readonly [names: string, zones: string, copies: number, counts: string])[] = [
    ["abcd", "1122", 2, "11"],
    ["abcd", "1112", 2, "11"],
    ["abcd", "1111", 2, "2"],
    ["abcd", "1123", 3, "111"],
    ["abcd", "1122", 3, "12"],
    ["abcdef", "111222", 4, "22"],
    ["abcdef", "111112", 4, "13"],
    ["abcd", "..11", 2, "11"],
  ];
  for (const [names, zoneOf, copies, counts] of zones)
    it(`takes different zones first: ${copies} of members in the zones ${zoneOf}`, () => {
      const of = candidates(names, (name) => {
        const zone = zoneOf[names.indexOf(name)];
        return { zone: zone === "." ? undefined : zone };
      });
      for (const check of CHECKS.slice(0, 300)) {
        const perZone = new Map<string | undefined, number>();
        for (const { zone } of ownersOf(check, copies, of)) perZone.set(zone, (perZone.get(zone) ?? 0) + 1);
        assert.equal([...perZone.values()].sort().join(""), counts);
      }
    });

  it("takes the best member of all first, whatever the zones are", () => {
    const zoned = candidates("abcd", (name) => ({ zone: "ab".includes(name) ? "1" : "2" }));
    for (const check of CHECKS) assert.equal(namesOf(check, 2, zoned)[0], namesOf(check, 1, candidates("abcd")));
  });

  it("takes the name that comes first when scores are equal", () => {
    const twins = ["b", "a", "c"].map((name) => ({
      ...hashed({ run: name, name, zone: undefined, weight: 1 }),
      hash: 5,
    }));
    assert.deepEqual(
      ownersOf(1, 2, twins).map(({ name }) => name),
      ["a", "b"],
    );
  });

  it("takes less than half a second of the processor for 100,000 checks and 20 members", () => {
    const ranking = new Ranking(candidates("abcdefghijklmnopqrst"));
    const before = process.cpuUsage().user;
    for (let check = 0; check < 100_000; check += 1) ranking.owners(check, 2);
    const tookMs = (process.cpuUsage().user - before) / 1_000;
    assert.ok(tookMs < 500, `${tookMs} ms`);
  });
});
