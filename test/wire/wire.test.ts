import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GRPC_CODES, grpcCodeOf } from "../../src/wire/grpc-code.js";
import { encodeGrpcMessage, isGrpcContentType, parseGrpcTimeout } from "../../src/wire/grpc-headers.js";
import {
  healthCheckResponse,
  isHealthListRequest,
  readHealthCheckRequest,
  readHealthCheckResponse,
  readHealthListResponse,
  readStatusNumber,
  statusName,
  writeHealthCheckRequest,
  writeHealthListResponse,
} from "../../src/wire/health-messages.js";
import { lengthDelimited, readVarint, varint } from "../../src/wire/protobuf.js";

const hex = (text: string) => Buffer.from(text, "hex");

describe("HealthCheckRequest", () => {
  const readable: readonly (readonly [string, string, string])[] = [
    ["an empty message", "", ""],
    ["an empty name", "0a00", ""],
    ["a name", "0a03612e42", "a.B"],
    ["the last of two values [A24]", "0a01610a0162", "b"],
    ["unknown fields of every wire type [A23]", "10010a016119000000000000000025000000001a0178", "a"],
    ["unknown groups, nested [A23]", "0a01611b2324081c24".replace("081c24", "1c"), "a"],
    ["a varint of ten bytes", "10ffffffffffffffffff010a0161", "a"],
    ["a byte order mark is part of the name", "0a04efbbbf61", "\ufeffa"],
    ["NUL is part of the name", "0a0100", "\0"],
  ];
  for (const [label, bytes, service] of readable) {
    test(label, () => assert.deepEqual(readHealthCheckRequest(hex(bytes)), { service }));
  }

  const malformed: readonly (readonly [string, string])[] = [
    ["a length without content [B1]", "0a50"],
    ["a length beyond the end [B2]", "0a5061"],
    ["a varint in the name's place [B3]", "0805"],
    ["fixed 32 in the name's place [B3]", "0d00000000"],
    ["field number 0 [B4]", "0001"],
    ["an open group [B5]", "0b"],
    ["an open group of an unknown field [B5]", "1b"],
    ["the end of a group that nothing opened [B5]", "0c"],
    ["a group closed by another's end [B5]", "1b24"],
    ["invalid content in a group [B5]", "1b0a501c"],
    ["a varint of eleven bytes [B5]", "10ffffffffffffffffffff01"],
    ["a single byte [B5]", "ff"],
    ["a tag alone", "0a"],
    ["a field number beyond 2^29", "f8ffffffff01".replace("f8", "f8")],
    ["an unused wire type", "0e"],
    ["fixed 64 cut short", "1100000000"],
    ["fixed 32 cut short", "150000"],
    ["a varint cut short", "1080"],
    ["groups within groups without end", "1b".repeat(40)],
  ];
  for (const [label, bytes] of malformed) {
    test(label, () => assert.deepEqual(readHealthCheckRequest(hex(bytes)), { fault: "malformed request" }));
  }

  for (const name of ["fffe", "eda080", "c080", "61ff"]) {
    test(`${name} is not UTF-8 [B6]`, () => {
      const message = Buffer.concat([Buffer.from([0x0a, name.length / 2]), hex(name)]);
      assert.deepEqual(readHealthCheckRequest(message), { fault: "service name is not valid UTF-8" });
    });
  }

  test("201 bytes are too long, 200 are not [B8]", () => {
    assert.deepEqual(readHealthCheckRequest(writeHealthCheckRequest("n".repeat(201))), {
      fault: "service name too long",
    });
    assert.deepEqual(readHealthCheckRequest(writeHealthCheckRequest("n".repeat(200))), { service: "n".repeat(200) });
  });
});

describe("HealthCheckResponse", () => {
  test("each status has its bytes, 0 has none, and they are read back", () => {
    const bytes = { UNKNOWN: "", SERVING: "0801", NOT_SERVING: "0802", SERVICE_UNKNOWN: "0803" } as const;
    for (const status of ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const) {
      assert.equal(healthCheckResponse(status).toString("hex"), bytes[status]);
      assert.equal(readHealthCheckResponse(hex(bytes[status])), status);
    }
    assert.equal(readHealthCheckResponse(hex("0800")), "UNKNOWN");
    assert.equal(readHealthCheckResponse(hex("08011a0178")), "SERVING");
  });

  test("an unknown number or an invalid message is not a status", () => {
    for (const bytes of ["0804", "08e707", "08ffffffffffffffffff01", "0a0101", "08", "0801ff"]) {
      assert.equal(readHealthCheckResponse(hex(bytes)), undefined, bytes);
    }
  });
});

