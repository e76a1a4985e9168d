/** Which names of certificates are allowed: the patterns, and what they match to the letter. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type AllowedClients,
  allowedClientsFaults,
  type ClientNames,
  clientRefusal,
  requireAllowedClients,
} from "../../src/core/allowed-clients.js";

const NONE: ClientNames = { dns: [], uri: [], isAuthority: false };
const byDns = (pattern: string, ...dns: string[]) => clientRefusal({ dns: [pattern] }, { ...NONE, dns });
const byUri = (pattern: string, ...uri: string[]) => clientRefusal({ uri: [pattern] }, { ...NONE, uri });

const LONG_NAME = `${"a".repeat(60)}.`.repeat(4).concat("example.org");
const PROBER = "spiffe://example.org/ns/shop/sa/prober";

describe("an allowed DNS name", () => {
  const matching: readonly (readonly [pattern: string, name: string])[] = [
    ["prober.example.org", "prober.example.org"],
    ["Prober.Example.org", "PROBER.example.ORG"],
    ["localhost", "localhost"],
    ["_dmarc.a-1.example", "_dmarc.a-1.example"],
    ["xn--bcher-kva.example", "XN--bcher-kva.example"],
    ["*.example.org", "prober.example.org"],
    ["*.EXAMPLE.org", "p_1.example.org"],
  ];
  for (const [pattern, name] of matching)
    test(`${pattern} matches ${name}`, () => assert.equal(byDns(pattern, name), undefined));

  const others: readonly (readonly [pattern: string, name: string])[] = [
    ...["example.org", "a.b.example.org", "xexample.org", ".example.org", "*.example.org", "a.example.org.evil"].map(
      (name) => ["*.example.org", name] as const,
    ),
    ...["prober.example.org.", "prober.example.org\0", "prober.example.org\0.evil.example", " prober.example.org"].map(
      (name) => ["prober.example.org", name] as const,
    ),
    ...["DNS:prober.example.org", '"prober.example.org"', "a, DNS:prober.example.org", "*", "*.org", ""].map(
      (name) => ["prober.example.org", name] as const,
    ),
    ["prober.example.org", "xprober.example.org"],
    ["*.example.org", "b\u00fccher.example.org"],
    ["*.example.org", "-a.example.org"],
    ["xn--bcher-kva.example", "b\u00fccher.example"],
    ["kelvin.example", "\u212aelvin.example"],
  ];
  for (const [pattern, name] of others)
    test(`${pattern} does not match ${JSON.stringify(name)}`, () =>
      assert.match(byDns(pattern, name) ?? "", /^no name of its certificate is in tls\.allowClients$/));

  test("is one of the names of a certificate, at any place", () => {
    assert.equal(byDns("b.example", "a.example", "b.example", "c.example"), undefined);
  });

  test("is no URI, and a URI is no DNS name", () => {
    assert.notEqual(clientRefusal({ dns: ["a.example"] }, { ...NONE, uri: ["a.example"] }), undefined);
    assert.notEqual(clientRefusal({ uri: ["urn:a"] }, { ...NONE, dns: ["urn:a"] }), undefined);
  });
});

describe("an allowed URI", () => {
  test("is compared byte by byte", () => {
    assert.equal(byUri("https://a.example/x", "urn:other", "https://a.example/x"), undefined);
    for (const uri of ["https://A.example/x", "https://a.example/x/", "https://a.example/x\0", "https://a.example/%78"])
      assert.match(byUri("https://a.example/x", uri) ?? "", /^no name/, uri);
  });

  const matching: readonly (readonly [pattern: string, id: string])[] = [
    [PROBER, PROBER],
    ["spiffe://example.org/**", PROBER],
    ["spiffe://example.org/**", "spiffe://example.org/a"],
    ["spiffe://example.org/ns/shop/**", PROBER],
    ["spiffe://example.org/ns/*/sa/prober", PROBER],
    ["spiffe://example.org/ns/shop/sa/*", PROBER],
    ["spiffe://example.org/ns/*/**", PROBER],
  ];
  for (const [pattern, id] of matching)
    test(`${pattern} matches ${id}`, () => assert.equal(byUri(pattern, id), undefined));

  const others: readonly (readonly [pattern: string, id: string])[] = [
    [PROBER, `${PROBER}/x`],
    [PROBER, PROBER.replace("prober", "Prober")],
    ["spiffe://example.org/ns/*", PROBER],
    ["spiffe://example.org/ns/shop/**", "spiffe://example.org/ns/shop"],
    ["spiffe://example.org/ns/shop/**", "spiffe://example.org/ns/shopping/sa/prober"],
    ["spiffe://example.org/**", "spiffe://example.org"],
    ["spiffe://example.org/**", "spiffe://example.org.evil.example/a"],
    ["spiffe://example.org/**", "spiffe://example.orgx/a"],
    ["spiffe://example.org/**", "SPIFFE://example.org/a"],
    ["spiffe://example.org/**", "spiffe://EXAMPLE.org/a"],
  ];
  for (const [pattern, id] of others)
    test(`${pattern} does not match ${id}`, () => assert.match(byUri(pattern, id) ?? "", /^no name/));

  const invalid = [
    ...["spiffe://example.org/", "spiffe://example.org/a/", "spiffe://example.org//a", "spiffe://example.org/a/../b"],
    ...["spiffe://example.org/./a", "spiffe://example.org/a?b", "spiffe://example.org/a#b", "spiffe://example.org/%61"],
    ...[
      "spiffe://example.org/a b",
      "spiffe://example.org/a\0",
      "spiffe://example.org/\u00fc",
      "spiffe://example.org/*",
    ],
    `spiffe://example.org/${"a".repeat(2_048)}`,
  ];
  for (const id of invalid)
    test(`a certificate with ${JSON.stringify(id.slice(0, 40))} has no valid SPIFFE ID`, () =>
      assert.match(byUri("spiffe://example.org/**", id) ?? "", /^the SPIFFE ID of its certificate is not valid$/));

  test("that is a SPIFFE ID needs a certificate with no other URI", () => {
    for (const other of ["spiffe://example.org/b", "https://a.example/", PROBER])
      assert.match(byUri("spiffe://example.org/**", PROBER, other) ?? "", /^its certificate has a SPIFFE ID beside/);
    assert.equal(
      clientRefusal({ uri: [PROBER] }, { dns: ["a.example"], uri: [PROBER], isAuthority: false }),
      undefined,
    );
  });

  test("that is a SPIFFE ID needs a certificate whose key signs no certificates", () => {
    const names = { ...NONE, uri: [PROBER], isAuthority: true };
    assert.match(clientRefusal({ uri: [PROBER] }, names) ?? "", /may sign certificates$/);
    assert.equal(clientRefusal({ uri: ["urn:a"] }, { ...names, uri: ["urn:a"] }), undefined, "the rule is SPIFFE's");
  });
});

