/** The rules of names: one writer for each name, what a declared service is made of, and the names of Celery's workers. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CheckDeclaration } from "../../src/checks/declarations.js";
import {
  checkServices,
  claimCheck,
  claimNamedServices,
  claimOverall,
  describeOwner,
  Names,
  type Owner,
} from "../../src/checks/name-rules.js";
import type { ServiceDeclaration } from "../../src/checks/service-graph.js";

const KINDS = ["check", "named", "service", "overall", "discovered", "hand"] as const;
const ownerOf = (kind: Owner["kind"], of = "x"): Owner => ({ kind, of, path: ["at", kind, of] });
const check = (name: string, services?: unknown, url = "tcp://h:1") =>
  ({ name, source: { kind: "target", url }, options: { services } }) as CheckDeclaration; // as a caller without types

/** Names of which no other owner runs. */
const namesOf = (...checks: CheckDeclaration[]) => new Names({ ownerOf: () => undefined }, [], () => checks);
const service = (name: string, members: unknown = ["a"], policy: unknown = { kind: "all" }) =>
  ({ name, policy, members }) as ServiceDeclaration; // as a caller without types

describe("a name has one owner", () => {
  const texts: Readonly<Record<Owner["kind"], string>> = {
    check: "a check has this name already",
    named: "a check makes this service already",
    service: "a service of this name is declared already",
    overall: "the checks and services make the server as a whole already",
    discovered: "the target of a check names this service already",
    hand: "the application has set this service by hand; clear it first",
  };
  for (const first of KINDS)
    for (const second of KINDS)
      test(`${second} after ${first}`, () => {
        const names = namesOf();
        assert.equal(names.claim("n", ownerOf(first, "a")), undefined);
        const violation = names.claim("n", ownerOf(second, "b"));
        if (first === "named" && second === "named") return assert.equal(violation, undefined);
        const other = first === "hand" ? undefined : ["at", first, "a"];
        assert.deepEqual(violation, { code: "DUPLICATE_NAME", path: ["at", second, "b"], text: texts[first], other });
      });

  test("a check may name its own service, and no other check's", () => {
    const names = namesOf();
    names.claim("a", ownerOf("check", "a"));
    assert.equal(names.claim("a", ownerOf("named", "a")), undefined);
    assert.equal(names.claim("a", ownerOf("named", "b"))?.text, texts.check);
  });

  test("another name is free", () => {
    const names = namesOf();
    names.claim("a", ownerOf("check"));
    assert.equal(names.claim("b", ownerOf("check")), undefined);
  });

  test("a running owner counts only if it is of one of the given kinds", () => {
    const running = { ownerOf: (name: string) => (name === "n" ? ownerOf("hand") : undefined) };
    assert.equal(new Names(running, ["check"], () => []).claim("n", ownerOf("check")), undefined);
    const names = new Names(running, ["check", "hand"], () => []);
    assert.equal(names.claim("n", ownerOf("check"))?.text, texts.hand);
    assert.equal(names.claim("m", ownerOf("check")), undefined);
  });

  test("each owner has a text of its own", () => {
    assert.deepEqual(
      KINDS.map((kind) => describeOwner(ownerOf(kind, "a"))),
      [
        'the check "a"',
        'the option "services" of the check "a"',
        'the declared service "a"',
        "the checks and the declared services",
        'the target of the check "a"',
        "a call of set()",
      ],
    );
  });
});

describe("the names of Celery's workers", () => {
  const flower = check("f", undefined, "flower+http://h:1");

  test("are reserved beside a check of Flower", () => {
    const violation = namesOf(check("a"), flower).claim("celery.worker/w", ownerOf("check", "b"));
    assert.equal(violation?.code, "DUPLICATE_NAME");
    assert.match(violation?.text ?? "", /^names that begin with "celery\.worker\/" are reserved/);
    assert.deepEqual(violation?.other, ["checks", "f"]);
  });

  test("are free without one, and only the beginning of a name counts", () => {
    const heartbeat = { name: "h", source: { kind: "heartbeat", ttl: "1m" }, options: {} } as CheckDeclaration;
    assert.equal(namesOf(check("a"), heartbeat).claim("celery.worker/w", ownerOf("check")), undefined);
    assert.equal(
      namesOf(check("a", undefined, "http://flower+http://")).claim("celery.worker/w", ownerOf("check")),
      undefined,
    );
    assert.equal(namesOf(flower).claim("my.celery.worker/w", ownerOf("check")), undefined);
  });
});

