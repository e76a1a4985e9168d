/**
 * The image as an installation: each program is a container with the network of this machine and few rights.
 *
 *     run(ARGS)   --> podman run --rm IMAGE ARGS
 *     start(ARGS) --> podman run --rm --name=NAME IMAGE serve ARGS <-- podman exec NAME PROGRAM ARGS
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, readdirSync, readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { eventually, inTime } from "../../support/eventually.js";
import { notOutlive } from "../../support/not-outlive.js";
import type { Ended, Installation, Program, RunInput, Started } from "../../support/smoke/installation.js";
import { events } from "../../support/smoke/serving.js";
import { debian } from "../install.js";
import type { Podman } from "./podman.js";

/** What `docker run` and the restricted profile of Kubernetes can forbid. The default profile of seccomp applies, too. */
const RESTRICTED = [
  "--read-only",
  "--read-only-tmpfs=false",
  "--cap-drop=all",
  "--security-opt=no-new-privileges",
  "--memory=128m",
  "--memory-swap=128m",
];

/** Podman raises these limits, and not every machine lets it. */
const LIMITS = ["--ulimit=nofile=1024:4096", "--ulimit=nproc=4096:4096"];

export class ImageInstallation implements Installation {
  readonly name = "image";
  readonly #podman: Podman;
  readonly #image: string;

  constructor(podman: Podman, image: string) {
    this.#podman = podman;
    this.#image = image;
  }

  run(args: readonly string[], { program = "healthbridge", folder }: RunInput = {}): Promise<Ended> {
    // the smoke suite is about the programs without the defaults of the image
    const options = ["--network=host", `--entrypoint=${program}`, "--env=HEALTHBRIDGE_PROBE_ADDR=", ...mount(folder)];
    return new Container(this.#run([...options, this.#image, ...args])).end();
  }

  async start(args: readonly string[], folder: string): Promise<StartedContainer> {
    return this.container(["--network=host", "--no-healthcheck", ...mount(folder)], ["serve", ...args]);
  }

  /** Starts a container with further options of `podman run`. */
  container(options: readonly string[], args: readonly string[] = []): StartedContainer {
    const name = `healthbridge-${randomUUID()}`;
    return new StartedContainer(this.#podman, name, this.#run([`--name=${name}`, ...options, this.#image, ...args]));
  }

  #run(words: readonly string[]): readonly string[] {
    return this.#podman.command("run", "--rm", ...LIMITS, ...RESTRICTED, ...words);
  }
}

/** A folder that the user of the image can read. */
function mount(folder: string | undefined): readonly string[] {
  if (folder === undefined) return [];
  chmodSync(folder, 0o755);
  return [`--volume=${folder}:${folder}:ro`];
}

/** A process of podman, with what the container writes. */
class Container {
  readonly process: ChildProcess;
  readonly ended: Promise<number>;
  stdout = "";
  stderr = "";

  constructor([program = "", ...args]: readonly string[]) {
    this.process = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.process.stdout?.on("data", (text) => {
      this.stdout += text;
    });
    this.process.stderr?.on("data", (text) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve, reject) => {
      this.process.once("error", reject).once("close", (code) => resolve(code ?? -1));
    });
    notOutlive(this.process, () => this.process.kill("SIGTERM"));
  }

  /** Resolves when the program has ended. */
  async end(): Promise<Ended> {
    const code = await inTime(this.ended, `${this.process.spawnargs.join(" ")} ends`, 60_000);
    return { code, stdout: this.stdout, stderr: this.stderr };
  }
}

/** A container that may run on. */
export class StartedContainer implements Started {
  readonly name: string;
  readonly #podman: Podman;
  readonly #container: Container;
  #id: string | undefined;

  constructor(podman: Podman, name: string, command: readonly string[]) {
    this.name = name;
    this.#podman = podman;
    this.#container = new Container(command);
  }

  get ended(): Promise<number> {
    return this.#container.ended;
  }

  signal(name: "SIGTERM" | "SIGHUP" | "SIGKILL"): void {
    // a container that has ended is gone
    new Container(this.#podman.command("kill", `--signal=${name}`, this.name));
  }

  exec(program: Program | "grpc_health_probe", args: readonly string[]): Promise<Ended> {
    return this.podman("exec", this.name, program, ...args);
  }

  /** Runs a command in the container by runc alone, without the bookkeeping of podman. */
  async execQuickly(command: readonly string[]): Promise<Ended> {
    this.#id ??= (await this.podman("inspect", "--format={{.Id}}", this.name)).stdout.trim();
    return new Container([debian("runc"), "exec", this.#id, ...command]).end();
  }

  /** Runs a command of podman to its end. */
  podman(...args: readonly string[]): Promise<Ended> {
    return new Container(this.#podman.command(...args)).end();
  }

  output(): string {
    return this.#container.stdout + this.#container.stderr;
  }

  /** The id of its first process on this machine. */
  async pid(): Promise<number> {
    let pid = 0;
    await eventually(async () => {
      pid = Number((await this.podman("inspect", "--format={{.State.Pid}}", this.name)).stdout);
      return pid > 0;
    }, "the container runs");
    return pid;
  }

  /** Kills it, if it runs. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended;
  }
}

/** Resolves when a container serves. The test kills it at its end. */
export async function serving(t: TestContext, container: StartedContainer): Promise<StartedContainer> {
  t.after(() => container.kill());
  let code: number | undefined;
  void container.ended.then((value) => {
    code = value;
  });
  await eventually(() => code !== undefined || events(container, "serving").length > 0, "it serves");
  assert.equal(code, undefined, container.output());
  return container;
}

/** How many children of a process have ended, and are still in the table of processes. */
export function zombiesOf(parent: number): number {
  const isZombie = (pid: string) => {
    try {
      const [, state, ppid] = /^\d+ \(.*\) (\w) (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
      return state === "Z" && Number(ppid) === parent;
    } catch {
      return false; // it has gone meanwhile
    }
  };
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isZombie(name)).length;
}