describe("HealthList", () => {
  test("the request can be any valid message", () => {
    assert.equal(isHealthListRequest(hex("")), true);
    assert.equal(isHealthListRequest(hex("0a0161")), true);
    assert.equal(isHealthListRequest(hex("0a50")), false);
  });

  test("the response has an entry for each service", () => {
    const bytes = writeHealthListResponse([
      ["a", "SERVING"],
      ["", "UNKNOWN"],
    ]);
    assert.equal(bytes.toString("hex"), "0a070a016112020801" + "0a040a001200");
  });

  test("an entry above 127 bytes has a length of two bytes", () => {
    const bytes = writeHealthListResponse([["n".repeat(200), "SERVING"]]);
    assert.equal(bytes.subarray(0, 6).toString("hex"), "0acf010ac801");
    assert.equal(bytes.length, 3 + 207);
  });
});

describe("a HealthListResponse is read", () => {
  const read = (text: string) => {
    const statuses = readHealthListResponse(hex(text.replaceAll(" ", "")));
    return statuses && Object.fromEntries(statuses);
  };

  test("as it was written", () => {
    const statuses = [
      ["", "SERVING"],
      ["a", "UNKNOWN"],
      ["b".repeat(200), "NOT_SERVING"],
    ] as const;
    const numbers = [...(readHealthListResponse(writeHealthListResponse(statuses)) ?? [])];
    assert.deepEqual(
      numbers.map(([name, number]) => [name, statusName(number)]),
      statuses,
    );
  });

  test("with the default for a key or a value that is left out, and with numbers that the proto lacks", () => {
    assert.deepEqual(read(""), {});
    assert.deepEqual(read("0a 00"), { "": 0 });
    assert.deepEqual(read("0a 03 0a 01 61"), { a: 0 });
    assert.deepEqual(read("0a 04 12 02 08 01"), { "": 1 });
    assert.deepEqual(read("0a 07 0a 01 61 12 02 08 07"), { a: 7 });
  });

  test("without unknown fields, and with the last of equal keys", () => {
    assert.deepEqual(read("10 05 0a 09 18 01 0a 01 61 12 02 08 01"), { a: 1 });
    assert.deepEqual(read("0a 07 0a 01 61 12 02 08 01 0a 07 0a 01 61 12 02 08 02"), { a: 2 });
  });

  test("or is none", () => {
    for (const text of [
      "08 01", // a number in the place of an entry
      "0a 02 08 01", // a number in the place of a key
      "0a 02 10 01", // a number in the place of a value
      "0a 03 0a 01 ff", // a key that is not UTF-8
      "0a 05 12 03 0a 01 61", // a text in the place of a status
      "0a 01 0a", // an entry that is cut
      "0a 04 12 02 08", // a response that is cut
      "0a 05",
    ])
      assert.equal(read(text), undefined, text);
  });
});

test("the number of a status is read with its sign, also one that the proto lacks", () => {
  for (const [text, number] of [
    ["", 0],
    ["0802", 2],
    ["0807", 7],
    ["080108021a0161", 2],
    ["08ffffffffffffffffff01", -1],
    ["0880808080f8ffffffff01", -2147483648],
    ["0a0161", undefined],
    ["08", undefined],
    ["1a05", undefined],
  ] as const)
    assert.equal(readStatusNumber(hex(text)), number, text);
  assert.deepEqual([0, 1, 2, 3, 4, -1].map(statusName), [
    "UNKNOWN",
    "SERVING",
    "NOT_SERVING",
    "SERVICE_UNKNOWN",
    "4",
    "-1",
  ]);
});

