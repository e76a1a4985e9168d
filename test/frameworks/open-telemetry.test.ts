/** Which spans the sampler drops, by the names and attributes of several instrumentations. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { healthSampler } from "../../src/index.js";

const RECORD = { decision: 2, attributes: { by: "delegate" } };

class Recording {
  readonly #result = RECORD;
  readonly asked: string[] = [];
  shouldSample(_context: object, _traceId: string, name: string, _kind: number, _attributes: Record<string, unknown>) {
    this.asked.push(name);
    return this.#result;
  }
  toString() {
    return "Recording";
  }
}

const HEALTH_SPANS: readonly [string, Record<string, unknown>?][] = [
  ["grpc.grpc.health.v1.Health/Check"],
  ["grpc.health.v1.Health/Watch", {}],
  ["/grpc.health.v1.Health/List", {}],
  ["Check", { "rpc.service": "grpc.health.v1.Health", "rpc.method": "Check" }],
  ["a name of the application", { "rpc.method": "grpc.health.v1.Health/Check" }],
];

const OTHER_SPANS: readonly [string, Record<string, unknown>?][] = [
  ["grpc.acme.Orders/Check"],
  ["acme.Orders/Check", { "rpc.service": "acme.Orders", "rpc.method": "Check" }],
  ["acme.grpc.health.v1.Health/Check"],
  ["grpc.health.v1.Health2/Check"],
  ["grpcxhealth.v1.Health/Check"],
  ["grpc.health.v1.Health/Check of a job"],
  ["grpc.health.v1.Health"],
  ["Check", { "rpc.method": 5 }],
  ["GET /orders?x=/grpc.health.v1.Health/Check"],
];

test("drops the spans of the health service, and asks the other sampler about the rest", () => {
  const delegate = new Recording();
  const sampler = healthSampler(delegate);
  const sample = ([name, attributes]: readonly [string, Record<string, unknown>?]) =>
    Reflect.apply(sampler.shouldSample, sampler, [{}, "id", name, 1, attributes, []]);
  assert.equal(Reflect.apply(sampler.shouldSample, sampler, [{}, "id", "", 1, null, []]), RECORD);
  assert.deepEqual(delegate.asked.splice(0), [""]);
  for (const span of HEALTH_SPANS) assert.deepEqual(sample(span), { decision: 0 }, span[0]);
  assert.deepEqual(delegate.asked, []);
  for (const span of OTHER_SPANS) assert.equal(sample(span), RECORD, span[0]);
  assert.deepEqual(
    delegate.asked,
    OTHER_SPANS.map(([name]) => name),
  );
  assert.equal(String(sampler), "HealthSampler{Recording}");
});

test("refuses what is no sampler", () => {
  for (const wrong of [undefined, {}, () => {}])
    assert.throws(() => Reflect.apply(healthSampler, undefined, [wrong]), { code: "INVALID_OPTION" });
});
