/** The rows of the image about its volumes: what changes in them, and what survives the container. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { certify, createSubject } from "../../support/certificates.js";
import { eventually, inTime } from "../../support/eventually.js";
import { KubeletVolume, type KubeletVolumeOptions } from "../../support/kubelet-volume.js";
import { events, get } from "../../support/smoke/serving.js";
import { type ImageInstallation, serving } from "./image-installation.js";

/** The user of the image, and its group. */
const USER = 65532;

export function volumeRows(image: () => ImageInstallation): void {
  test("a swapped ConfigMap and swapped Secrets are applied without a restart", async (t) => {
    const config = volumeOf(t);
    const tls = volumeOf(t, { group: USER });
    const token = volumeOf(t, { group: USER });
    const [first, second] = [certificate("first"), certificate("second")];
    config.write({ "healthbridge.yaml": CONFIG });
    tls.write(first.files);
    token.write({ token: "one" });
    const mounts = [
      `--volume=${config.folder}:/etc/healthbridge:ro`,
      `--volume=${tls.folder}:/etc/healthbridge-tls:ro`,
      `--volume=${token.folder}:/etc/healthbridge-secrets/token:ro`,
    ];
    const container = await serving(t, image().container(["--network=host", "--no-healthcheck", ...mounts]));
    const port = String(events(container, "serving")[0]?.addresses).split(":").at(-1);
    const metrics = (secret: string, ca: string) =>
      get(`https://localhost:${port}/metrics`, { authorization: `Bearer ${secret}` }, ca).catch(String);
    assert.match(await metrics("one", first.ca), /^200 /);

    token.write({ token: "two" });
    await eventually(async () => (await metrics("two", first.ca)).startsWith("200 "), "the new token is valid");
    assert.match(await metrics("one", first.ca), /^401 /);
    tls.write(second.files);
    await eventually(async () => (await metrics("two", second.ca)).startsWith("200 "), "the new certificate is used");
    config.write({ "healthbridge.yaml": `${CONFIG}  b: { heartbeat: { ttl: 1h, token: b } }\n` });
    const hasB = async () => (await metrics("two", second.ca)).includes('check="b"');
    await eventually(hasB, `the new check is known: ${container.output()}`);
  });

  test("the state folder can be a folder of its group, as an emptyDir with fsGroup is", async (t) => {
    const { folder } = volumeOf(t);
    chownSync(folder, 0, USER);
    chmodSync(folder, 0o2770);
    const args = ["serve", "--state-dir=/var/lib/healthbridge"];
    const options = ["--network=none", "--no-healthcheck", `--volume=${folder}:/var/lib/healthbridge`];
    const container = await serving(t, image().container(options, args));
    container.signal("SIGTERM");
    assert.equal(await inTime(container.ended, "it ends"), 0);
  });

  test("a drain survives the container, with the state folder on a named volume", async (t) => {
    const config = volumeOf(t);
    const state = "/var/lib/healthbridge";
    config.write({ "healthbridge.yaml": `control: ${state}/control.sock\nstateDir: ${state}\nchecks: {}\n` });
    const options = ["--network=none", "--volume=state:/var/lib/healthbridge"];
    const start = () => serving(t, image().container([...options, `--volume=${config.folder}:/etc/healthbridge:ro`]));
    const before = await start();
    assert.equal((await before.exec("healthbridge", ["drain"])).code, 0);
    await before.kill();
    const probe = await (await start()).exec("healthbridge", ["probe"]);
    assert.deepEqual([probe.code, probe.stderr], [4, 'service unhealthy (responded with "NOT_SERVING")\n']);
  });
}

const CONFIG = `listen: ["127.0.0.1:0"]
tls: { certFile: /etc/healthbridge-tls/tls.crt, keyFile: /etc/healthbridge-tls/tls.key }
tokenFile: /etc/healthbridge-secrets/token/token
checks:
  a: { heartbeat: { ttl: 1h, token: a } }
`;

function volumeOf(t: TestContext, options: KubeletVolumeOptions = {}): KubeletVolume {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-volume-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return new KubeletVolume(folder, options);
}

/** A certificate for `localhost` as a Secret has it, and the CA that clients trust. */
function certificate(name: string): { readonly ca: string; readonly files: Readonly<Record<string, string>> } {
  const [issuer, server] = [createSubject(name), createSubject("server")];
  const cert = certify(server, { issuer, hosts: ["localhost"] });
  return { ca: certify(issuer), files: { "tls.crt": cert, "tls.key": server.key } };
}
