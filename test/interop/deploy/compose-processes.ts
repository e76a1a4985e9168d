/**
 * The services of a Compose project as processes, in the order of their `depends_on`.
 *
 *     compose.yaml --> compose-go --> command, environment, volumes, healthcheck --> programs of this machine
 *
 * Replaced are what a process beside others cannot have: each HOST:PORT of the project, and the paths of a container.
 */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { eventually } from "../../support/eventually.js";
import { freePort } from "../../support/free-port.js";
import { type Ended, Running, run } from "../peers.js";

export interface Service {
  readonly command: readonly string[] | null;
  readonly environment?: Readonly<Record<string, string>>;
  readonly working_dir?: string;
  readonly volumes?: readonly { readonly source: string; readonly target: string }[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

/** A program of this machine: its path, and arguments before and after those of the command. */
export interface Program {
  readonly path: string;
  readonly before?: readonly string[];
  /** HOST:PORT in them is replaced too. */
  readonly after?: readonly string[];
}

type Services = Readonly<Record<string, Service>>;
type Programs = Readonly<Record<string, Program>>;

/** Folders of a container, when they begin a path. */
const FOLDERS = /(?<![\w.:/])\/(?=(?:etc|celery|prometheus|alertmanager|tmp|var)\b)/g;

export class ComposeProcesses {
  readonly #services: Services;
  readonly #programs: Programs;
  readonly #ports: ReadonlyMap<string, number>;
  readonly #root = mkdtempSync(join(tmpdir(), "healthbridge-compose-"));
  readonly #running = new Map<string, Running>();

  private constructor(services: Services, programs: Programs, ports: ReadonlyMap<string, number>) {
    this.#services = services;
    this.#programs = programs;
    this.#ports = ports;
  }

  /**
   * Starts the services that have a program, each when what it depends on has started or is healthy.
   * @param programs by the first word of a command, or by the name of the service whose image has an entry point
   * @param addresses each NAME:PORT that the project uses
   */
  static async start(services: Services, programs: Programs, addresses: readonly string[]): Promise<ComposeProcesses> {
    const ports = new Map<string, number>();
    for (const address of addresses) ports.set(address, await freePort());
    const project = new ComposeProcesses(services, programs, ports);
    try {
      for (const name of Object.keys(services)) await project.#start(name);
    } catch (error) {
      await project.stop();
      throw error;
    }
    return project;
  }

  /** The port in the place of `NAME:PORT`. */
  port(address: string): number {
    return this.#ports.get(address) ?? assert.fail(address);
  }

  service(name: string): Running {
    return this.#running.get(name) ?? assert.fail(name);
  }

  /** Runs the healthcheck of a service once. */
  async health(name: string): Promise<Ended> {
    const [, ...command] = this.#services[name]?.healthcheck?.test ?? assert.fail(`${name} has no healthcheck`);
    const { path, args } = this.#commandOf(name, command);
    return run(path, args);
  }

  async stop(): Promise<void> {
    for (const running of [...this.#running.values()].reverse()) await running.stop();
    rmSync(this.#root, { recursive: true });
  }

  async #start(name: string): Promise<void> {
    const service = this.#services[name] ?? assert.fail(name);
    if (this.#running.has(name) || service.command === null) return;
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      await this.#start(other);
      if (condition === "service_healthy") await this.#becomesHealthy(other);
    }
    for (const { source, target } of service.volumes ?? []) this.#mount(name, source, target);
    const { path, args } = this.#commandOf(name, service.command);
    const cwd = this.#translate(name, service.working_dir ?? "/tmp");
    for (const folder of [cwd, join(this.#root, name, "tmp")]) mkdirSync(folder, { recursive: true });
    const variables = Object.entries(service.environment ?? {});
    const env = Object.fromEntries(variables.map(([key, value]) => [key, this.#translate(name, value)]));
    this.#running.set(name, new Running(path, args, { cwd, env }));
  }

  async #becomesHealthy(name: string): Promise<void> {
    let last: Ended | undefined;
    const isHealthy = async () => {
      last = await this.health(name);
      return last.code === 0;
    };
    await eventually(isHealthy, `${name} is healthy`, 60_000).catch((cause) => {
      throw new Error(`${name}: ${JSON.stringify(last)}\n${this.service(name).output}`, { cause });
    });
  }

  #commandOf(name: string, command: readonly string[]): { readonly path: string; readonly args: readonly string[] } {
    const [first = "", ...rest] = command;
    const known = this.#programs[first];
    const { path, before = [], after = [] } = known ?? this.#programs[name] ?? assert.fail(`no program for ${name}`);
    const words = [...(known === undefined ? command : rest), ...after].map((word) => this.#translate(name, word));
    // a file of the checkout is one of this machine, wherever that is
    const options = before.map((word) => (isAbsolute(word) ? word : this.#translate(name, word)));
    return { path, args: [...options, ...words] };
  }

  /** Copies a file or a folder to its place, with its addresses replaced. */
  #mount(name: string, source: string, target: string): void {
    const place = join(this.#root, name, target);
    mkdirSync(dirname(place), { recursive: true });
    cpSync(source, place, { recursive: true });
    const files = statSync(place).isDirectory() ? readdirSync(place).map((file) => join(place, file)) : [place];
    for (const file of files) writeFileSync(file, this.#translate(name, readFileSync(file, "utf8")));
  }

  /** A text of a container as a text of this machine. `:PORT` alone is one of the service's own. */
  #translate(name: string, text: string): string {
    let here = text;
    for (const [address, port] of this.#ports) {
      const [host, number] = address.split(":");
      here = here.replaceAll(new RegExp(`\\b${address}\\b`, "g"), `127.0.0.1:${port}`);
      if (host === name) here = here.replace(new RegExp(`(?<=^|=):?${number}$`), (own) => this.#own(own, port));
    }
    return here.replaceAll(FOLDERS, `${join(this.#root, name)}/`);
  }

  #own(text: string, port: number): string {
    return text.startsWith(":") ? `127.0.0.1:${port}` : String(port);
  }
}
