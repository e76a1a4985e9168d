/** The maintenance of a fleet: what members that hear of orders in any way have in the end. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FleetMaintenance } from "../../../src/fleet/orders/maintenance.js";
import { OrderTime } from "../../../src/fleet/orders/order-time.js";
import {
  MAX_ORDERS,
  type MaintenanceOrder,
  maintenanceOrderOf,
  toldMaintenanceOf,
} from "../../../src/fleet/records/maintenance-form.js";
import { SeededRandom } from "../../support/seeded-random.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const LEASE_MS = 5_000;
const HOUR = 3_600_000;

class Site {
  readonly clock = new VirtualClock();
  readonly random: SeededRandom;

  constructor(seed = 1) {
    this.random = new SeededRandom(seed);
  }

  member(name = "a"): Member {
    return new Member(this, name);
  }
}

class Member {
  readonly changes: string[] = [];
  readonly table: FleetMaintenance;
  readonly #name: string;

  constructor({ clock, random }: Site, name: string) {
    this.#name = name;
    const onChange = (scope: string) => void this.changes.push(scope);
    const time = new OrderTime(clock);
    this.table = new FleetMaintenance({ clock, random: random.next, time, toleranceMs: LEASE_MS, onChange });
  }

  give(scope: string, durationMs: number): MaintenanceOrder {
    const order = this.table.next({ scope, durationMs, reason: "", member: this.#name });
    this.table.merge([order]);
    return order;
  }

  hear(other: Member): boolean {
    return this.table.merge(other.table.told().orders);
  }

  /** What holds: the scope, and how many seconds are left. */
  holds(clock: VirtualClock): readonly string[] {
    return this.table.scopes
      .flatMap((scope) => this.table.active(scope) ?? [])
      .map(({ scope, endsAt }) => `${scope} ${Math.round((endsAt - clock.now()) / 1_000)}`)
      .sort();
  }
}

