/** The Debian package of this checkout's build. */
import { dirname, join } from "node:path";
import { buildDeb, debianArchitecture } from "../../../scripts/deb.js";
import { builtExecutable } from "./built-executable.js";

export interface DebianPackageOptions {
  /** Where it is written. */
  readonly folder: string;
  /** Default: that of package.json. */
  readonly version?: string;
  /** Default: the single executable. */
  readonly executable?: string;
  /** Default `none`, which is the fastest. */
  readonly compression?: string;
}

/** Builds the package. Returns its path. */
export function debianPackage(options: DebianPackageOptions): string {
  const executable = builtExecutable();
  const licences = join(dirname(executable), "LICENSES.txt");
  return buildDeb({ architecture: debianArchitecture(), executable, licences, compression: "none", ...options });
}
