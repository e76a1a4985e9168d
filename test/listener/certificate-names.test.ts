/** The names in the bytes of a certificate: none is changed, split or left out, and broken bytes are refused. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readCertificateNames } from "../../src/listener/certificate-names.js";
import {
  type CertificateOptions,
  certify,
  createSubject,
  extension,
  sequence,
  tagged,
} from "../support/certificates.js";

const subject = createSubject("prober.example.org"); // the common name is a name that a list may have
const derOf = (options: CertificateOptions) => Buffer.from(new X509Certificate(certify(subject, options)).raw);
const namesOf = (options: CertificateOptions) => readCertificateNames(derOf(options));

const SIGNS_CERTIFICATES = 0x04;
const SIGNS_LISTS = 0x02;
const SIGNS_MESSAGES = 0x80;

describe("the names of a certificate", () => {
  test("are its DNS names and URIs, in their order, and neither addresses nor the common name", () => {
    const hosts = ["b.example", "10.0.0.1", "spiffe://example.org/a", "a.example", "::1"];
    assert.deepEqual(namesOf({ hosts }), {
      dns: ["b.example", "a.example"],
      uri: ["spiffe://example.org/a"],
      isAuthority: false,
    });
    assert.deepEqual(namesOf({ isAuthority: false }), { dns: [], uri: [], isAuthority: false });
  });

  const odd = [
    "a.example\0.evil.example",
    "a.example, DNS:b.example",
    'a.example", "b.example',
    "a.example\\u0000",
    "DNS:a.example",
    " a.example\n",
    "\u00fc\u00ff",
    "",
  ];
  test("have each byte of odd names: no name is split in two (CVE-2021-44532) or ends at a NUL (CVE-2009-2408)", () => {
    const names = odd.flatMap((text) => [["dns", text] as const, ["uri", text] as const]);
    assert.deepEqual(namesOf({ names }), { dns: odd, uri: odd, isAuthority: false });
  });

  test("are all there, of hundreds", () => {
    const names = Array.from({ length: 700 }, (_, index) => ["dns", `host-${index}.example.org`] as const);
    assert.equal(namesOf({ names }).dns.at(-1), "host-699.example.org");
  });

  test("say whether the key may sign certificates or revocation lists", () => {
    assert.equal(namesOf({ isAuthority: true }).isAuthority, true);
    const hosts = ["a.example"];
    for (const [usage, expected] of [
      [SIGNS_MESSAGES, false],
      [SIGNS_MESSAGES | SIGNS_CERTIFICATES, true],
      [SIGNS_LISTS, true],
    ] as const)
      assert.equal(namesOf({ hosts, usage }).isAuthority, expected, `${usage}`);
  });

  test("are not read from a certificate that has two lists of them", () => {
    const second = extension([0x11], sequence(tagged(0x82, Buffer.from("b.example"))));
    assert.throws(() => namesOf({ hosts: ["a.example"], extensions: [second] }), /the extension 551d11 is there twice/);
  });

  test("are those that Node reads, for names that need no escapes", () => {
    const name = fc.stringMatching(/^[a-z0-9.*:/?_-]{1,40}$/);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom("dns" as const, "uri" as const), name), { minLength: 1 }),
        (names) => {
          const certificate = new X509Certificate(certify(subject, { names }));
          const { dns, uri } = readCertificateNames(Buffer.from(certificate.raw));
          const texts = certificate.subjectAltName?.split(", ") ?? [];
          const ofKind = (prefix: string) =>
            texts.filter((text) => text.startsWith(prefix)).map((text) => text.slice(prefix.length));
          assert.deepEqual({ dns, uri }, { dns: ofKind("DNS:"), uri: ofKind("URI:") });
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("bytes that are no certificate", () => {
  const whole = derOf({ hosts: ["a.example", "spiffe://example.org/a"], usage: SIGNS_MESSAGES });

  test("are refused when they are cut at any place", () => {
    for (let length = 0; length < whole.length; length += 1)
      assert.throws(() => readCertificateNames(whole.subarray(0, length)), Error, `${length} bytes`);
  });

  test("are refused or read, whatever byte has changed: never an endless loop", () => {
    for (let at = 0; at < whole.length; at += 1)
      for (const value of [0, 0x1f, 0x30, 0x7f, 0x80, 0x84, 0xff]) {
        const changed = Buffer.from(whole);
        changed[at] = value;
        try {
          readCertificateNames(changed);
        } catch (error) {
          assert.ok(error instanceof Error && !(error instanceof TypeError), String(error));
        }
      }
  });

  test("are refused or read, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        assert.throws(() => readCertificateNames(Buffer.from([0x04, ...bytes])), Error);
      }),
      { numRuns: 500 },
    );
  });

  test("are refused with a length that is indefinite or has many bytes, and with a long tag", () => {
    for (const hex of ["3080300000000000", "30840000000530030102ff", "3f0130", "30ffffffff"])
      assert.throws(() => readCertificateNames(Buffer.from(hex, "hex")), Error, hex);
  });
});
