/** The options of the module for NestJS are checked before Nest is loaded. With Nest: test/interop/frameworks/nestjs.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HealthbridgeModule } from "../../src/nestjs.js";

const useFactory = () => ({});

/** Calls without types. The error code of correct options is MISSING_PACKAGE here: Nest is not installed. */
const codeOf = (method: "forRoot" | "forRootAsync", options: unknown) => {
  try {
    Reflect.apply(HealthbridgeModule[method], HealthbridgeModule, [options]);
  } catch (error) {
    return Object(error).code;
  }
  return undefined;
};

test("isGlobal must be true or false", () => {
  for (const isGlobal of ["no", 0, null, {}]) {
    assert.equal(codeOf("forRoot", { isGlobal }), "INVALID_OPTION");
    assert.equal(codeOf("forRootAsync", { useFactory, isGlobal }), "INVALID_OPTION");
  }
  for (const isGlobal of [true, false, undefined]) {
    assert.equal(codeOf("forRoot", { isGlobal }), "MISSING_PACKAGE");
    assert.equal(codeOf("forRootAsync", { useFactory, isGlobal }), "MISSING_PACKAGE");
  }
});

test("options that are no object are refused", () => {
  for (const wrong of [null, 5, "options"]) {
    assert.equal(codeOf("forRoot", wrong), "INVALID_OPTION");
    assert.equal(codeOf("forRootAsync", wrong), "INVALID_OPTION");
  }
});
