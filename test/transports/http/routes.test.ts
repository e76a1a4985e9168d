import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findRoute } from "../../../src/transports/http/routes.js";

const service = (name: string) => ({ kind: "healthcheck", service: name });
const view = (path: string, more: object = {}) => ({
  kind: "view",
  path,
  check: undefined,
  verbose: false,
  exclude: [],
  ...more,
});
const BAD = { kind: "bad-request" };
const NONE = { kind: "none" };

const ROWS: readonly (readonly [string, object])[] = [
  ["/healthcheck", service("")],
  ["/healthcheck/", service("")],
  ["/healthcheck?x=1&y", service("")],
  ["/healthcheck/a.b.C", service("a.b.C")],
  ["/healthcheck/a/b", service("a/b")],
  ["/healthcheck/a%2Fb", service("a/b")],
  ["/healthcheck/a%2Eb", service("a.b")],
  ["/healthcheck/a%252Eb", service("a%2Eb")],
  ["/healthcheck?service=a.b", service("a.b")],
  ["/healthcheck?serviceName=a.b", service("a.b")],
  ["/healthcheck?service=a+b%2Bc", service("a b+c")],
  ["/healthcheck?service=", service("")],
  ["/healthcheck/a?service=a", service("a")],
  ["/healthcheck/a?service=b", BAD],
  ["/healthcheck?service=a&service=b", BAD],
  ["/healthcheck?service=%zz", BAD],
  ["/healthcheck?x=%zz", service("")],
  ["/healthcheck/..a", service("..a")],
  ["/healthcheck/__proto__", service("__proto__")],
  [`/healthcheck/${"n".repeat(200)}`, service("n".repeat(200))],
  [`/healthcheck/${"n".repeat(201)}`, BAD],
  ["/healthcheck/%c3%a9", service("é")],
  ["/metrics", { kind: "metrics" }],
  ["/metrics?x=1", { kind: "metrics" }],
  ["/metrics/", NONE],
  ["/metrics/x", NONE],
  ["/livez", view("livez")],
  ["/readyz", view("readyz")],
  ["/healthz/", view("healthz")],
  ["/startupz?verbose", view("startupz", { verbose: true })],
  ["/readyz?verbose=0", view("readyz", { verbose: true })],
  ["/readyz?exclude=a&exclude=b", view("readyz", { exclude: ["a", "b"] })],
  ["/readyz/db", view("readyz", { check: "db" })],
  ["/readyz/d%62", view("readyz", { check: "db" })],
  [`/readyz/${"n".repeat(201)}`, BAD],
  ["/grpc.health.v1.Health/Check", { kind: "call", method: "Check" }],
  ["/grpc.health.v1.Health/List", { kind: "call", method: "List" }],
  ["/grpc.health.v1.Health/Watch", NONE],
  ["/", NONE],
  ["/HEALTHCHECK", NONE],
  ["/healthcheckx", NONE],
  ["/x/healthcheck", NONE],
  ["/extra", service("")],
  ["/extra?service=a", service("a")],
  ["/extra/a", NONE],
  ["", BAD],
  ["*", BAD],
  ["http://evil/healthcheck", BAD],
  ["a:1", BAD],
  ["/healthcheck#x", BAD],
  ["/healthcheck\\x", BAD],
  ["/healthcheck/%5c..", service("\\..")],
  ["//healthcheck", BAD],
  ["/healthcheck//a", BAD],
  ["/healthcheck/%2fa", BAD],
  ["/healthcheck/../x", BAD],
  ["/healthcheck/%2e%2e/x", BAD],
  ["/healthcheck/./x", BAD],
  ["/healthcheck/a/..", BAD],
  ["/healthcheck/%", BAD],
  ["/healthcheck/%zz", BAD],
  ["/healthcheck/%c3%28", BAD],
  ["/healthcheck/%00", BAD],
  ["/healthcheck/%0d%0a", BAD],
  ["/healthcheck/%7f", BAD],
  ["/healthcheck/%c2%85", BAD],
  [`/healthcheck/${"n".repeat(2100)}`, { kind: "target-too-long" }],
  [`/${"n".repeat(2047)}`, NONE],
];

describe("the route of a target", () => {
  for (const [target, route] of ROWS) {
    test(JSON.stringify(target.length > 60 ? `${target.slice(0, 40)}... (${target.length})` : target), () => {
      assert.deepEqual(findRoute(target, ["/extra"]), route);
    });
  }
});
