/** Test files that have a process of their own, as patterns, and why. All others follow each other in one. */
export const OWN_PROCESS: Record<string, string> = {
  "tests/{browser,faults,realtime,simulation,stack}/**/*.test.ts":
    "long, with processes of their own, or with helpers that clean up by hooks of the file that loads them",
  "tests/http/feature_run.test.ts": "the stack's settings become those of the process",
  "tests/{unit/ledger/audio,sql/expiry}.test.ts":
    "compare times, which the work of earlier files would stretch",
  "tests/unit/ledger/pictures.test.ts": "stands a module in for another, which must not be loaded yet",
  "tests/unit/shared/background.test.ts": "ends the process's background work for good",
  "tests/unit/shared/caller_networks.test.ts": "measures the memory of the process",
  "tests/unit/shared/endpoint.test.ts":
    "fills the process's memory budget, and its settings become the process's",
};