describe("the names that a check claims", () => {
  const textsOf = (violations: readonly { readonly text: string }[]) => violations.map(({ text }) => text);

  test("its own: not empty, not that of the self-check, and free", () => {
    const names = namesOf();
    assert.deepEqual(claimCheck(check("a"), names), []);
    assert.deepEqual(claimCheck(check("a"), names), [
      { code: "DUPLICATE_NAME", path: ["checks", "a"], text: "a check has this name already", other: ["checks", "a"] },
    ]);
    assert.deepEqual(claimCheck(check(""), names), [
      { code: "INVALID_SERVICE_NAME", path: ["checks", ""], text: "the name must not be empty" },
    ]);
    assert.deepEqual(textsOf(claimCheck(check("self-check"), names)), [
      'the name "self-check" is reserved for the isolation rule',
    ]);
  });

  test("those of its settings: each fault at its place", () => {
    const names = namesOf();
    claimCheck(check("b"), names);
    assert.deepEqual(claimNamedServices(check("a", ["s", "", "b"]), names), [
      { code: "INVALID_SERVICE_NAME", path: ["checks", "a", "services", 1], text: "must not be empty" },
      {
        code: "DUPLICATE_NAME",
        path: ["checks", "a", "services", 2],
        text: "a check has this name already",
        other: ["checks", "b"],
      },
    ]);
    assert.deepEqual(claimNamedServices(check("c"), names), []);
    assert.deepEqual(claimNamedServices(check("c", "s"), names), [], "another rule refuses what is no list");
  });

  test("the server as a whole, unless it is declared", () => {
    const set = new Names({ ownerOf: () => ownerOf("hand") }, ["hand"], () => []);
    assert.deepEqual(textsOf(claimOverall([], ["overall"], set)), [
      'the application has set the server as a whole ("") by hand; clear it first',
    ]);
    assert.deepEqual(claimOverall([service("")], ["overall"], set), []);
    assert.deepEqual(claimOverall([service("s")], ["overall"], namesOf()), []);
  });
});

describe("a declared service", () => {
  const rows: readonly (readonly [label: string, ServiceDeclaration, path: readonly unknown[], text: string])[] = [
    ["without members", service("s", []), ["members"], "must name at least one check or service"],
    ["with members that are no list", service("s", "a"), ["members"], "must be a list of names"],
    [
      "with a member that is no text",
      service("s", ["a", 1]),
      ["members", 1],
      "must be the name of a check or a service",
    ],
    ["with the whole as a member", service("s", [""]), ["members", 0], "must be the name of a check or a service"],
    ["of no policy", service("s", ["a"], { kind: "most" }), ["policy"], "must be all, any or quorum"],
    [
      "of a quorum of 0",
      service("s", ["a"], { kind: "quorum", count: 0 }),
      ["policy"],
      "must be a whole number from 1 on",
    ],
    [
      "of half a quorum",
      service("s", ["a"], { kind: "quorum", count: 0.5 }),
      ["policy"],
      "must be a whole number from 1 on",
    ],
    [
      "of a quorum that its members cannot reach",
      service("s", ["a", "b", "a"], { kind: "quorum", count: 3 }),
      ["policy"],
      "3 of 2 members can never be reached",
    ],
  ];
  for (const [label, declaration, path, text] of rows)
    test(`${label} is refused`, () => {
      const { violations } = checkServices([declaration], namesOf());
      assert.deepEqual(violations, [{ code: "INVALID_OPTION", path: ["services", "s", ...path], text }]);
    });

  for (const policy of [{ kind: "all" }, { kind: "any" }, { kind: "quorum", count: 1 }, { kind: "quorum", count: 2 }])
    test(`of ${JSON.stringify(policy)} over two members is accepted`, () => {
      const declaration = service("s", ["a", "b"], policy);
      assert.deepEqual(checkServices([declaration], namesOf()), { violations: [], order: [declaration] });
    });

  test("may be the server as a whole, and has no other empty or invalid name", () => {
    assert.deepEqual(checkServices([service("")], namesOf()).violations, []);
    const [violation] = checkServices([service("x".repeat(2_000))], namesOf()).violations;
    assert.equal(violation?.code, "INVALID_SERVICE_NAME");
    assert.match(violation?.text ?? "", /^the name must /);
  });

  test("that has the name of a check is refused, and still checked", () => {
    const names = namesOf();
    claimCheck(check("s"), names);
    const { violations } = checkServices([service("s", [])], names);
    assert.deepEqual(
      violations.map(({ code }) => code),
      ["DUPLICATE_NAME", "INVALID_OPTION"],
    );
  });

  test("in a cycle is refused with the cycle, beside the other faults", () => {
    const { violations, order } = checkServices(
      [service("s", ["t"]), service("t", ["s"]), service("u", [])],
      namesOf(),
    );
    assert.deepEqual(order, []);
    assert.equal(violations.length, 2);
    assert.match(violations[1]?.text ?? "", /^services form a cycle: (s -> t -> s|t -> s -> t)$/);
  });

  test("comes after its members in the order", () => {
    const { order } = checkServices([service("s", ["t"]), service("t", ["a"])], namesOf());
    assert.deepEqual(
      order.map(({ name }) => name),
      ["t", "s"],
    );
  });
});
