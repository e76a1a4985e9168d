/**
 * Validates a configuration with other contents of the files that it names.
 *
 *     changed files --> groups (certificates with their keys) --> all new? valid: done
 *                                                                  | invalid
 *                                                                  '--> each half alone ... --> a group alone that is invalid
 *                                                                                               keeps its previous content
 *
 * One torn file must not keep another one from being renewed. The text of the configuration is the accepted one: the file may
 * be invalid at this moment, or gone. The files were read before: see `named-files-watch`.
 */
import { type FileKind, type KnownContents, type NamedFile, textOf } from "../config/files.js";
import type { FileContent } from "../config/read-file.js";
import { type LoadedConfig, requireValid } from "../config/validate.js";
import { HealthError } from "../core/health-error.js";
import { type AcceptedText, loadAccepted } from "./load-config.js";

/** A changed file whose previous content stays in use. */
export interface FailedFile {
  readonly path: string;
  readonly kind: FileKind;
  readonly message: string;
}

/** A configuration with the newest contents that are valid. */
export interface Renewed {
  readonly loaded: LoadedConfig;
  readonly failed: readonly FailedFile[];
  /** The paths whose new content is in use. */
  readonly renewed: readonly string[];
}

/** Files that change together. */
type Group = readonly NamedFile[];

/** @param changed contents that differ from those in use, by path */
export async function renewFiles(
  accepted: AcceptedText,
  previous: readonly NamedFile[],
  changed: KnownContents,
): Promise<Renewed> {
  const renewal = new Renewal(accepted, previous, changed);
  const groups = groupsOf(previous).map((group) => group.filter((file) => renewal.changed.has(file)));
  await renewal.take(groups.filter((group) => group.some((file) => renewal.isNew(file))));
  return renewal.result();
}

class Renewal {
  readonly changed: ReadonlySet<NamedFile>;
  readonly #accepted: AcceptedText;
  readonly #fresh: KnownContents;
  #contents: KnownContents;
  readonly #failed: FailedFile[] = [];
  readonly #renewed: string[] = [];

  constructor(accepted: AcceptedText, previous: readonly NamedFile[], fresh: KnownContents) {
    this.#accepted = accepted;
    this.#fresh = fresh;
    // a version that is not used is known too: it is not tried again
    this.#contents = new Map(
      previous.map(({ path, content }) => [path, { ...content, identity: this.#at(path, content).identity }]),
    );
    this.changed = new Set(previous.filter(({ path, content }) => textOf(this.#at(path, content)) !== textOf(content)));
  }

  /** Whether the version has not been tried before. */
  isNew({ path, content }: NamedFile): boolean {
    return this.#at(path, content).identity !== content.identity;
  }

  /** Takes the groups whose new contents are valid. */
  async take(groups: readonly Group[]): Promise<void> {
    if (groups.length === 0) return;
    const files = groups.flat();
    const next = new Map(this.#contents);
    for (const { path, content } of files) next.set(path, this.#at(path, content));
    const message = await this.#faultOf(next);
    if (message === undefined) {
      this.#contents = next;
      this.#renewed.push(...files.map(({ path }) => path));
    } else if (groups.length === 1) {
      for (const { path, kind } of files) this.#failed.push({ path, kind, message });
    } else {
      const half = Math.ceil(groups.length / 2);
      await this.take(groups.slice(0, half));
      await this.take(groups.slice(half));
    }
  }

  async result(): Promise<Renewed> {
    const loaded = await loadAccepted(this.#accepted, this.#contents);
    requireValid(loaded, [], process.env);
    return { loaded, failed: this.#failed, renewed: this.#renewed };
  }

  #at(path: string, previous: FileContent): FileContent {
    return this.#fresh.get(path) ?? previous;
  }

  /** Why the contents are not valid; `undefined` if they are. */
  async #faultOf(contents: KnownContents): Promise<string | undefined> {
    try {
      requireValid(await loadAccepted(this.#accepted, contents), [], process.env);
      return undefined;
    } catch (error) {
      if (error instanceof HealthError) return error.message;
      throw error;
    }
  }
}

/** Certificates that share a key are in one group, and so are keys that share a certificate. */
function groupsOf(files: readonly NamedFile[]): readonly Group[] {
  const groups = new Map<string, { readonly paths: string[]; readonly files: NamedFile[] }>();
  for (const file of files) {
    const group = { paths: [file.path, ...file.partners], files: [file] };
    const related = new Set(group.paths.flatMap((path) => groups.get(path) ?? []));
    const [merged = group] = related;
    for (const each of [...related, group].filter((other) => other !== merged)) {
      merged.paths.push(...each.paths);
      merged.files.push(...each.files);
      for (const path of each.paths) groups.set(path, merged);
    }
    for (const path of group.paths) groups.set(path, merged);
  }
  return [...new Set(groups.values())].map((group) => group.files);
}
