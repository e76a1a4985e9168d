/** The commands of docs/deploy/image.md, run by podman in the place of Docker, and its probe of Kubernetes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { assertSchemas, type Manifest } from "../deploy/manifests.js";
import { pageSnippet } from "../deploy/pages.js";
import type { Podman } from "./podman.js";

const TOP = fileURLToPath(new URL("../../..", import.meta.url));

const CHECKS = `checks: { flower: "http://flower:5555/healthcheck" }\n`;
const STATE = "stateDir: /var/lib/healthbridge\ncontrol: /var/lib/healthbridge/control.sock\n";

/** Prints the services of the container when it serves. */
const LISTS = `docker exec healthbridge healthbridge probe -service=liveness -wait=30s
docker exec healthbridge healthbridge probe -list || true`;

export function docsRows(podman: () => Podman): void {
  test("the page builds the Dockerfile at the top, and names the version of the package", () => {
    const { version } = JSON.parse(readFileSync(join(TOP, "package.json"), "utf8"));
    assert.equal(pageSnippet("image", "build"), `docker build --tag healthbridge:${version} .\n`);
    assert.ok(existsSync(join(TOP, "Dockerfile")));
  });

  for (const start of ["run", "flags"])
    test(`the container of the snippet \`${start}\` serves`, async (t) => {
      const shell = shellOf(t, podman(), CHECKS);
      shell(pageSnippet("image", start));
      assert.match(shell(LISTS), /flower/);
    });

  test("the commands of the page run: a drained healthbridge reports NOT_SERVING", async (t) => {
    const shell = shellOf(t, podman(), STATE + CHECKS);
    const [validate, schema, exec] = pageSnippet("image", "commands").trim().split("\n");
    shell(validate ?? "");
    assert.equal(JSON.parse(shell(schema ?? "")).title, "healthbridge.yaml");
    const [run, ...commands] = pageSnippet("image", "state").split("\ndocker exec");
    shell(run ?? "");
    shell(LISTS);
    for (const command of commands) shell(`docker exec${command}`);
    assert.match(shell(`${exec} 2>&1 || true`), /NOT_SERVING/);
  });

  test("the livenessProbe of the page is one of Kubernetes", () => {
    const container = { name: "flower", image: "flower", ...parse(pageSnippet("image", "liveness")) };
    const pod: unknown = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, spec: { containers: [container] } };
    assertSchemas([pod as Manifest]); // a part of it, as a manifest is read
  });
}

/** Runs commands for a POSIX shell, in which `docker` is podman, without networks. Returns what they print. */
function shellOf(t: TestContext, podman: Podman, config: string): (text: string) => string {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-image-docs-"));
  mkdirSync(join(folder, "healthbridge"));
  writeFileSync(join(folder, "healthbridge/healthbridge.yaml"), config);
  for (const each of [".", "healthbridge"]) chmodSync(join(folder, each), 0o755);
  const [program = "", ...options] = podman.command();
  const limits = "--network=none --ulimit=nofile=1024:4096 --ulimit=nproc=4096:4096";
  const command = `${program} ${options.join(" ")}`;
  const lines = ["#!/bin/sh", `[ "$1" = run ] || exec ${command} "$@"`, "shift", `exec ${command} run ${limits} "$@"`];
  writeFileSync(join(folder, "docker"), `${lines.join("\n")}\n`, { mode: 0o755 });
  t.after(() => {
    podman.output("rm", "--all", "--force", "--time=0");
    rmSync(folder, { recursive: true });
  });
  return (text) => {
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
    const { status, stdout, stderr } = spawnSync("sh", ["-ec", text], { cwd: folder, env, encoding: "utf8" });
    assert.equal(status, 0, `${text}\n${stdout}${stderr}`);
    return stdout;
  };
}
