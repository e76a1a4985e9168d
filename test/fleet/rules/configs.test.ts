import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runAtOnce } from "../../../src/core/turns.js";
import type { Definition } from "../../../src/fleet/records/vote.js";
import { configDigest, OtherConfigs } from "../../../src/fleet/rules/configs.js";
import { definition, definitions } from "../fleet-world.js";

function digest(of: readonly Definition[]): string {
  return runAtOnce(configDigest(of));
}

describe("the digest of a configuration", () => {
  const base = definitions(2_500);

  it("does not depend on the order of the checks", () => {
    assert.match(digest(base), /^[0-9a-f]{24}$/);
    assert.equal(digest(base.toReversed()), digest(base));
  });

  it("depends on each check, and on its definition", () => {
    const others = [
      base.slice(1),
      [...base, definition("more")],
      [definition("check-0", { digest: "d2" }), ...base.slice(1)],
      [definition("other"), ...base.slice(1)],
      [],
      base.concat(base),
    ];
    assert.equal(new Set([base, ...others].map(digest)).size, 7);
  });

  it("tells two checks that have changed their definitions", () => {
    const pair = (one: string, other: string) => [definition("a", { digest: one }), definition("b", { digest: other })];
    assert.notEqual(digest(pair("1", "2")), digest(pair("2", "1")));
  });

  it("depends on the ttl of a heartbeat, whose definition does not", () => {
    const [one, other] = [60_000, 61_000].map((staleAfterMs) => definition("a", { isHeartbeat: true, staleAfterMs }));
    assert.ok(one !== undefined && other !== undefined);
    assert.notEqual(digest([one]), digest([other]));
  });

  it("is made in steps", () => {
    let steps = 0;
    for (const _ of configDigest(base)) steps += 1;
    assert.equal(steps, 2);
  });
});

describe("the configurations of other members", () => {
  it("are each read once", () => {
    const configs = new OtherConfigs();
    assert.deepEqual(configs.missing(["x", "y", "x"], 0), ["x", "y"]);
    assert.deepEqual(configs.missing(["x", "y"], 0), []);
    configs.keep("x", new Map([["orders", "d1"]]));
    configs.giveUp("y", 0);
    assert.deepEqual(configs.missing(["x", "y"], 0), ["y"]);
    assert.equal(configs.digestOf("x", "orders"), "d1");
    assert.equal(configs.digestOf("x", "other"), undefined);
    assert.equal(configs.digestOf("y", "orders"), undefined);
  });

  it("are known as long as members hold them, however many there are", () => {
    const configs = new OtherConfigs();
    const held = Array.from({ length: 40 }, (_, index) => `c${index}`);
    assert.deepEqual(configs.missing(held, 0), held);
    for (const config of held) configs.keep(config, new Map([["orders", config]]));
    assert.deepEqual(configs.missing(held, 0), []);
    assert.equal(configs.digestOf("c0", "orders"), "c0");
    configs.missing(["c0", "c39"], 0);
    configs.keep("new", new Map());
    const known = held.filter((config) => configs.isKnown(config));
    assert.deepEqual([known.length, known.includes("c0")], [15, true], "sixteen with the new one");
  });

  it("are at most sixteen, when they are held no more", () => {
    const configs = new OtherConfigs();
    for (let index = 0; index < 17; index += 1) configs.keep(`c${index}`, new Map([["orders", "d1"]]));
    assert.equal(configs.digestOf("c0", "orders"), undefined);
    assert.equal(configs.digestOf("c1", "orders"), "d1");
    assert.equal(configs.digestOf("c16", "orders"), "d1");
  });
});

it("configurations are being read until they are known or given up", () => {
  const configs = new OtherConfigs();
  const states = [configs.isReading];
  configs.missing(["a", "b"], 0);
  states.push(configs.isReading);
  configs.keep("a", new Map());
  states.push(configs.isReading);
  configs.giveUp("b", 0);
  states.push(configs.isReading);
  assert.deepEqual(states, [false, true, true, false]);
  assert.deepEqual(
    [configs.missing(["b"], 0), configs.isReading],
    [["b"], false],
    "one that was given up is not waited for",
  );
  configs.giveUp("b", 0);
  configs.missing(["a"], 0);
  assert.deepEqual([configs.missing(["b"], 0), configs.isReading], [["b"], true], "but it is when it comes again");
});