test("a certificate without names is refused, whatever is allowed", () => {
  const all: AllowedClients = { dns: ["*.example.org"], uri: ["spiffe://example.org/**"] };
  assert.equal(clientRefusal(all, NONE), "its certificate has no DNS name and no URI");
});

describe("a pattern", () => {
  const refused: readonly (readonly [AllowedClients, RegExp])[] = [
    [{}, /^ must have at least one name in dns or uri/],
    [{ dns: [], uri: [] }, /^ must have at least one name in dns or uri/],
    ...[
      "",
      "*",
      "*.",
      "a.*",
      "*a.example",
      "*.*.example",
      "a..b",
      "-a.b",
      "a.b.",
      "a:80",
      "https://a.b",
      "a b",
      "a/b",
    ].map(
      (name) =>
        [
          { dns: [name] },
          /^dns\[0\] must be a DNS name, such as prober\.example\.org or \*\.example\.org; got "/,
        ] as const,
    ),
    [{ dns: [LONG_NAME] }, /^dns\[0\] must be a DNS name/],
    [{ dns: ["a.example", "10.0.0.1"] }, /^dns\[1\] must be a name: IP addresses are not compared; got "10\.0\.0\.1"$/],
    [{ dns: ["::1"] }, /^dns\[0\] must be a name: IP/],
    [
      { dns: ["b\u00fccher.example"] },
      /^dns\[0\] must be in ASCII, as certificates have it: xn--bcher-kva\.example; got/,
    ],
    [{ uri: ["prober"] }, /^uri\[0\] must be a URI, such as spiffe:/],
    [{ uri: ["https://a.example/b c"] }, /^uri\[0\] must be a URI/],
    [{ uri: ["https://a.example/*"] }, /^uri\[0\] must have no \*: only SPIFFE IDs have wildcards/],
    [{ uri: ["SPIFFE://example.org/a"] }, /^uri\[0\] must start with spiffe:\/\/ in lower case/],
    [{ uri: ["spiffe:example.org/a"] }, /^uri\[0\] must start with spiffe:/],
    [{ uri: ["spiffe://Example.org/a"] }, /^uri\[0\] must have a trust domain of lower-case letters/],
    [{ uri: ["spiffe://*/a"] }, /^uri\[0\] must have a trust domain .*; \* and \*\* are whole segments of the path/],
    [{ uri: ["spiffe://**"] }, /^uri\[0\] must have a trust domain/],
    [{ uri: ["spiffe://example.org"] }, /^uri\[0\] must have a path: a trust domain alone is no workload/],
    [{ uri: ["spiffe://example.org:443/a"] }, /^uri\[0\] must have a trust domain/],
    [{ uri: ["spiffe://example.org/a/"] }, /^uri\[0\] must have a path of letters/],
    [{ uri: ["spiffe://example.org/a*"] }, /^uri\[0\] must have a path .*; \* and \*\* are whole segments/],
    [{ uri: ["spiffe://example.org/**/a"] }, /^uri\[0\] must have \*\* at its end only/],
  ];
  for (const [allowed, expected] of refused)
    test(`of ${JSON.stringify(allowed).slice(0, 60)} is refused`, () => {
      const [fault] = allowedClientsFaults(allowed);
      const where = fault?.path.map((step) => (typeof step === "number" ? `[${step}]` : step)).join("");
      assert.match(`${where} ${fault?.text}`, expected);
      assert.throws(() => requireAllowedClients(allowed), { code: "INVALID_OPTION", message: /^tls\.allowClients/ });
    });

  test("has every fault of a list", () => {
    const faults = allowedClientsFaults({ dns: ["a b", "a.example", "*"], uri: ["x"] });
    assert.deepEqual(
      faults.map(({ path }) => path),
      [
        ["dns", 0],
        ["dns", 2],
        ["uri", 0],
      ],
    );
  });

  test("of a caller without types is refused when it is no list, or under another name", () => {
    const loose = (allowed: object) => requireAllowedClients(allowed);
    assert.throws(() => loose({ dns: "a.example" }), {
      message: "tls.allowClients.dns must be a list of names",
    });
    assert.throws(() => loose({ dns: [7] }), { message: "tls.allowClients.dns must be a list of names" });
    assert.throws(() => loose({ DNS: ["a.example"] }), { message: /"DNS" is not an option of tls\.allowClients/ });
  });
});
