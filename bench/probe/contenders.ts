/** The programs that the bench starts: for each version of Node an empty script, the floor, and each build of the probe. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { grpcHealthProbe, LTS, node } from "../../test/interop/install.js";
import { BUILDS, mainOf } from "../measuring/builds.js";

/** A program that is started. */
export interface Contender {
  /** The version of Node; `undefined` for a program without Node. */
  readonly version: string | undefined;
  readonly name: string;
  readonly command: readonly string[];
  /** Added to the environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** The versions of Node that the goal is about. */
export const VERSIONS: readonly string[] = ["20.20.2", "22.23.3", LTS];

export const EMPTY = "an empty script";
export const REFERENCE = "grpc_health_probe";

/** The first version that keeps compiled code. */
const FIRST_WITH_CACHE = 22;

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

const COMPILE_CACHE = { NODE_COMPILE_CACHE: file("../.cache/compile") };

/** All contenders. The server has this port. */
export function contendersOf(port: number): readonly Contender[] {
  const reference = [grpcHealthProbe(), addrOf(port)];
  return [
    ...VERSIONS.flatMap((version) => contendersOn(version, port)),
    { version: undefined, name: REFERENCE, command: reference, env: {} },
  ];
}

function contendersOn(version: string, port: number): readonly Contender[] {
  const binary = `v${version}` === process.version ? process.execPath : node(version);
  const contender = (name: string, args: readonly string[], env: Contender["env"] = {}): Contender => {
    return { version, name, command: [binary, ...args], env };
  };
  const hasCache = Number.parseInt(version, 10) >= FIRST_WITH_CACHE;
  return [
    contender(EMPTY, [file("empty.cjs")]),
    contender("a bare connection", [file("floor.cjs"), String(port)]),
    ...BUILDS.flatMap((build) => {
      const probe = [join(build.folder, "dist/cli/grpc-health-probe.cjs"), addrOf(port)];
      const cached = contender(`${build.name}, NODE_COMPILE_CACHE`, probe, COMPILE_CACHE);
      return [
        contender(build.name, probe),
        contender(`${build.name}, as healthbridge probe`, [mainOf(build), "probe", addrOf(port)]),
        ...(hasCache ? [cached] : []),
      ];
    }),
  ];
}

function addrOf(port: number): string {
  return `-addr=127.0.0.1:${port}`;
}