describe("an order", () => {
  it("holds at a member that hears of it, for the time that is left, whoever tells it", async () => {
    const site = new Site();
    const [a, b, c] = [site.member(), site.member("b"), site.member("c")];
    a.give("=orders", HOUR);
    await site.clock.advance(600_000);
    assert.equal(b.hear(a), true);
    assert.equal(c.hear(b), true);
    assert.deepEqual(c.holds(site.clock), ["=orders 3000"]);
    assert.equal(c.table.get("=orders")?.member, "a");
    await site.clock.advance(3_000_000);
    for (const member of [a, b, c]) assert.deepEqual(member.holds(site.clock), []);
  });

  it("takes the place of the one before for the same scope: longer, shorter, or an end", async () => {
    for (const durationMs of [2 * HOUR, 60_000, 0]) {
      const site = new Site();
      const [a, b] = [site.member(), site.member("b")];
      a.give("all", HOUR);
      b.hear(a);
      b.give("all", durationMs);
      assert.equal(a.hear(b), true);
      assert.equal(b.hear(a), false);
      const expected = durationMs === 0 ? [] : [`all ${durationMs / 1_000}`];
      assert.deepEqual([a.holds(site.clock), b.holds(site.clock)], [expected, expected]);
    }
  });

  it("of two members that were apart, the later one holds", async () => {
    for (const [first, second] of [
      [HOUR, 0],
      [0, HOUR],
      [HOUR, 60_000],
    ] as const) {
      const site = new Site();
      const [a, b] = [site.member(), site.member("b")];
      a.give("=orders", HOUR);
      b.hear(a);
      await site.clock.advance(10_000);
      for (let more = 0; more < 5; more += 1) a.give("=orders", first);
      await site.clock.advance(10_000);
      b.give("=orders", second);
      a.hear(b);
      b.hear(a);
      const expected = second === 0 ? [] : [`=orders ${second / 1_000}`];
      assert.deepEqual([a.holds(site.clock), b.holds(site.clock)], [expected, expected]);
    }
  });

  it("that is over is not begun again by a member that believes a little later that it is over", async () => {
    const site = new Site();
    const [a, b] = [site.member(), site.member("b")];
    a.give("=orders", 10_000);
    const late = a.table.told().orders;
    await site.clock.advance(900);
    b.table.merge(late);
    await site.clock.advance(9_100);
    assert.deepEqual([a.holds(site.clock).length, b.holds(site.clock).length], [0, 1]);
    for (let beat = 0; beat < 20; beat += 1) {
      a.hear(b);
      b.hear(a);
      assert.deepEqual(a.holds(site.clock), []);
      await site.clock.advance(450);
    }
    assert.deepEqual([b.holds(site.clock), b.table.told().digest], [[], ""]);
    await site.clock.advance(700_000);
    a.table.told();
    assert.deepEqual(a.table.scopes, []);
  });

  it("that was ended, or made shorter, does not come back from a member that was away for long", async () => {
    for (const change of [0, 60_000]) {
      const site = new Site();
      const [a, b, away] = [site.member(), site.member("b"), site.member("c")];
      a.give("=orders", 24 * HOUR);
      away.hear(a);
      await site.clock.advance(1_000);
      a.give("=orders", change);
      b.hear(a);
      await site.clock.advance(23 * HOUR);
      assert.deepEqual([away.holds(site.clock).length, b.table.told().orders.length], [1, 1]);
      b.hear(away);
      away.hear(b);
      assert.deepEqual([b.holds(site.clock), away.holds(site.clock)], [[], []]);
    }
  });

  it("is remembered as long as a longer one that it has not known, and that is heard later", async () => {
    const site = new Site();
    const [a, b, away] = [site.member(), site.member("b"), site.member("c")];
    a.give("=orders", 24 * HOUR);
    away.hear(a);
    await site.clock.advance(1_000);
    b.give("=orders", 60_000);
    assert.equal(b.hear(a), false);
    await site.clock.advance(23 * HOUR);
    b.table.told();
    b.hear(away);
    assert.deepEqual(b.holds(site.clock), []);
  });

  it("that was restored by a wall clock yields to the same one of a member that has it still, and to no other", async () => {
    for (const leftMs of [1_000, 3 * HOUR]) {
      const site = new Site();
      const [a, b] = [site.member(), site.member("b")];
      const order = a.give("=orders", HOUR);
      const restored = { ...order, number: order.number - 0.5, leftMs, keepMs: leftMs };
      b.table.merge([restored]);
      assert.equal(a.hear(b), false);
      b.hear(a);
      assert.deepEqual([a.holds(site.clock), b.holds(site.clock)], [["=orders 3600"], ["=orders 3600"]]);
      const c = site.member("c");
      c.table.merge([restored]);
      c.give("=orders", 60_000);
      a.hear(c);
      assert.deepEqual(a.holds(site.clock), c.holds(site.clock));
    }
  });

  it("that two members have restored by different wall clocks ends at the earlier time at both", () => {
    const site = new Site();
    const [a, b] = [site.member(), site.member("b")];
    const order = { ...a.table.next({ scope: "all", durationMs: HOUR, reason: "", member: "a" }), number: 6.5 };
    a.table.merge([order]);
    b.table.merge([{ ...order, leftMs: 60_000 }]);
    a.hear(b);
    b.hear(a);
    assert.deepEqual([a.holds(site.clock), b.holds(site.clock)], [["all 60"], ["all 60"]]);
  });
});