test("a name is read alike with one byte of length and with two, of ASCII and of any text, in any kind of array", () => {
  for (const service of ["a", "x".repeat(127), "x".repeat(128), "x".repeat(200), "\u007f", "\u0080", "\u00e9\u20ac"]) {
    const request = writeHealthCheckRequest(service);
    assert.deepEqual(readHealthCheckRequest(request), { service });
    assert.deepEqual(readHealthCheckRequest(new Uint8Array(request)), { service });
  }
  assert.deepEqual(readHealthCheckRequest(hex("0a0161".padEnd(8, "0"))), { fault: "malformed request" });
});

test("groups are skipped down to a depth of 16", () => {
  const nested = (depth: number) => hex(`${"1b".repeat(depth)}${"1c".repeat(depth)}`);
  assert.deepEqual(readHealthCheckRequest(nested(16)), { service: "" });
  assert.deepEqual(readHealthCheckRequest(nested(17)), { fault: "malformed request" });
});

test("codes have gRPC's names and numbers", () => {
  assert.equal(Object.keys(GRPC_CODES).length, 17);
  assert.deepEqual(
    [grpcCodeOf(0), grpcCodeOf(5), grpcCodeOf(16), grpcCodeOf(17), grpcCodeOf(-1)],
    ["OK", "NOT_FOUND", "UNAUTHENTICATED", "UNKNOWN", "UNKNOWN"],
  );
});

test("grpc-timeout is at most eight digits and a unit", () => {
  const good: readonly (readonly [string, number])[] = [
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3000],
    ["4m", 4],
    ["5u", 0.005],
    ["0n", 0],
    ["99999999H", 99_999_999 * 3_600_000],
  ];
  for (const [header, ms] of good) assert.equal(parseGrpcTimeout(header), ms, header);
  for (const header of ["", "1", "S", "5X", "-1S", "1.5S", "abc1S", "1S ", "1 S", "123456789S", "1s"]) {
    assert.equal(parseGrpcTimeout(header), undefined, JSON.stringify(header));
  }
});

test("a content type is gRPC with a format or a parameter, in any case, and nothing else is", () => {
  const good = ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8", "Application/gRPC"];
  for (const type of good) assert.ok(isGrpcContentType(type), type);
  const bad = [
    undefined,
    "",
    "application/grpc-web",
    "application/grpcfoo",
    "application/grpc ",
    "text/application/grpc",
  ];
  for (const type of bad) assert.ok(!isGrpcContentType(type), type);
});

test("the message of a status is printable ASCII, and everything else is percent-encoded UTF-8", () => {
  for (const [text, encoded] of [
    ["", ""],
    [" !#$&'()~ az", " !#$&'()~ az"],
    ["100 %", "100 %25"],
    ["a\nb\u007f", "a%0Ab%7F"],
    ["\u00e9\u20ac x \ud83d\ude00", "%C3%A9%E2%82%AC x %F0%9F%98%80"],
    ["\ud800", "%EF%BF%BD"],
  ] as const)
    assert.equal(encodeGrpcMessage(text), encoded);
});

describe("a varint", () => {
  const values: readonly (readonly [number, string])[] = [
    [0, "00"],
    [1, "01"],
    [127, "7f"],
    [128, "8001"],
    [300, "ac02"],
    [16_383, "ff7f"],
    [16_384, "808001"],
    [2 ** 29 - 1, "ffffffff01"],
    [2 ** 32, "8080808010"],
    [Number.MAX_SAFE_INTEGER, "ffffffffffffff0f"],
  ];
  for (const [value, bytes] of values) {
    test(`of ${value} is ${bytes}, and is read as that`, () => {
      assert.equal(Buffer.from(varint(value)).toString("hex"), bytes);
      assert.deepEqual(readVarint(hex(bytes), 0), { value, end: bytes.length / 2 });
    });
  }
});

describe("a length-delimited field", () => {
  for (const [fieldNumber, length, head] of [
    [1, 0, "0a00"],
    [4, 127, "227f"],
    [4, 128, "228001"],
    [4, 16_384, "22808001"],
    [16, 1, "820101"],
  ] as const) {
    test(`with number ${fieldNumber} and ${length} bytes begins with ${head}`, () => {
      const field = lengthDelimited(fieldNumber, Buffer.alloc(length, 1));
      assert.equal(field.toString("hex"), head + "01".repeat(length));
    });
  }
});
