import assert from "node:assert/strict";
import { test } from "node:test";
import { REASONS } from "../../src/core/reasons.js";
import { fail, ProberError } from "../../src/probers/prober.js";
import { resultOfError } from "../../src/probers/reasons.js";

function systemError(code: string, message = `connect ${code} 10.0.0.1:80`): Error {
  return Object.assign(new Error(message), { code });
}

const TABLE: readonly (readonly [code: string, reason: string])[] = [
  ["ECONNREFUSED", "refused"],
  ["ECONNRESET", "reset"],
  ["EPIPE", "reset"],
  ["ENOTFOUND", "dns"],
  ["ERR_FORBIDDEN_ADDRESS", "forbidden"],
  ["ETIMEDOUT", "unreachable"],
  ["EHOSTUNREACH", "unreachable"],
  ["ENETUNREACH", "unreachable"],
  ["EPROTO", "tls"],
  ["CERT_HAS_EXPIRED", "tls-expired"],
  ["CERT_NOT_YET_VALID", "tls-expired"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "tls-untrusted"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "tls-name"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "tls-untrusted"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "tls-untrusted"],
  ["HPE_INVALID_CONSTANT", "protocol"],
  ["ABORT_ERR", "timeout"],
];

for (const [code, reason] of TABLE) {
  test(`${code} is ${reason}, and the log gets its text`, () => {
    const result = resultOfError(systemError(code));
    assert.equal(result.reason, reason);
    assert.ok(result.detail?.includes(code));
  });
}

for (const code of ["EINVAL", "EAFNOSUPPORT", "ENETDOWN", "ENONET"])
  for (const syscall of ["connect", "send"])
    test(`${code} of ${syscall} says nothing about the target's protocol: it is unreachable`, () => {
      const error = Object.assign(systemError(code), { syscall, address: "10.0.0.1", port: 80 });
      assert.equal(resultOfError(error).reason, "unreachable");
      assert.equal(resultOfError(systemError(code)).reason, "protocol", "of another call");
    });

test("a link-local address whose interface is missing has a detail that says so", () => {
  const of = (address: string) => {
    const text = `connect EINVAL ${address}:80 - Local (:::0)`;
    return resultOfError(Object.assign(systemError("EINVAL", text), { syscall: "connect", address, port: 80 })).detail;
  };
  const hint = "; the zone of its address must be an interface of this machine, as in [fe80::1%eth0]";
  for (const address of ["fe80::1%nope", "fe80::1", "febf::1%eth0"])
    assert.equal(of(address), `connect EINVAL ${address}:80${hint}`);
  for (const address of ["fec0::1", "10.0.0.1"]) assert.equal(of(address), `connect EINVAL ${address}:80`);
});

for (const code of ["ENOENT", "ENOTDIR", "ELOOP"])
  test(`${code} of a Unix socket is refused`, () => {
    const error = Object.assign(systemError(code, `connect ${code} /run/x`), { syscall: "connect", address: "/run/x" });
    assert.equal(resultOfError(error).reason, "refused");
  });

const LOCAL = ["ENOMEM", "EAI_MEMORY", "ENOBUFS", "EADDRNOTAVAIL", "EADDRINUSE", "EAGAIN", "EACCES", "EPERM"];

for (const code of ["EMFILE", "ENFILE", ...LOCAL]) {
  const reason = LOCAL.includes(code) ? "prober" : "descriptors";
  test(`${code} is a prober error without a stack: it is thrown, and says nothing about the target`, () => {
    assert.throws(
      () => resultOfError(systemError(code)),
      (thrown) => thrown instanceof ProberError && thrown.reason === reason && thrown.stack?.includes("\n") === false,
    );
  });
}

test("an error without a code is a prober error, not a failure of the target", () => {
  assert.throws(() => resultOfError(new TypeError("x is not a function")), TypeError);
});

