/** The memory of this process. `process.memoryUsage()` reads /proc, and throws where it is not mounted, as in a chroot. */
import { getHeapStatistics } from "node:v8";

/** Bytes of the heap that this thread uses. */
export function heapUsedBytes(): number {
  return getHeapStatistics().used_heap_size;
}

/** Bytes of memory of the whole process; `undefined` where the system does not say. */
export function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}
