/**
 * A volume of a ConfigMap or of a Secret as kubelet writes it: every file changes in one step, when `..data` is replaced.
 *
 *     tls.crt -> ..data/tls.crt      ..data -> ..1, then ..2
 */
import { chmodSync, chownSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface KubeletVolumeOptions {
  /** `fsGroup` of the pod: the group of each file, which can read it and others cannot. Default: all users can read it. */
  readonly group?: number;
}

export class KubeletVolume {
  readonly folder: string;
  readonly #group: number | undefined;
  #versions = 0;

  /** @param folder is created if it does not exist */
  constructor(folder: string, { group }: KubeletVolumeOptions = {}) {
    this.folder = folder;
    this.#group = group;
  }

  /** Writes all files, by their names. A later call must have the same names. */
  write(files: Readonly<Record<string, string>>): void {
    this.#versions += 1;
    const version = join(this.folder, `..${this.#versions}`);
    mkdirSync(version, { recursive: true });
    chmodSync(this.folder, 0o755);
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(version, name), text);
      this.#giveToGroup(join(version, name));
      if (this.#versions === 1) symlinkSync(join("..data", name), join(this.folder, name));
    }
    symlinkSync(`..${this.#versions}`, join(this.folder, "..data_tmp"));
    renameSync(join(this.folder, "..data_tmp"), join(this.folder, "..data"));
  }

  #giveToGroup(file: string): void {
    if (this.#group === undefined) return;
    chownSync(file, 0, this.#group);
    chmodSync(file, 0o440);
  }
}