test("a certificate for another name has a detail with both names, and no more than five of them", () => {
  const of = (subjectaltname?: string) => {
    const more = {
      host: "shop.test",
      cert: { subjectaltname },
      reason: "Host: shop.test. is not in the cert's altnames",
    };
    return resultOfError(Object.assign(systemError("ERR_TLS_CERT_ALTNAME_INVALID", "altnames"), more)).detail;
  };
  const text = (names: string) => `ERR_TLS_CERT_ALTNAME_INVALID the certificate is for ${names}, and not for shop.test`;
  assert.equal(of("DNS:a.test, DNS:*.b.test, IP Address:10.0.0.1"), text("a.test, *.b.test, 10.0.0.1"));
  assert.equal(of("URI:spiffe://a/b"), text("URI:spiffe://a/b"));
  assert.equal(of(undefined), text("no name"));
  const many = Array.from({ length: 7 }, (_, index) => `DNS:h${index}`).join(", ");
  assert.equal(of(many), text("h0, h1, h2, h3, h4 and 2 more"));
});

test("a datagram that was refused has a detail that names the cause", () => {
  const error = Object.assign(systemError("ECONNREFUSED", "recvmsg ECONNREFUSED"), { syscall: "recvmsg" });
  assert.equal(resultOfError(error).detail, "recvmsg ECONNREFUSED; no program receives at this port");
});

const SEVERAL: readonly (readonly [label: string, codes: readonly string[], reason: string])[] = [
  ["no IPv6 here, and refused over IPv4", ["EADDRNOTAVAIL", "ECONNREFUSED"], "refused"],
  ["no way over IPv6, and refused over IPv4", ["ENETUNREACH", "ECONNREFUSED"], "refused"],
  ["no way over either", ["ENETUNREACH", "ETIMEDOUT"], "unreachable"],
  ["no IPv6 here, and no way over IPv4", ["EADDRNOTAVAIL", "EHOSTUNREACH"], "unreachable"],
];

for (const [label, codes, reason] of SEVERAL) {
  test(`with several addresses, the most useful error counts: ${label}`, () => {
    const error = new AggregateError(codes.map((code) => systemError(code)));
    assert.equal(resultOfError(error).reason, reason);
  });
}

test("if every address failed with an error of this machine, it is a prober error", () => {
  const error = new AggregateError([systemError("EMFILE"), systemError("EMFILE")]);
  assert.throws(() => resultOfError(error), { name: "ProberError", reason: "descriptors" });
});

test("every reason is a short code with a meaning", () => {
  for (const [code, meaning] of Object.entries(REASONS)) {
    assert.match(code, /^(?:[a-z-]{2,20}|E[A-Z]{3,15})$/);
    assert.ok(meaning.length > 10);
  }
});

for (const code of ["EAI_AGAIN", "EAI_FAIL"]) {
  test(`${code}: no name server answers, which is a prober error with the reason dns`, () => {
    assert.throws(
      () => resultOfError(systemError(code)),
      (error) => error instanceof ProberError && error.reason === "dns",
    );
  });
}

test("a target's text is cut, so that it cannot fill the log", () => {
  const { detail } = fail("grpc", "😀".repeat(100_000));
  assert.ok(detail !== undefined && detail.length <= 300 && detail.isWellFormed());
});

test("the detail of an error has its code once", () => {
  const rows = [
    ["ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:9", "connect ECONNREFUSED 127.0.0.1:9"],
    ["ENOTFOUND", "getaddrinfo ENOTFOUND a.test", "getaddrinfo ENOTFOUND a.test"],
    ["CERT_HAS_EXPIRED", "certificate has expired", "CERT_HAS_EXPIRED certificate has expired"],
    ["ECONNRESET", "socket hang up", "ECONNRESET socket hang up"],
  ] as const;
  for (const [code, message, detail] of rows) assert.equal(resultOfError(systemError(code, message)).detail, detail);
});

test("the detail of an error of OpenSSL is its reason, without addresses, functions and source lines", () => {
  const errors = {
    "wrong version number":
      "write EPROTO 80EC2F26137F0000:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/openssl/ssl/record/ssl3_record.c:350:\n",
    "ssl/tls alert handshake failure":
      "00A1B2C3D47F0000:error:0A000410:SSL routines:ssl3_read_bytes:ssl/tls alert handshake failure:../deps/rec_layer_s3.c:1590:SSL alert number 40\n",
    "packet length too long":
      "80EC2F26137F0000:error:0A0000C6:SSL routines::packet length too long:ssl/record/methods/tls_common.c:655:\n",
    "no error of OpenSSL: at all": "no error of OpenSSL: at all",
  };
  for (const [detail, message] of Object.entries(errors))
    assert.equal(resultOfError(systemError("EPROTO", message)).detail, `EPROTO ${detail}`);
});
