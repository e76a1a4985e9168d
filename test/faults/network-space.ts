/** The network namespace of a test, and the pair of interfaces that leads into it. */
import { execFileSync } from "node:child_process";

/** Removes what a test has made, or what an interrupted run has left. `ip` is the program. */
export function removeNetwork(ip: string, { link, space }: { readonly link: string; readonly space: string }): void {
  for (const args of [
    ["link", "del", link],
    ["netns", "del", space],
  ])
    try {
      execFileSync(ip, args, { stdio: "pipe" });
    } catch {
      // it does not exist
    }
}
