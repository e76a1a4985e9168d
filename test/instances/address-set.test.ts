/** The addresses of a source over time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AddressSet } from "../../src/instances/address-set.js";
import type { FoundAddress } from "../../src/instances/source.js";

const found = (host: string, more: Partial<FoundAddress> = {}): FoundAddress => ({
  host,
  port: 1,
  meta: {},
  tags: [],
  weight: undefined,
  ...more,
});
const hostsOf = ({ addresses }: AddressSet) => addresses.map(({ host }) => host);
const set = (...hosts: readonly string[]) => {
  const created = new AddressSet(10_000);
  created.take(
    hosts.map((host) => found(host)),
    0,
  );
  return created;
};

test("A new address is added at once.", () => {
  const addresses = set("a");
  assert.equal(addresses.take([found("a"), found("b")], 1), true);
  assert.deepEqual(hostsOf(addresses), ["a", "b"]);
});

test("An address stays that one good answer does not have.", () => {
  const addresses = set("a", "b");
  assert.equal(addresses.take([found("a")], 10_000), false);
  assert.deepEqual(hostsOf(addresses), ["a", "b"]);
  assert.equal(addresses.take([found("a"), found("b")], 20_000), false, "it was never away");
  assert.equal(addresses.take([found("a")], 30_000), false, "the count starts anew");
  assert.deepEqual(hostsOf(addresses), ["a", "b"]);
});

test("An address is removed when the next good answer does not have it either, one refresh interval later.", () => {
  const addresses = set("a", "b");
  addresses.take([found("a")], 10_000);
  assert.equal(addresses.take([found("a")], 19_999), false, "earlier than the interval");
  assert.deepEqual(hostsOf(addresses), ["a", "b"]);
  assert.equal(addresses.take([found("a")], 20_000), true);
  assert.deepEqual(hostsOf(addresses), ["a"]);
});

test("An answer without addresses removes all of them, one interval later.", () => {
  const addresses = set("a", "b");
  addresses.take([], 10_000);
  assert.deepEqual(hostsOf(addresses), ["a", "b"]);
  addresses.take([], 20_000);
  assert.deepEqual(hostsOf(addresses), []);
});

test("One answer that is given again and again removes what it lacks.", () => {
  const addresses = set("a", "b");
  const same = [found("a")];
  for (const now of [10_000, 15_000, 20_000]) addresses.take(same, now);
  assert.deepEqual(hostsOf(addresses), ["a"]);
});

test("Of an address that is listed twice, the first counts.", () => {
  const addresses = new AddressSet(1);
  addresses.take([found("a", { weight: 2 }), found("a", { weight: 3 })], 0);
  assert.deepEqual(addresses.addresses, [found("a", { weight: 2 })]);
});

test("An address that has not changed is the same object, one with another label, tag or weight is not.", () => {
  const addresses = set("a", "b", "c", "d");
  const before = addresses.addresses;
  const next = [
    found("a"),
    found("b", { weight: 2 }),
    found("c", { tags: ["t"] }),
    found("d", { meta: { zone: "z" } }),
  ];
  assert.equal(addresses.take(next, 1), true);
  assert.deepEqual(
    addresses.addresses.map((each, at) => each === before[at]),
    [true, false, false, false],
  );
});
