/**
 * Reads the files of a configuration again, of which some have changed.
 *
 *     changed files --> groups (a certificate with its key) --> all new? valid: done
 *                                                              | invalid
 *                                                              '--> each half alone ... --> a group alone that is invalid
 *                                                                                           keeps its previous content
 *
 * One torn file must not keep another one from being renewed. The text of the configuration is the accepted one: the file may
 * be invalid at this moment, or gone.
 */
import type { FileKind, KnownContents, NamedFile } from "../config/files.js";
import { type FileContent, readRegularFile } from "../config/read-file.js";
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

/** Reads the files again. */
export async function renewFiles(accepted: AcceptedText, previous: readonly NamedFile[]): Promise<Renewed> {
  const renewal = new Renewal(accepted, previous);
  await renewal.take(groupsOf(renewal.changed).filter((group) => group.some((file) => renewal.isNew(file))));
  return renewal.result();
}

class Renewal {
  readonly changed: readonly NamedFile[];
  readonly #accepted: AcceptedText;
  readonly #fresh: KnownContents;
  #contents: KnownContents;
  readonly #failed: FailedFile[] = [];
  readonly #renewed: string[] = [];

  constructor(accepted: AcceptedText, previous: readonly NamedFile[]) {
    this.#accepted = accepted;
    this.#fresh = new Map(previous.map(({ path }) => [path, readRegularFile(path)]));
    // a version that is not used is known too: it is not tried again
    this.#contents = new Map(
      previous.map(({ path, content }) => [path, { ...content, identity: this.#at(path).identity }]),
    );
    this.changed = previous.filter(({ path, content }) => textOf(this.#at(path)) !== textOf(content));
  }

  /** Whether the version on the disk has not been tried before. */
  isNew({ path, content }: NamedFile): boolean {
    return this.#at(path).identity !== content.identity;
  }

  /** Takes the groups whose new contents are valid. */
  async take(groups: readonly Group[]): Promise<void> {
    if (groups.length === 0) return;
    const files = groups.flat();
    const next = new Map(this.#contents);
    for (const { path } of files) next.set(path, this.#at(path));
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

  #at(path: string): FileContent {
    return this.#fresh.get(path) ?? readRegularFile(path);
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

function groupsOf(files: readonly NamedFile[]): readonly Group[] {
  const partners = new Set(files.flatMap(({ partner }) => partner ?? []));
  const alone = files.filter(({ path, partner }) => partner !== undefined || !partners.has(path));
  return alone.map((file) => [file, ...files.filter(({ path }) => path === file.partner && path !== file.path)]);
}

function textOf(content: FileContent): string | undefined {
  return "text" in content ? content.text : undefined;
}
