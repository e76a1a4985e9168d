/** The header of the PROXY protocol: what is read, and what is refused. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crc32c } from "../../src/listener/crc32c.js";
import { MAX_V2_BYTES, readProxyHeader } from "../../src/listener/proxy-header.js";
import { SeededRandom } from "../support/seeded-random.js";
import { headerV2, TCP4, TCP6, value } from "./proxy-headers.js";

const LINE = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";

const V1: readonly (readonly [string, string, ReturnType<typeof readProxyHeader>])[] = [
  ["IPv4", LINE, { length: LINE.length, client: "192.0.2.1" }],
  ["IPv6, in its shortest form", "PROXY TCP6 2001:DB8:0:0::1 ::1 1 0\r\n", { length: 36, client: "2001:db8::1" }],
  ["an unknown client", "PROXY UNKNOWN\r\n", { length: 15, client: undefined }],
  [
    "IPv4 inside IPv6, as the operating system writes it",
    "PROXY TCP6 ::FFFF:c000:201 ::ffff:198.51.100.7 1 0\r\n",
    { length: 52, client: "::ffff:192.0.2.1" },
  ],
  ["an unknown client with more text", "PROXY UNKNOWN ffff::1 \n\r x\r\n", { length: 28, client: undefined }],
  ["107 bytes", `PROXY UNKNOWN ${"x".repeat(91)}\r\n`, { length: 107, client: undefined }],
  ["108 bytes", `PROXY UNKNOWN ${"x".repeat(92)}\r\n`, { fault: "too-long" }],
  ["107 bytes without an end", `PROXY UNKNOWN ${"x".repeat(93)}`, { fault: "too-long" }],
  ["a line that ends with LF alone", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", "more"],
  ["CR in the line", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rX\r\n", { fault: "malformed" }],
  ["two spaces", "PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n", { fault: "malformed" }],
  ["an octal address", "PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n", { fault: "malformed" }],
  ["an address of the other family", "PROXY TCP4 ::1 ::2 1 2\r\n", { fault: "malformed" }],
  ["an address with a zone", "PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n", { fault: "malformed" }],
  ["a destination that is none", "PROXY TCP4 1.1.1.1 x 1 2\r\n", { fault: "malformed" }],
  ["a port above 65535", "PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n", { fault: "malformed" }],
  ["a port with a leading zero", "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", { fault: "malformed" }],
  ["no ports", "PROXY TCP4 1.1.1.1 2.2.2.2\r\n", { fault: "malformed" }],
  ["another protocol", "PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n", { fault: "malformed" }],
  ["small letters", "proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n", { fault: "missing" }],
  ["a request of HTTP", "GET / HTTP/1.1\r\n", { fault: "missing" }],
  ["nothing", "", "more"],
];

const CHECKED = withChecksum(headerV2({ address: TCP4, values: [value(0x01, "h2"), value(0x03, "\0\0\0\0")] }));

const V2: readonly (readonly [string, Buffer, ReturnType<typeof readProxyHeader>])[] = [
  ["TCP over IPv4", headerV2({ address: TCP4 }), { length: 28, client: "192.0.2.1" }],
  ["TCP over IPv6", headerV2({ protocol: 0x21, address: TCP6 }), { length: 52, client: "2001:db8::1" }],
  ["UDP over IPv4", headerV2({ protocol: 0x12, address: TCP4 }), { length: 28, client: "192.0.2.1" }],
  ["a unix socket", headerV2({ protocol: 0x31, address: Buffer.alloc(216, "a") }), { length: 232, client: undefined }],
  ["an unknown client", headerV2({ protocol: 0x00, address: Buffer.alloc(5) }), { length: 21, client: undefined }],
  ["LOCAL", headerV2({ command: 0x20, protocol: 0x00, address: Buffer.alloc(0) }), { length: 16, client: undefined }],
  [
    "LOCAL with an unknown family",
    headerV2({ command: 0x20, protocol: 0x43, address: TCP4 }),
    { length: 28, client: undefined },
  ],
  ["LOCAL with an address", headerV2({ command: 0x20, address: TCP4 }), { length: 28, client: undefined }],
  [
    "AWS's endpoint (0xEA)",
    headerV2({ address: TCP4, values: [value(0xea, "\x01vpce-08d2")] }),
    { length: 41, client: "192.0.2.1" },
  ],
  [
    "an empty value at its end",
    headerV2({ address: TCP4, values: [value(4, "")] }),
    { length: 31, client: "192.0.2.1" },
  ],
  ["a right checksum", CHECKED, { length: CHECKED.length, client: "192.0.2.1" }],
  ["a wrong checksum", flipped(CHECKED, CHECKED.length - 1), { fault: "checksum" }],
  ["another port than that of the checksum", flipped(CHECKED, 25), { fault: "checksum" }],
  ["a checksum of 3 bytes", headerV2({ address: TCP4, values: [value(0x03, "\0\0\0")] }), { fault: "malformed" }],
  ["a value beyond the end", headerV2({ address: TCP4, values: [Buffer.from([4, 0, 9, 0])] }), { fault: "malformed" }],
  ["half the head of a value", headerV2({ address: TCP4, values: [Buffer.from([4, 0])] }), { fault: "malformed" }],
  ["a short address", headerV2({ address: TCP4.subarray(0, 11) }), { fault: "malformed" }],
  ["version 1 in the binary form", headerV2({ command: 0x11, address: TCP4 }), { fault: "malformed" }],
  ["an unknown command", headerV2({ command: 0x22, address: TCP4 }), { fault: "malformed" }],
  ["an unknown family", headerV2({ protocol: 0x41, address: TCP4 }), { fault: "malformed" }],
  ["an unknown transport", headerV2({ protocol: 0x13, address: TCP4 }), { fault: "malformed" }],
  [
    "the longest header",
    headerV2({ address: TCP4, values: [value(0x04, "\0".repeat(MAX_V2_BYTES - 31))] }),
    { length: MAX_V2_BYTES, client: "192.0.2.1" },
  ],
  [
    "a longer one, before it has come",
    headerV2({ address: Buffer.alloc(MAX_V2_BYTES) }).subarray(0, 16),
    { fault: "too-long" },
  ],
];

describe("a header of version 1", () => {
  for (const [name, text, reading] of V1)
    test(`with ${name} is read as the protocol says`, () =>
      assert.deepEqual(readProxyHeader(Buffer.from(text, "latin1")), reading));
});

describe("a header of version 2", () => {
  for (const [name, bytes, reading] of V2)
    test(`with ${name} is read as the protocol says`, () => assert.deepEqual(readProxyHeader(bytes), reading));
});

const VALID: readonly (readonly [Buffer, ReturnType<typeof readProxyHeader>])[] = [
  ...V1.map(([, text, reading]) => [Buffer.from(text, "latin1"), reading] as const),
  ...V2.map(([, bytes, reading]) => [bytes, reading] as const),
].filter(([, reading]) => typeof reading === "object" && "length" in reading);

test("a header that is cut at any byte needs more, and what follows it does not matter", () => {
  for (const [bytes, reading] of VALID) {
    for (let length = 0; length < bytes.length; length += 1)
      assert.equal(readProxyHeader(bytes.subarray(0, length)), "more", `${length} of ${bytes.toString("latin1")}`);
    assert.deepEqual(readProxyHeader(Buffer.concat([bytes, Buffer.from("PROXY \r\n")])), reading);
  }
});

test("a header of damaged or random bytes never throws, and never needs more than its limit", () => {
  const random = new SeededRandom(14).next;
  const byte = () => Math.floor(random() * 256);
  for (let round = 0; round < 20_000; round += 1) {
    const [valid = Buffer.alloc(0)] = VALID[round % VALID.length] ?? [];
    const bytes = Buffer.concat([valid, Buffer.alloc(MAX_V2_BYTES - valid.length, byte())]);
    for (let change = 0; change < 1 + (round % 3); change += 1) bytes[Math.floor(random() * valid.length)] = byte();
    assert.notEqual(readProxyHeader(bytes), "more");
  }
});

test("CRC32c has the value that its standard gives for 32 bytes of zero, of ones and of a count", () => {
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
  assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
  assert.equal(crc32c(Buffer.from(Array.from({ length: 32 }, (_, index) => index))), 0x46dd794e);
});

function flipped(bytes: Buffer, index: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
}

/** The header with the checksum in its last four bytes. */
function withChecksum(header: Buffer): Buffer {
  const copy = Buffer.from(header);
  copy.writeUInt32BE(crc32c(header), header.length - 4);
  return copy;
}
