/** gRPC clients as readers: `xds:///orders` with a bootstrap file of readers/. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { goXds } from "../install.js";
import { npmXdsFolder } from "../npm-packages.js";
import { readerFile } from "./envoy-reader.js";
import { ProgramTraffic } from "./traffic.js";

export interface GrpcOptions {
  readonly directory: string;
  readonly discoveryPort: number;
  /** The bootstrap file. Default grpc-bootstrap.json. */
  readonly bootstrap?: string;
  /** Replaces text of the bootstrap file. */
  readonly edit?: (text: string) => string;
  readonly env?: NodeJS.ProcessEnv;
}

const JS_CLIENT = fileURLToPath(new URL("grpc-js-client.ts", import.meta.url));

/** The clients: the program of each, which takes a target as its last argument. */
export const GRPC_CLIENTS = {
  "grpc-js": (): readonly string[] => [process.execPath, "--import", "tsx", JS_CLIENT, npmXdsFolder()],
  "grpc-go": (): readonly string[] => [goXds()],
} as const;

/** Starts a client of `xds:///orders`, with its traffic. */
export function startGrpcReader(client: keyof typeof GRPC_CLIENTS, options: GrpcOptions): ProgramTraffic {
  const { directory, discoveryPort, bootstrap = "grpc-bootstrap.json", edit = (text) => text, env = {} } = options;
  const path = join(directory, bootstrap);
  writeFileSync(path, edit(readerFile(bootstrap).replaceAll("8500", `${discoveryPort}`)));
  const [program = "", ...args] = GRPC_CLIENTS[client]();
  return new ProgramTraffic(program, [...args, "xds:///orders"], { env: { GRPC_XDS_BOOTSTRAP: path, ...env } });
}
