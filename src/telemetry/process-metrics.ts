/**
 * The metrics of the process: which program it is, and what it uses of the machine.
 *
 * Their names are those of Prometheus' client libraries, so that common dashboards show them:
 * https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
 */
export const PROCESS_METRICS = {
  buildInfo: {
    name: "healthbridge_build_info",
    type: "gauge",
    labels: ["version", "node"],
    help: "Always 1. The labels hold the versions of healthbridge and of Node.",
  },
  cpu: {
    name: "process_cpu_seconds_total",
    type: "counter",
    labels: [],
    help: "CPU time of the process, user and system.",
  },
  residentMemory: {
    name: "process_resident_memory_bytes",
    type: "gauge",
    labels: [],
    help: "Resident memory of the process.",
  },
  processStart: {
    name: "process_start_time_seconds",
    type: "gauge",
    labels: [],
    help: "Unix time at which the process started.",
  },
  heapUsed: {
    name: "nodejs_heap_size_used_bytes",
    type: "gauge",
    labels: [],
    help: "Heap in use by JavaScript.",
  },
} as const;
