/** What a beat vouches for while a change is on its way to the store. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FleetCodec } from "../../src/fleet/records/codec.js";
import { definitions, World } from "./fleet-world.js";

const codec = new FleetCodec("prod", "a secret of the fleet");

describe("a beat while the change of a vote is not written yet", () => {
  for (const [title, sinceS, expected] of [
    ["says the age of the vote that the store has", 18, 0.6],
    ["vouches for nothing when that vote is too old", 33, 1],
  ] as const)
    it(title, async () => {
      const world = new World();
      world.isSilent = true;
      const [member] = await world.grow(1, definitions(1, { copies: 1 }));
      assert.ok(member !== undefined);
      const { connection, fleet } = member;
      const stalest = () => {
        const opened = codec.openBeat(fleet.run, world.store.beats.get(fleet.run) ?? "");
        return opened.kind === "beat" ? opened.beat.stalest : undefined;
      };
      member.vote("check-0", { state: "passing", reason: undefined });
      await world.seconds(sinceS);
      assert.equal(stalest(), 0);
      const write = connection.write.bind(connection);
      connection.write = async (entry) => {
        await new Promise<void>((resolve) => void world.clock.setTimer(2_000, resolve));
        return write(entry);
      };
      member.vote("check-0", { state: "failing", reason: "refused" });
      await world.seconds(1.5);
      const said = stalest() ?? 0;
      assert.ok(said >= expected && said < expected + 0.05, `${said}`);
      await world.seconds(3);
      assert.equal(stalest(), 0);
    });
});
