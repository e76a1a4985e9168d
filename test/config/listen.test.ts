/** `listen` in a file: addresses, and tables with their settings. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { faultsOf, read } from "./reading.js";

test("an address and a table are entries of one list, and one entry stands for a list of one", () => {
  const table = { address: ":2", proxyProtocol: { from: ["10.0.0.0/8"] } };
  assert.deepEqual(read('listen: [":1", { address: ":2", proxyProtocol: { from: 10.0.0.0/8 } }]').listen, [
    ":1",
    table,
  ]);
  assert.deepEqual(read('listen: [{ address: "open://:2" }]').listen, [{ address: "open://:2" }]);
  assert.deepEqual(read("listen: open://:2").listen, ["open://:2"]);
});

describe("an entry that is refused", () => {
  const refused: readonly (readonly [text: string, fault: string])[] = [
    ["listen: [{}]", "1:10: listen[0].address: is missing"],
    [
      'listen: [{ address: ":1", proxyProtocol: { from: [] } }]',
      "1:50: listen[0].proxyProtocol.from: must have at least one address, such as 10.0.0.0/8",
    ],
    [
      'listen: [":1", { address: ":2", proxyProtocol: { from: [proxy] } }]',
      '1:56: listen[1].proxyProtocol.from: "proxy" must be an IP address or a range such as 10.0.0.0/8 or fd00::/8',
    ],
    ['listen: [{ address: ":1" }, "open://:1"]', '1:29: listen[1]: "open://:1" is listed twice'],
    [
      "control: /run/h.sock\nlisten: open://unix:/run/h.sock",
      "1:10: control: is an address of listen, where every client is served",
    ],
    [
      "control: /run/h.sock\nlisten: [{ address: 'unix:/run/h.sock' }]",
      "1:10: control: is an address of listen, where every client is served",
    ],
  ];
  for (const [text, fault] of refused)
    test(`${text} has its place and what is right`, () => assert.deepEqual(faultsOf(text), [fault]));

  test("with an unknown key names the known one", () => {
    const [fault = ""] = faultsOf('listen: [{ address: ":1", proxyProtocoll: { from: [10.0.0.1] } }]');
    assert.match(fault, /^1:27: .*proxyProtocoll.*did you mean proxyProtocol/);
  });
});
