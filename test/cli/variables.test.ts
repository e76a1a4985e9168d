/** Variables instead of flags, and what errors say of them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SERVE_FLAGS } from "../../src/cli/serve-flags.js";
import { misspeltVariables, readFlagsAndVariables, variableOf, withVariable } from "../../src/cli/variables.js";

const read = (environment: Record<string, string>, ...args: string[]) =>
  Object.fromEntries(readFlagsAndVariables(SERVE_FLAGS, args, { environment }));

/** What Kubernetes sets in each container beside a service that is named `healthbridge`. */
const OF_KUBERNETES = {
  HEALTHBRIDGE_SERVICE_HOST: "10.0.0.1",
  HEALTHBRIDGE_SERVICE_PORT: "50051",
  HEALTHBRIDGE_SERVICE_PORT_GRPC: "50051",
  HEALTHBRIDGE_PORT: "tcp://10.0.0.1:50051",
  HEALTHBRIDGE_PORT_50051_TCP: "tcp://10.0.0.1:50051",
  HEALTHBRIDGE_PORT_50051_TCP_PROTO: "tcp",
  HEALTHBRIDGE_PORT_50051_TCP_PORT: "50051",
  HEALTHBRIDGE_PORT_50051_TCP_ADDR: "10.0.0.1",
};

describe("a variable", () => {
  for (const { name, value } of SERVE_FLAGS.filter(({ value }) => value !== undefined))
    test(`${variableOf(name)} is --${name} ${value}`, () => {
      assert.deepEqual(read({ [variableOf(name)]: "x" }), { [name]: ["x"] });
      assert.deepEqual(read({ [variableOf(name)]: "x" }, `--${name}=y`), { [name]: ["y"] }, "the flag wins");
    });

  test("of a repeatable flag holds values that white space separates", () => {
    const checks = " a=http://h/?x=1,2\n b=tcp://h:1 ";
    assert.deepEqual(read({ HEALTHBRIDGE_CHECK: checks }), { check: ["a=http://h/?x=1,2", "b=tcp://h:1"] });
  });

  test("of another flag keeps its spaces", () => {
    assert.deepEqual(read({ HEALTHBRIDGE_CONFIG: "/a folder/b.yaml" }), { config: ["/a folder/b.yaml"] });
  });

  test("that is empty or white space counts as unset", () => {
    assert.deepEqual(read({ HEALTHBRIDGE_LISTEN: "", HEALTHBRIDGE_ENGINE: " " }), {});
  });

  test("that starts with a dash is a value", () => {
    assert.deepEqual(read({ HEALTHBRIDGE_LOG_LEVEL: "--help" }), { "log-level": ["--help"] });
  });

  test("of Kubernetes is no flag, and causes no warning", () => {
    assert.deepEqual(read(OF_KUBERNETES), {});
    assert.deepEqual(misspeltVariables(SERVE_FLAGS, OF_KUBERNETES), []);
  });

  test("that is misspelt is told, with the nearest one and without its value", () => {
    assert.deepEqual(misspeltVariables(SERVE_FLAGS, { HEALTHBRIDGE_LOGLEVEL: "s3cret", OTHER: "" }), [
      "the variable HEALTHBRIDGE_LOGLEVEL is not known, and is ignored; did you mean HEALTHBRIDGE_LOG_LEVEL?",
    ]);
  });
});

describe("an error of a flag", () => {
  const environment = { HEALTHBRIDGE_INTERVAL: "5x" };
  const line = '--interval: "5x" is not a duration';

  test("names the variable that the value comes from", () => {
    assert.equal(withVariable(line, [], environment), `HEALTHBRIDGE_INTERVAL (--interval): "5x" is not a duration`);
  });
  for (const args of [["--interval=5x"], ["--interval", "5x"]])
    test(`names the flag where it is given as ${args.join(" ")}`, () => {
      assert.equal(withVariable(line, args, environment), line);
    });
  test("names the flag without such a variable", () => assert.equal(withVariable(line, [], {}), line));
});
