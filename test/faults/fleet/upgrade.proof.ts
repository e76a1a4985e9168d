/**
 * Row F6: a rolling upgrade to a version with another format of records.
 *
 *     m1 old  m2 old  m3 old   -->   m1 new  m2 old  m3 old   -->   m1 new  m2 new  m3 old   -->   all new
 *
 * Members of both formats do not understand each other: each group probes everything.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { MAIN } from "../../support/daemon-process.js";
import { eventually, pause } from "../../support/eventually.js";
import { BEAT_MS, FleetSite, INTERVAL_MS, type Member, SLACK_MS } from "./fleet-site.js";

const NEW_FORMAT = { nodeArgs: ["-r", fileURLToPath(new URL("other-format.cjs", import.meta.url))] };

const execute = promisify(execFile);

const SPACES = ["m1", "m2", "m3"];

describe("a fleet of three whose members are upgraded one after the other", () => {
  let site: FleetSite;
  before(async () => {
    site = await FleetSite.open(13);
  });
  after(() => site.close());

  /** The state of each member, as one of them tells. */
  const told = async ({ control }: Member): Promise<Readonly<Record<string, string>>> => {
    // the test's own streams are read meanwhile
    const { stdout } = await execute(process.execPath, [MAIN, "members", "--json", "--control", control]);
    const { members }: { readonly members: readonly { readonly member: string; readonly state: string }[] } =
      JSON.parse(stdout);
    return Object.fromEntries(members.map(({ member, state }) => [member, state]));
  };

  /** Those of its own group are alive, and the others have another format. */
  const areTold = async (upgraded: readonly string[]) => {
    await pause(BEAT_MS);
    const states = await Promise.all(site.live.map(async (member) => [member.space, await told(member)] as const));
    return states.every(([self, all]) =>
      SPACES.every((space) => all[space] === (isNew(self) === isNew(space) ? "alive" : "other-format")),
    );
    function isNew(space: string): boolean {
      return upgraded.includes(space);
    }
  };

  for (const [index, space] of SPACES.entries())
    test(`${space} gets the other format: both groups probe everything, without a gap, and no service falls [F6]`, async (context) => {
      const upgraded = SPACES.slice(0, index + 1);
      await site.forgetHits();
      await site.terminate(site.member(space));
      await site.start(space, NEW_FORMAT);
      await site.serves();
      await eventually(() => areTold(upgraded), "all members tell who has another format");
      const gapMs = await site.longestGap();
      context.diagnostic(`the longest time without a probe: ${Math.round(gapMs)} ms`);
      assert.ok(gapMs < INTERVAL_MS + SLACK_MS, `${gapMs} ms without a probe`);
      const groups = [upgraded, SPACES.filter((each) => !upgraded.includes(each))].filter((group) => group.length > 0);
      for (const member of site.live) {
        const others = groups.find((group) => !group.includes(member.space))?.length ?? 0;
        assert.equal(await member.metric('healthbridge_fleet_members{state="other-format"'), others);
      }
      await eventually(async () => {
        const owners = await site.owners();
        return site.targets.every((name) =>
          groups.every((group) => {
            const probers = owners.get(name)?.filter((each) => group.includes(each)) ?? [];
            return probers.length === Math.min(group.length, site.copiesOf(name));
          }),
        );
      }, "each group probes every target, as often as it has copies");
      const sick = [`t${3 * index}`, `t${3 * index + 1}`]; // one copy, and two
      await site.set("fail", ...sick);
      await site.tells("NOT_SERVING", sick, 10_000);
      await site.recover(...sick);
      assert.equal(await site.sum("healthbridge_fleet_refused_records_total"), 0);
      assert.deepEqual(site.lines("fleet-duplicate"), []);
      site.judge();
    });
});
