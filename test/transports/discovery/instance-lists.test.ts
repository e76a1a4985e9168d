/** The target groups of Prometheus' http_sd, and the JSON of our own. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { facts, siteOf } from "./discovery-fixture.js";

const META = { zone: "a", "acme.io/team": "blue" };

describe("/prometheus/sd", () => {
  test("has a target group for each instance, with labels of text", () => {
    const site = siteOf();
    site.set([facts("a", { address: "192.0.2.9", host: "db.example", tags: ["x", "y"], meta: META, weight: 7 })]);
    const { headers } = site.get("/prometheus/sd");
    assert.equal(headers["content-type"], "application/json");
    assert.deepEqual(site.json("/prometheus/sd"), [
      {
        targets: ["db.example:50051"],
        labels: {
          __meta_healthbridge_service: "orders",
          __meta_healthbridge_check: "a",
          __meta_healthbridge_state: "healthy",
          __meta_healthbridge_drained: "false",
          __meta_healthbridge_weight: "7",
          __meta_healthbridge_tags: ",x,y,",
          __meta_healthbridge_address: "192.0.2.9",
          __meta_healthbridge_meta_zone: "a",
          __meta_healthbridge_meta_acme_io_team: "blue",
        },
      },
    ]);
  });

  test("lists instances in every state: Prometheus drops a target that is not listed", async () => {
    const site = siteOf();
    site.set([facts("a"), facts("b"), facts("c"), facts("d")]);
    await site.turn("b", "failing");
    await site.turn("c", "warning");
    await site.turn("d", "pending");
    const groups: { labels: Record<string, string> }[] = site.json("/prometheus/sd/orders");
    const states = groups.map(({ labels }) => labels.__meta_healthbridge_state);
    assert.deepEqual(states, ["healthy", "unhealthy", "degraded", "unknown"]);
  });

  test("has brackets around an IPv6 address", () => {
    const site = siteOf();
    site.set([facts("a", { host: "2001:db8::1" })]);
    assert.deepEqual(site.json("/prometheus/sd")[0].targets, ["[2001:db8::1]:50051"]);
  });

  test("lists one service at its own path; a service that does not exist has no targets", () => {
    const site = siteOf();
    site.set([facts("a"), facts("p", { services: ["payments/eu"] })]);
    assert.equal(site.json("/prometheus/sd").length, 2);
    assert.equal(site.json("/prometheus/sd/payments%2Feu").length, 1);
    assert.equal(site.json("/prometheus/sd/payments/eu").length, 1);
    assert.deepEqual(site.json("/prometheus/sd/nothing"), []);
  });
});

describe("/v1/instances", () => {
  test("has all that is known of each instance, and the index as ETag", async () => {
    const site = siteOf();
    site.set([facts("a", { host: "db.example", address: "192.0.2.9", tags: ["x"], meta: META, weight: 7 })]);
    await site.turn("a", "failing", "timeout");
    site.registry.setDrained(new Set(["a"]));
    site.catalog.refresh();
    const { index } = site.catalog;
    assert.equal(site.get("/v1/instances/orders").headers.etag, `"${index}"`);
    assert.deepEqual(site.json("/v1/instances/orders"), [
      {
        ...{ service: "orders", check: "a", address: "192.0.2.9", host: "db.example", port: 50051 },
        ...{ state: "unhealthy", drained: true, reason: "timeout", since: "2026-01-01T00:00:00.000Z" },
        ...{ tags: ["x"], meta: META, weight: 7, index },
      },
    ]);
  });

  test("lists all services in the order of their names; one that does not exist is 404", () => {
    const site = siteOf();
    site.set([facts("p", { services: ["payments"] }), facts("a")]);
    const list: { service: string }[] = site.json("/v1/instances");
    assert.deepEqual(
      list.map(({ service }) => service),
      ["orders", "payments"],
    );
    assert.equal(site.get("/v1/instances/nothing").status, 404);
    assert.deepEqual(siteOf().json("/v1/instances"), []);
  });
});
