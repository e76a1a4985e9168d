import assert from "node:assert/strict";
import { test } from "node:test";
import { hostFault, isAllowedHost, requireHosts } from "../../src/core/allowed-hosts.js";

const CONFIGURED = ["status.example.org", "*.Example.com"];

const ALLOWED = [
  ...[undefined, "127.0.0.1", "127.0.0.1:8080", "10.1.2.3:80", "[::1]", "[::1]:8080", "[fd00::1]:80"],
  ...["localhost", "localhost:8080", "LOCALHOST", "localhost.", "a.localhost:1", "flower", "flower:8080"],
  ...["status.example.org", "STATUS.example.org:8443", "status.example.org.", "a.example.com", "a.b.example.com:1"],
];

const REFUSED = [
  ...["", ":80", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example"],
  ...["example.com", "xexample.com", "example.org", "a.status.example.org", "status.example.org.evil"],
  ...["user@localhost", "localhost/", "[::1", "[evil.example]", "[127.0.0.1]", "a b.c", "localhost:8080:1", "1.2.3"],
];

test("IP literals, localhost, names of one label and configured names may be shown details", () => {
  for (const host of ALLOWED) assert.ok(isAllowedHost(host, CONFIGURED), `${host}`);
});

test("every other name is refused: it could be a name that an attacker has registered", () => {
  for (const host of REFUSED) assert.ok(!isAllowedHost(host, CONFIGURED), host);
});

test("a configured host is a name without scheme, port and path", () => {
  for (const host of ["a", "a.b", "*.a.b", "a-1.b_c.example"]) assert.equal(hostFault(host), undefined, host);
  for (const host of ["", "*", "a.*", "https://a.b", "a:80", "a/b", "a..b", "-a.b", "a b", 7])
    assert.match(
      hostFault(host) ?? "",
      /must be a host name without scheme and port, such as status\.example\.org/,
      `${host}`,
    );
  assert.throws(() => requireHosts("a.b"), /hosts must be a list of names/);
  assert.throws(() => requireHosts(["a:1"]), /hosts: must be a host name .* got "a:1"/);
  requireHosts(undefined);
  requireHosts(["a.b"]);
});
