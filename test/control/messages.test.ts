/** The tables of the control service's messages, against protobufjs with the .proto file. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import protobuf from "protobufjs";
import { CONTROL_METHODS, type ControlMethod } from "../../src/wire/control-messages.js";
import { decodeMessage, encodeMessage } from "../../src/wire/message-table.js";

const root = protobuf.loadSync(
  fileURLToPath(new URL("../../proto/healthbridge/control/v1/control.proto", import.meta.url)),
);
const service = root.lookupService("healthbridge.control.v1.Control");
const typeOf = (method: ControlMethod, side: "request" | "answer") => {
  const { requestType, responseType } = service.methods[method] ?? assert.fail(method);
  return root.lookupType(`healthbridge.control.v1.${side === "request" ? requestType : responseType}`);
};

const names = fc.string({ unit: "grapheme", maxLength: 20 });

/** Any message of a type, in the form of protobufjs. */
function messages(type: protobuf.Type): fc.Arbitrary<Record<string, unknown>> {
  const fields = type.fieldsArray.map((field): [string, fc.Arbitrary<unknown>] => {
    const value = anyValue(field.resolve());
    return [field.name, field.repeated ? fc.array(value, { maxLength: 3 }) : value];
  });
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
}

function anyValue(field: protobuf.Field): fc.Arbitrary<unknown> {
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Type) return messages(resolvedType);
  if (resolvedType instanceof protobuf.Enum) return fc.constantFrom(...Object.values(resolvedType.values));
  if (field.type === "bool") return fc.boolean();
  return field.type === "string" ? names : fc.integer({ min: 0, max: 2 ** 48 });
}

/** A message of protobufjs in the form of the tables: enums as words, absent messages left out. */
function inOurForm(type: protobuf.Type, message: object): unknown {
  const plain = type.toObject(type.fromObject(message), { enums: String, longs: Number, defaults: true, arrays: true });
  return JSON.parse(
    JSON.stringify(plain, (key, value: unknown) =>
      key === "state" ? String(value).toLowerCase() : (value ?? undefined),
    ),
  );
}

for (const method of Object.keys(CONTROL_METHODS)) {
  for (const side of ["request", "answer"] as const) {
    const name = method as ControlMethod; // a key of the table
    const type = typeOf(name, side);
    const table = CONTROL_METHODS[name][side];
    test(`${method}: the ${side} has the fields of the .proto file, and reads and writes what protobufjs does`, () => {
      assert.deepEqual(Object.keys(table).sort(), type.fieldsArray.map((field) => field.name).sort());
      const oneScope = (message: object) => !("all" in message && "service" in message);
      fc.assert(
        fc.property(messages(type).filter(oneScope), (message) => {
          const theirs = type.encode(type.fromObject(message)).finish();
          const read = decodeMessage(table, theirs);
          assert.ok(read !== undefined);
          const again = encodeMessage(table, read);
          assert.deepEqual(inOurForm(type, type.decode(again)), inOurForm(type, type.decode(theirs)));
          assert.deepEqual(decodeMessage(table, again), read);
        }),
        { numRuns: 60 },
      );
    });

    test(`${method}: any bytes as the ${side} are a message or none, and never an error`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
          decodeMessage(table, bytes);
        }),
      );
    });
  }
}

test("the table has every method of the .proto file", () => {
  assert.deepEqual(Object.keys(CONTROL_METHODS).sort(), Object.keys(service.methods).sort());
});

test("an empty name is not the absence of a name, and a cut message is no message", () => {
  const { request } = CONTROL_METHODS.Drain;
  assert.deepEqual(decodeMessage(request, encodeMessage(request, { service: "" })), { all: undefined, service: "" });
  assert.deepEqual(decodeMessage(request, Buffer.alloc(0)), { all: undefined, service: undefined });
  const whole = encodeMessage(request, { service: "orders" });
  for (let length = 1; length < whole.length; length += 1)
    assert.equal(decodeMessage(request, whole.subarray(0, length)), undefined);
  assert.equal(decodeMessage(request, Buffer.from([0x12, 1, 0xff])), undefined, "not UTF-8");
});

test("a list of 100,000 names is read in linear time", () => {
  const names = Array.from({ length: 100_000 }, (_, index) => `name-${index}`);
  const bytes = encodeMessage(CONTROL_METHODS.Resume.answer, { services: names });
  const before = process.cpuUsage();
  assert.deepEqual(decodeMessage(CONTROL_METHODS.Resume.answer, bytes)?.services, names);
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 1_500_000, `${(user + system) / 1000} ms`);
  assert.deepEqual(decodeMessage(CONTROL_METHODS.Resume.answer, Buffer.alloc(0))?.services, [], "the default is empty");
});