describe("members", () => {
  it("that know the same orders tell the same digest, which is empty for none", async () => {
    const site = new Site();
    const [a, b] = [site.member(), site.member("b")];
    assert.equal(a.table.told().digest, "");
    a.give("all", HOUR);
    a.give("=x", HOUR);
    assert.notEqual(a.table.told().digest, b.table.told().digest);
    await site.clock.advance(700);
    b.table.merge([...a.table.told().orders].reverse());
    assert.equal(a.table.told().digest, b.table.told().digest);
    b.give("=x", 0);
    assert.notEqual(a.table.told().digest, b.table.told().digest);
  });

  it("agree, in whatever order and however often they hear of orders", async () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const site = new Site(seed);
      const { random } = site;
      const members = ["a", "b", "c", "d"].map((name) => site.member(name));
      const pick = () => members[Math.floor(random.next() * members.length)] ?? site.member();
      const heard: MaintenanceOrder[] = [];
      for (let step = 0; step < 40; step += 1) {
        const scope = ["all", "=x", "=y"][Math.floor(random.next() * 3)] ?? "";
        const kind = random.next();
        if (kind < 0.3) heard.push(pick().give(scope, random.next() < 0.3 ? 0 : Math.ceil(random.next() * HOUR)));
        else if (kind < 0.9) pick().hear(pick());
        else await site.clock.advance(1_000);
      }
      for (let round = 0; round < 3; round += 1)
        for (const member of members) for (const other of members) member.hear(other);
      const [first, ...others] = members.map((member) => member.holds(site.clock));
      for (const other of others) assert.deepEqual(other, first, `seed ${seed}`);
      const digests = new Set(members.map(({ table }) => table.told().digest));
      assert.equal(digests.size, 1, `seed ${seed}`);
      for (const member of members) {
        member.changes.length = 0;
        for (const other of members) assert.equal(member.hear(other), false, `seed ${seed}`);
        assert.deepEqual(member.changes, [], `seed ${seed}`);
      }
    }
  });

  it("know at most 64 orders: ends are forgotten first, and there is room for a maintenance that is changed", () => {
    const site = new Site();
    const [a, b] = [site.member(), site.member("b")];
    a.give("=end", HOUR);
    a.give("=end", 0);
    for (let index = 0; index < MAX_ORDERS; index += 1) {
      assert.equal(a.table.hasRoomFor(`=s${index}`), true);
      a.give(`=s${index}`, HOUR);
    }
    assert.deepEqual([a.table.hasRoomFor("=more"), a.table.hasRoomFor("=s3")], [false, true]);
    assert.deepEqual([a.table.told().orders.length, a.table.get("=end")], [MAX_ORDERS, undefined]);
    for (let index = 0; index < MAX_ORDERS; index += 1) b.give(`=t${index}`, HOUR);
    for (let round = 0; round < 2; round += 1) {
      a.hear(b);
      b.hear(a);
    }
    assert.deepEqual(a.holds(site.clock), b.holds(site.clock));
    assert.equal(a.table.told().orders.length, MAX_ORDERS);
  });

  it("hear of a change once, and of the end of what is remembered", async () => {
    const site = new Site();
    const [a, b] = [site.member(), site.member("b")];
    a.give("=x", 60_000);
    b.hear(a);
    b.hear(a);
    assert.deepEqual(b.changes, ["=x"]);
    await site.clock.advance(60_000 + 600_000);
    b.table.told();
    assert.deepEqual([b.changes, b.table.scopes], [["=x", "=x"], []]);
  });
});

describe("the maintenance of a beat", () => {
  const ORDER: MaintenanceOrder = {
    ...{ id: "0a1b2c3d", scope: "=orders", number: 12.5, leftMs: 1_000, keepMs: 2_000, isEnd: false },
    ...{ reason: "new disks", member: "a" },
  };

  it("is read as it was written", () => {
    const told = { digest: "d", orders: [ORDER, { ...ORDER, scope: "all", reason: "" }, { ...ORDER, scope: "=" }] };
    assert.deepEqual(toldMaintenanceOf(JSON.parse(JSON.stringify(told))), told);
    assert.deepEqual(toldMaintenanceOf({ digest: "", orders: [] }), { digest: "", orders: [] });
    assert.deepEqual(maintenanceOrderOf({ ...ORDER, more: 1 }), ORDER);
  });

  const WRONG: Readonly<Record<string, object>> = {
    "no id": { id: undefined },
    "a scope without a mark": { scope: "orders" },
    "a reserved name": { scope: "=liveness" },
    "a number that is a text": { number: "1" },
    "a number below 0": { number: -1 },
    "no number": { number: Number.NaN },
    "a time of ten years": { leftMs: 10 * 366 * 86_400_000 },
    "a time to keep it that has no end": { keepMs: Number.POSITIVE_INFINITY },
    "no word on its end": { isEnd: undefined },
    "a reason with a line break": { reason: "a\nb" },
    "a reason of 201 characters": { reason: "x".repeat(201) },
    "no member": { member: undefined },
  };
  for (const [what, change] of Object.entries(WRONG))
    it(`ignores an order with ${what}, and reads the others`, () => {
      const { orders } = toldMaintenanceOf({ digest: "d", orders: [{ ...ORDER, ...change }, ORDER] }) ?? {};
      assert.deepEqual(orders, [ORDER]);
    });

  for (const [what, value] of Object.entries({
    nothing: undefined,
    "a text": "x",
    "no digest": { orders: [] },
    "no orders": { digest: "" },
    "too many orders": { digest: "d", orders: Array.from({ length: MAX_ORDERS + 1 }, () => ORDER) },
  }))
    it(`is as that of an older version with ${what}`, () => {
      assert.equal(toldMaintenanceOf(value), undefined);
    });
});
