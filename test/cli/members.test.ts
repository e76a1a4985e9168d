/** `healthbridge members` and `owners` against daemons of this process, with a fleet and without. Needs the build. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../src/core/clock.js";
import { StoreError } from "../../src/fleet/store/store.js";
import { eventually } from "../support/eventually.js";
import { config, Member, Target } from "../support/fleet-daemons.js";
import { MemoryStore } from "../support/fleet-memory-store.js";
import { run } from "./program.js";

const folder = mkdtempSync(join(tmpdir(), "hb-members-"));
after(() => rmSync(folder, { recursive: true }));
const socketOf = (name: string) => join(folder, `${name}.sock`);

describe("healthbridge members, with a fleet", () => {
  const store = new MemoryStore(systemClock);
  const members: Member[] = [];
  let target: Target;
  const ask = (...args: readonly string[]) => run(...args, "--control", socketOf("eu-1"));
  const checksOf = async (name: string): Promise<number> => {
    const listed: { readonly members: readonly { readonly member: string; readonly checks: number }[] } = JSON.parse(
      (await ask("members", "--json")).stdout,
    );
    return listed.members.find(({ member }) => member === name)?.checks ?? -1;
  };

  before(async () => {
    target = await Target.open();
    const checks = `  orders: "${target.url}"\n  pay: { target: "${target.url}", copies: 1 }\n  own: { exec: ["/bin/true"] }`;
    const text = (name: string) => config(checks, `allowExec: true\ncontrol: ${socketOf(name)}`);
    members.push(...(await Promise.all(["eu-1", "eu-2"].map((name) => Member.open(name, store, text(name))))));
    for (const member of members)
      for (const name of ["orders", "pay"])
        await eventually(async () => (await member.status(name)) === "SERVING", name);
    await eventually(async () => (await checksOf("eu-2")) >= 1 && (await checksOf("eu-1")) >= 1, "both have a share");
    await eventually(async () => !/not yet/.test((await ask("owners", "orders")).stdout), "both have voted");
  });
  after(async () => {
    await Promise.all(members.map((member) => member.stop({ drainDelayMs: 0 })));
    target.close();
  });

  test("prints a table of members: state, zone, share of the checks, last beat, version and configuration", async () => {
    const { stdout, stderr, code } = await ask("members");
    assert.deepEqual([code, stderr], [0, ""]);
    const [title, head = "", first = "", second = "", ...rest] = stdout.trimEnd().split("\n");
    assert.equal(title, "fleet prod");
    assert.match(head, /^MEMBER +STATE +ZONE +CHECKS +LAST BEAT +VERSION +CONFIG$/);
    assert.match(first, /^eu-1 \(this\) +alive +\d +0ms +\d+\.\d+\.\S+ +\S{1,12}$/);
    assert.match(second, /^eu-2 +alive +\d +\d+ms +\d+\.\d+\.\S+ +\S{1,12}$/);
    assert.deepEqual(rest, []);
    const config = first.split(/ +/).at(-1) ?? "";
    const [{ config: whole }] = JSON.parse((await ask("members", "--json")).stdout).members;
    assert.equal(config, whole.slice(-12), "not its begin, which is the number of checks");
  });

  test("prints JSON on one line", async () => {
    const { stdout } = await ask("members", "--json");
    assert.equal(stdout.split("\n").length, 2);
    const { fleet, detached, configDigests, members: listed } = JSON.parse(stdout);
    assert.deepEqual([fleet, detached, configDigests], ["prod", false, 1]);
    assert.deepEqual(
      listed.map(({ member, self, state, zone }: Record<string, unknown>) => [member, self, state, zone]),
      [
        ["eu-1", true, "alive", ""],
        ["eu-2", false, "alive", ""],
      ],
    );
    assert.match(listed[0].run, /^[0-9a-f]{24}$/);
  });

  test("owners prints who probes a check, and what each finds", async () => {
    const { stdout, code } = await ask("owners", "orders");
    assert.equal(code, 0);
    const [title, head = "", ...rows] = stdout.trimEnd().split("\n");
    assert.equal(title, "orders: shared among the members");
    assert.match(head, /^MEMBER +ZONE +ROLE +VOTE +REASON$/);
    assert.deepEqual(
      rows
        .map((row) =>
          row
            .split(/ +/)
            .filter((word) => word !== "")
            .join(" "),
        )
        .sort(),
      ["eu-1 owner passing", "eu-2 owner passing"],
    );
    assert.equal((await ask("owners", "pay")).stdout.trimEnd().split("\n").length, 3, "one copy");
    assert.match((await ask("owners", "own")).stdout, /^own: each member probes it for itself/);
    const { check, scope, owners } = JSON.parse((await ask("owners", "orders", "--json")).stdout);
    assert.deepEqual([check, scope, owners.length], ["orders", "shared", 2]);
    assert.deepEqual([owners[0].owner, owners[0].vote], [true, "passing"]);
  });

  test("status says who probes a check that rests here, in words and as JSON", async () => {
    const owner = JSON.parse((await ask("owners", "pay", "--json")).stdout).owners[0].member;
    const resting = owner === "eu-1" ? "eu-2" : "eu-1";
    const status = (...args: readonly string[]) => run("status", ...args, "--control", socketOf(resting));
    const { stdout } = await status();
    assert.match(stdout, new RegExp(`^pay .* probed by ${owner}$`, "m"));
    assert.doesNotMatch(stdout, /^(?:orders|own) .*probed by/m);
    const { checks, daemon } = JSON.parse((await status("--json")).stdout);
    const probing = checks.map(({ name, resting, probedBy }: Record<string, unknown>) => [name, resting, probedBy]);
    assert.deepEqual(probing.sort(), [
      ["orders", false, []],
      ["own", false, []],
      ["pay", true, [owner]],
    ]);
    assert.equal(daemon.detached, false);
  });

  test("drain hands the checks of any member over, and resume gives them back", async () => {
    const drained = await ask("members", "drain", "eu-2");
    assert.deepEqual([drained.code, drained.stderr], [0, ""]);
    assert.match(
      drained.stdout,
      /^eu-2: asked to hand its checks over; healthbridge members shows how many it has left\n$/,
    );
    await eventually(async () => (await checksOf("eu-2")) === 0 && (await checksOf("eu-1")) === 2, "handed over");
    assert.match((await ask("members")).stdout, /^eu-2 +drained/m);
    for (const member of members) assert.equal(await member.status("orders"), "SERVING", "it goes on serving");
    const linesOf = (event: string) =>
      members.map((member) => member.lines(event).map(({ fields }) => fields.by ?? fields.member));
    assert.deepEqual(
      [linesOf("fleet-order"), linesOf("fleet-drained")],
      [
        [["eu-2"], []],
        [[], ["eu-1"]],
      ],
    );
    assert.equal(await members[0]?.metric('healthbridge_fleet_members{state="drained"}'), 1);
    const last = await ask("members", "drain", "eu-1");
    assert.deepEqual([last.code, last.stdout], [3, ""]);
    assert.match(last.stderr, /"eu-1" is the only member that is not drained/);
    assert.equal(JSON.parse((await ask("members", "resume", "eu-2", "--json")).stdout).drained, false);
    await eventually(async () => (await checksOf("eu-2")) >= 1, "it has a share again");
    assert.deepEqual(linesOf("fleet-resumed"), [[], ["eu-1"]]);
  });

  test("members, owners and status say why the store is of no use, and what it has answered", async () => {
    const [first] = members;
    if (first === undefined) throw new Error("there are two");
    const { connection } = first;
    const { beat } = connection;
    const failure = () =>
      Promise.reject(new StoreError("refused", "redis://db: OOM \u001b[2J", { fault: "out-of-memory" }));
    connection.beat = failure;
    await eventually(async () => /^detached/m.test((await ask("members")).stdout), "detached");
    const text = "detached: the store of the fleet is out of memory; this member decides by its own probes\n";
    const calls = "calls of the store fail: redis://db: OOM ";
    for (const args of [["members"], ["status"]]) {
      const { stdout } = await ask(...args);
      assert.ok(stdout.includes(text) && stdout.includes(calls) && !stdout.includes("\u001b"), stdout);
    }
    assert.ok((await ask("owners", "orders")).stdout.includes(text));
    const roles = async () => (await ask("owners", "pay")).stdout.match(/^eu-\d +(?:former )?owner/gm) ?? [];
    await eventually(async () => (await roles()).some((row) => /^eu-1 +owner/.test(row)), "it decides alone");
    const listed = JSON.parse((await ask("members", "--json")).stdout);
    assert.deepEqual([listed.detached, listed.storeFault], [true, "out-of-memory"]);
    assert.equal(JSON.parse((await ask("status", "--json")).stdout).daemon.storeFault, "out-of-memory");
    assert.equal(JSON.parse((await first.get("/readyz")).body).storeFault, "out-of-memory");
    connection.beat = beat;
    await eventually(async () => !/^detached|^calls/m.test((await ask("members")).stdout), "attached");
  });

  test("refuses an unknown member or check with the nearest name", async () => {
    const member = await ask("members", "drain", "eu-22");
    assert.deepEqual([member.code, member.stdout], [3, ""]);
    assert.match(member.stderr, /there is no live member "eu-22"; did you mean eu-2\?/);
    const check = await ask("owners", "ordres");
    assert.deepEqual([check.code, check.stdout], [3, ""]);
    assert.match(check.stderr, /there is no check "ordres"; did you mean orders\?/);
  });
});

describe("healthbridge owners of a heartbeat, and the page", () => {
  const names = ["push-1", "push-2", "push-3"] as const;
  const members: Member[] = [];
  before(async () => {
    const store = new MemoryStore(systemClock);
    const checks = "  nightly: { heartbeat: { ttl: 1m, token: s3cret } }";
    const text = (name: string) => config(checks, `control: ${socketOf(name)}`).replace("page: false", "page: true");
    members.push(...(await Promise.all(names.map((name) => Member.open(name, store, text(name))))));
  });
  after(async () => {
    await Promise.all(members.map((member) => member.stop({ drainDelayMs: 0 })));
  });
  const owners = async (at: string) => (await run("owners", "nightly", "--control", socketOf(at))).stdout;

  test("name the member that has the newest report, and count no votes: another one has a failure", async () => {
    const [first, second, third] = members;
    assert.equal(await first?.report("nightly", "s3cret", "fail"), 200);
    for (const member of members)
      await eventually(async () => (await member.status("nightly")) === "NOT_SERVING", "all know the failure");
    assert.equal(await third?.report("nightly", "s3cret", "fail"), 200);
    await eventually(async () => /^push-3 +newest report/m.test(await owners("push-2")), "two failures");
    assert.equal(await second?.report("nightly", "s3cret"), 200);
    for (const [index, name] of names.entries()) {
      await eventually(async () => (await members[index]?.status("nightly")) === "SERVING", name);
      const [title, , ...rows] = (await owners(name)).trimEnd().split("\n");
      assert.equal(title, "nightly: a heartbeat: the newest report counts, at whichever member it arrived");
      assert.deepEqual(
        rows.map((row) => row.split(/ {2,}/).map((cell) => cell.trim())).map(([member, role]) => [member, role]),
        [
          ["push-1", "owner"],
          ["push-2", "newest report"],
          ["push-3", "owner"],
        ],
      );
      const page = (await members[index]?.get("/?service=nightly", "text/html"))?.body ?? "";
      assert.match(page, /<td class="voters">push-2<\/td>/);
    }
  });
});

describe("healthbridge members, without a fleet", () => {
  let daemon: Member;
  before(async () => {
    const checks = '  a: "tcp://127.0.0.1:9"';
    const text = config(checks, `control: ${socketOf("single")}`).replace("FLEET", "");
    daemon = await Member.open("single", new MemoryStore(systemClock), text);
  });
  after(() => daemon.stop({ drainDelayMs: 0 }));

  for (const args of [["members"], ["members", "drain", "a"], ["members", "resume", "a"], ["owners", "a"]])
    test(`${args.join(" ")} says that there is no fleet`, async () => {
      const { code, stdout, stderr } = await run(...args, "--control", socketOf("single"));
      assert.deepEqual([code, stdout], [3, ""]);
      assert.match(stderr, /there is no fleet: the configuration has no key fleet/);
    });
});

describe("healthbridge members and owners", () => {
  for (const [args, message] of [
    [["members", "drain"], "give drain NAME or resume NAME, or nothing"],
    [["members", "kick", "a"], "give drain NAME or resume NAME, or nothing"],
    [["members", "drain", "a", "b"], "give drain NAME or resume NAME, or nothing"],
    [["owners"], "give the name of one check"],
  ] as const)
    test(`${args.join(" ")} is refused`, async () => {
      const { code, stdout, stderr } = await run(...args, "--control", socketOf("none"));
      assert.deepEqual([code, stdout], [2, ""]);
      assert.ok(stderr.includes(message), stderr);
    });

  test("have a help with examples", async () => {
    const members = await run("members", "--help");
    assert.match(members.stdout, /Usage: healthbridge members \[drain NAME \| resume NAME\] \[FLAGS\]/);
    assert.match(members.stdout, /healthbridge members drain healthbridge-2/);
    assert.match((await run("owners", "--help")).stdout, /healthbridge owners orders --json/);
  });
});
