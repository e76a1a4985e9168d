/** The file descriptors of a process by what they are for, from the kernel: /proc/PID/fd and /proc/PID/net/tcp. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface Descriptors {
  /** Connections of clients that have not ended. */
  readonly clients: number;
  /** Connections to targets, and those that are being made. */
  readonly targets: number;
  /** Everything else: listeners, standard streams, files, and sockets that no connection has any more. */
  readonly others: number;
}

/** Reads them. `targetPorts` are ports of loopback. */
export function descriptorsOf(pid: number, port: number, targetPorts: ReadonlySet<number>): Descriptors {
  const connections = new Map(readConnections(pid));
  const counts = { clients: 0, targets: 0, others: 0 };
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    const connection = connections.get(inodeOf(`/proc/${pid}/fd/${descriptor}`));
    if (connection !== undefined && connection.local === port && connection.remote !== 0) counts.clients += 1;
    else if (connection !== undefined && targetPorts.has(connection.remote)) counts.targets += 1;
    else counts.others += 1;
  }
  return counts;
}

function inodeOf(path: string): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1] ?? "";
  } catch {
    return ""; // it was closed since the folder was read
  }
}

/** TCP connections over IPv4 with their ports, by the inode of their socket. */
function readConnections(pid: number): (readonly [string, { readonly local: number; readonly remote: number }])[] {
  const lines = readFileSync(`/proc/${pid}/net/tcp`, "utf8").trim().split("\n").slice(1);
  return lines.map((line) => {
    const [, local = "", remote = "", , , , , , , inode = ""] = line.trim().split(/\s+/);
    const portIn = (address: string) => Number.parseInt(address.split(":")[1] ?? "", 16);
    return [inode, { local: portIn(local), remote: portIn(remote) }] as const;
  });
}
