/**
 * What the smoke suite needs of an installation of healthbridge, whatever its form: npm tarball, single executable,
 * Debian package, image.
 *
 *     smoke.ts ---run, start, exec, signal---> Installation ---+-- InstalledPrograms: processes, in a root of their own
 *        |                                                     '-- the image: containers
 *        '------gRPC, HTTP over loopback-----> healthbridge serve
 *
 * Each installation uses the host's loopback.
 */

/** The programs of every installation. */
export type Program = "healthbridge" | "grpc-health-probe";

/** How a program ended. */
export interface Ended {
  /** The exit code; 128 + n after signal n. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunInput {
  /** Default: `healthbridge`. */
  readonly program?: Program;
  /** A folder whose files the program sees under the same path. Default: none. */
  readonly folder?: string;
}

export interface Installation {
  /** For titles of tests, such as `npm tarball`. */
  readonly name: string;
  /** Runs a program to its end. */
  run(args: readonly string[], input?: RunInput): Promise<Ended>;
  /** Starts `healthbridge serve ARGS`, and does not wait until it serves. It sees the files of `folder` under the same path. */
  start(args: readonly string[], folder: string): Promise<Started>;
}

/** A daemon of an installation. */
export interface Started {
  /** The exit code; 128 + n after signal n. */
  readonly ended: Promise<number>;
  signal(name: "SIGTERM" | "SIGHUP" | "SIGKILL"): void;
  /** Runs a program where the daemon runs, as the health check of a container does. */
  exec(program: Program, args: readonly string[]): Promise<Ended>;
  /** What it has written to stdout and stderr so far. */
  output(): string;
}
