/**
 * Instances of file_sd files. A file is read when its version has changed and is the same at the next look:
 *
 *     look 1: version a, read     look 2: a     look 3: b     look 4: b, read     look 5: gone: a fault, b's targets stay
 *
 * So a file that is being written is not read. Each file keeps its last good targets while it cannot be read, is not valid
 * or is gone: a mount that is away must not remove instances. What a file does not list any more is gone; `[]` is no target.
 * As in Prometheus, a deleted file of a pattern has no targets, but only while another file of the pattern is good: then the
 * folder is there.
 * Files are polled, because a container may have no watches of the kernel left, and network file systems send no events.
 */
import { basename, dirname, join } from "node:path";
import { readFileSd } from "./file-sd.js";
import { type AskSource, type FoundAddress, failed, MAX_ADDRESSES, type SourceAnswer } from "./source.js";

/** The text of a version of a file, or why it cannot be read. */
export type TargetsText = { readonly version: string } & ({ readonly text: string } | { readonly fault: string });

/** How files are read: without blocking, and `undefined` while a file system does not answer. */
export interface SourceFiles {
  /** The names in a folder, or why they cannot be listed. */
  readonly list: (folder: string) => Promise<readonly string[] | { readonly fault: string } | undefined>;
  /** What distinguishes two versions of a file without reading it. */
  readonly version: (path: string) => Promise<string | undefined>;
  readonly read: (path: string) => Promise<TargetsText | undefined>;
}

/** Files that one pattern may match. */
const MAX_FILES = 1_000;

/** A file that has been seen. */
interface KnownFile {
  /** Of the content that was read last. */
  version: string | undefined;
  /** Another version that was seen, and must be seen again before it is read. */
  changing: string | undefined;
  /** Of the last content without a fault. */
  addresses: readonly FoundAddress[] | undefined;
  /** What is wrong with the content that was read last. */
  contentFault: string | undefined;
  /** What is wrong with the file now. */
  fault: string | undefined;
}

/** Asks the files that a pattern matches. */
export function askFiles(pattern: string, files: SourceFiles): AskSource {
  const known = new Map<string, KnownFile>();
  let last: readonly FoundAddress[] = [];
  const answer = (further?: string): SourceAnswer => {
    const { addresses, fault } = merged(known, further);
    if (addresses === undefined) return { addresses, fault };
    // the same list while nothing has changed: thousands of targets are not compared at each look
    const isSame = addresses.length === last.length && addresses.every((each, at) => each === last[at]);
    if (!isSame) last = addresses;
    return { addresses: last, fault };
  };
  return async () => {
    const paths = await pathsOf(pattern, files);
    if ("fault" in paths) return answer(paths.fault);
    for (const path of paths.paths) if (!known.has(path)) known.set(path, newFile());
    const present = new Set(paths.paths);
    for (const [path, file] of known)
      if (present.has(path)) await look(path, file, files);
      else file.fault = `${path}: not found; keeping its last targets`;
    const isFolderThere = paths.paths.some((path) => known.get(path)?.fault === undefined);
    for (const [path, { addresses }] of known)
      if (!present.has(path) && (isFolderThere || addresses === undefined)) known.delete(path);
    return known.size === 0 ? failed(`${pattern}: no file has such a name`) : answer();
  };
}

function newFile(): KnownFile {
  return {
    version: undefined,
    changing: undefined,
    addresses: undefined,
    contentFault: undefined,
    fault: undefined,
  };
}

type Paths = { readonly paths: readonly string[] } | { readonly fault: string };

async function pathsOf(pattern: string, files: SourceFiles): Promise<Paths> {
  const last = basename(pattern);
  if (!last.includes("*")) return { paths: [pattern] };
  const folder = dirname(pattern);
  const names = await files.list(folder);
  if (names === undefined) return { fault: `${folder}: its file system does not answer` };
  if ("fault" in names) return { fault: `${folder}: ${names.fault}` };
  const paths = names.filter((name) => matches(name, last)).map((name) => join(folder, name));
  if (paths.length > MAX_FILES) return { fault: `${pattern}: more than ${MAX_FILES} files have such a name` };
  return { paths: paths.sort() };
}

/** `*` does not stand for a dot at the beginning: editors write such files. */
function matches(name: string, pattern: string): boolean {
  if (name.startsWith(".") && !pattern.startsWith(".")) return false;
  const parts = pattern.split("*");
  const [first = "", ...rest] = parts;
  const last = rest.pop() ?? "";
  if (!name.startsWith(first) || !name.endsWith(last)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= name.length - last.length;
}

async function look(path: string, file: KnownFile, files: SourceFiles): Promise<void> {
  const version = await files.version(path);
  if (version === undefined) {
    file.fault = `${path}: its file system does not answer`;
    return;
  }
  file.fault = file.contentFault;
  const isFirst = file.version === undefined;
  const isSettled = isFirst || file.changing === version;
  file.changing = version === file.version ? undefined : version;
  if (file.changing === undefined || !isSettled) return;
  const content = await files.read(path);
  if (content === undefined) {
    file.fault = `${path}: its file system does not answer`;
    return;
  }
  file.version = content.version;
  file.changing = undefined;
  const read = "text" in content ? await readFileSd(path, content.text) : { fault: `${path}${content.fault}` };
  file.contentFault = "fault" in read ? read.fault : undefined;
  file.fault = file.contentFault;
  if ("addresses" in read) file.addresses = read.addresses;
}

/** The targets of all files, with the first fault. */
function merged(known: ReadonlyMap<string, KnownFile>, further?: string): SourceAnswer {
  const files = [...known.values()];
  const addresses = files.flatMap((file) => file.addresses ?? []);
  const faults = files.flatMap(({ fault }) => fault ?? []);
  const fault = further ?? (faults.length > 1 ? `${faults[0]} (and ${faults.length - 1} other files)` : faults[0]);
  if (addresses.length > MAX_ADDRESSES) return failed(`the files have more than ${MAX_ADDRESSES} targets`);
  return files.every((file) => file.addresses === undefined)
    ? failed(fault ?? "no file was read")
    : { addresses, fault };
}
