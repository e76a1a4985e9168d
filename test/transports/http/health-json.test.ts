import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { negotiateJson } from "../../../src/transports/http/health-json.js";

const HEALTH = "application/health+json";
const JSON_TYPE = "application/json";

const ROWS: readonly (readonly [string | undefined, string | undefined])[] = [
  [undefined, undefined],
  ["", undefined],
  ["*/*", undefined],
  ["text/html,application/xhtml+xml,*/*;q=0.8", undefined],
  ["application/*", undefined],
  [JSON_TYPE, JSON_TYPE],
  [HEALTH, HEALTH],
  [`${JSON_TYPE}, ${HEALTH}`, HEALTH],
  [`${HEALTH};q=0.5, ${JSON_TYPE}`, JSON_TYPE],
  ["Application/JSON", JSON_TYPE],
  [`${JSON_TYPE}; charset=utf-8`, JSON_TYPE],
  [`${JSON_TYPE};q=0`, undefined],
  [`text/plain, ${JSON_TYPE};q=0.5`, undefined],
  [`text/plain;q=0.5, ${JSON_TYPE}`, JSON_TYPE],
  [`text/plain, ${JSON_TYPE}`, JSON_TYPE],
  [`${JSON_TYPE};q=x`, undefined],
  [`${JSON_TYPE};q=7`, undefined],
  [`${HEALTH};q=1e3, text/plain`, undefined],
  [`${JSON_TYPE};q=infinity`, undefined],
  [`${JSON_TYPE};q="0.5", ${HEALTH};q=0.2`, JSON_TYPE],
];

describe("the JSON type that an Accept header wants", () => {
  for (const [accept, wanted] of ROWS) test(String(accept), () => assert.equal(negotiateJson(accept), wanted));
});
