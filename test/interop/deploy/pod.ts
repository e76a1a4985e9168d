/**
 * A pod as a process: the arguments of its container, and its volumes as folders, laid out as kubelet does it.
 *
 *     Deployment        args, mounts ------------> healthbridge serve ...        FOLDER/etc/healthbridge/
 *     ConfigMap, Secret data -------------------->   healthbridge.yaml -> ..data/healthbridge.yaml
 *     (again)           changed data: a new folder,   ..data -> ..1            then ..2, by a rename
 *     Deployment        probes <---------------- kubelet's own prober, over gRPC
 *
 * Replaced are what a process beside others cannot have: the paths of the mounts, the ports, and the hosts of targets.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DaemonProcess } from "../../support/daemon-process.js";
import { freePort } from "../../support/free-port.js";
import { KubeletVolume } from "../../support/kubelet-volume.js";
import { kubelet } from "../peer-suites/fetch.js";
import { run } from "../peers.js";
import { type Manifest, type Probe, podOf } from "./manifests.js";

type Files = Readonly<Record<string, string>>;

export interface PodOptions {
  /** Words of the configuration in the cluster, each with its replacement here: the URLs of targets. */
  readonly words?: Files;
  /** Files of each Secret, by its name. */
  readonly secrets?: Readonly<Record<string, Files>>;
}

export class Pod {
  readonly #manifests: readonly Manifest[];
  readonly #options: PodOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), "healthbridge-pod-"));
  readonly #ports = new Map<number, number>();
  readonly #volumes = new Map<string, KubeletVolume>();
  #daemon: DaemonProcess | undefined;

  private constructor(manifests: readonly Manifest[], options: PodOptions) {
    this.#manifests = manifests;
    this.#options = options;
  }

  /** Starts the container `healthbridge` of the Deployment; resolves when it serves. */
  static async start(manifests: readonly Manifest[], options: PodOptions = {}): Promise<Pod> {
    kubelet(); // its installation would block this process, and the targets in it
    const pod = new Pod(manifests, options);
    for (const port of [50051, 8080, 50052]) pod.#ports.set(port, await freePort());
    pod.mount();
    const [, ...args] = podOf(manifests).container.args.map((arg) => pod.#translate(arg));
    const listens = args.some((arg) => arg.startsWith("--listen=")) || pod.#config().includes("listen:");
    const defaults = listens ? [] : [":50051", ":8080"].map((address) => `--listen=${pod.#translate(address)}`);
    pod.#daemon = await DaemonProcess.serve(...args, ...defaults);
    return pod;
  }

  /** Writes every volume again, as kubelet does after a change. `words` replaces words of the files. */
  mount(words: Files = {}): void {
    const { pod, container } = podOf(this.#manifests);
    for (const { name, mountPath } of container.volumeMounts) {
      const volume = pod.volumes.find((each) => each.name === name);
      if (volume?.emptyDir !== undefined) {
        mkdirSync(join(this.#folder, mountPath), { recursive: true });
        continue;
      }
      const text = (file: string) => replaced(this.#translate(file), words);
      const files = this.#filesOf(volume?.configMap?.name, volume?.secret?.secretName);
      const written = this.#volumes.get(name) ?? new KubeletVolume(join(this.#folder, mountPath));
      this.#volumes.set(name, written);
      written.write(mapValues(files, text));
    }
  }

  /** The port in the place of one of the container's. */
  port(port: number): number {
    return this.#ports.get(port) ?? assert.fail();
  }

  /** The path in the place of one of the container's. */
  path(path: string): string {
    return join(this.#folder, path);
  }

  /** What kubelet says of a probe of the container. */
  async probe(kind: "startupProbe" | "readinessProbe" | "livenessProbe"): Promise<string> {
    const probe: Probe = podOf(this.#manifests).container[kind];
    const { port, service } = probe.grpc;
    const { stdout, stderr } = await run(kubelet(), ["grpc", `${this.port(port)}`, service, "2s"]);
    return (stdout + stderr).trim();
  }

  /** Sends SIGTERM. Resolves with the exit code and the seconds until the end. */
  async terminate(): Promise<{ readonly code: number | null; readonly seconds: number }> {
    const daemon = this.#daemon ?? assert.fail();
    const startedAt = performance.now();
    daemon.process.kill("SIGTERM");
    const { code } = await daemon.ended();
    return { code, seconds: (performance.now() - startedAt) / 1000 };
  }

  async remove(): Promise<void> {
    await this.#daemon?.kill();
    rmSync(this.#folder, { recursive: true });
  }

  #config(): string {
    const maps = this.#manifests.filter(({ kind }) => kind === "ConfigMap");
    return maps.map(({ data }) => data?.["healthbridge.yaml"] ?? "").join("\n");
  }

  #filesOf(configMap: string | undefined, secret: string | undefined): Files {
    if (secret !== undefined) return this.#options.secrets?.[secret] ?? assert.fail(`there is no Secret ${secret}`);
    const found = this.#manifests.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === configMap);
    return found?.data ?? assert.fail(`there is no ConfigMap ${configMap}`);
  }

  /** A text of the cluster as a text of this machine. */
  #translate(text: string): string {
    const here = replaced(text, this.#options.words ?? {}).replaceAll(
      /\/(?:etc|run)\/healthbridge/g,
      `${this.#folder}$&`,
    );
    return here.replaceAll(
      /(^|[\s"/=]):(50051|8080|50052)\b/g,
      (_, before, port) => `${before}127.0.0.1:${this.port(Number(port))}`,
    );
  }
}

function replaced(text: string, words: Files): string {
  return Object.entries(words).reduce((result, [from, to]) => result.replaceAll(from, to), text);
}

function mapValues(files: Files, change: (text: string) => string): Files {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [name, change(text)]));
}
