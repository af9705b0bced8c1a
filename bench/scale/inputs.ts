import { count, table } from "../markdown.ts";

interface Input {
  value: number;
  unit: string;
  source: string;
}

const MEASURED = "measured 2026-11-21 on 2 × AMD EPYC, a quiet machine";
const SUPABASE = "supabase.com/docs/guides/platform/compute-and-disk";

/** A database's size: cores, and connections of the pooler. */
export interface Machine {
  name: string;
  cores: number;
  connections: number;
}

/** Cores as Supabase sells them; the pool sizes are guesses. */
export const MACHINES = {
  small: { name: "2 cores", cores: 2, connections: 20 },
  medium: { name: "4 cores", cores: 4, connections: 30 },
  large: { name: "16 cores", cores: 16, connections: 60 },
  largest: { name: "64 cores", cores: 64, connections: 200 },
} satisfies Record<string, Machine>;

/** Every other input of the simulation and the tables. After a new benchmark run, update only this file. */
export const INPUTS = {
  pairCpuUs: {
    value: 496,
    unit: "µs of server CPU for a hold and its settlement, two transactions",
    source: MEASURED,
  },
  batchedPairCpuRatio: {
    value: 0.33,
    unit: "of that for a pair in batches of 100",
    source:
      "measured 2026-11-21 on 2 × Intel Xeon 2.8 GHz while other programs ran: ledger part of the benchmark",
  },
  spreadPairsPerSecond: { value: 3_656, unit: "pairs/s over 10,000 users, 16 connections", source: MEASURED },
  hotPairsPerSecond: { value: 1_039, unit: "pairs/s on one user, 16 connections", source: MEASURED },
  measuredFlushUs: { value: 132, unit: "µs for a flush (write, fdatasync) there", source: MEASURED },
  measuredCores: { value: 2, unit: "cores there, shared with the load generator", source: MEASURED },
  entryBytes: { value: 431, unit: "B on disk for an entry with metadata, for ever", source: MEASURED },
  plainEntryBytes: { value: 182, unit: "B for one without metadata", source: MEASURED },
  requestBytes: { value: 311, unit: "B on disk for a request, 24 h, without its answer", source: MEASURED },
  pairWalBytes: { value: 1_938, unit: "B of WAL for a pair with metadata, no page images", source: MEASURED },
  checkpointSeconds: { value: 300, unit: "s between checkpoints", source: "default of Postgres" },
  idIndexBytes: {
    value: 55,
    unit: "B of index for a request's id",
    source: "22 characters, 12 B beside them, 70 % full",
  },
  userIndexBytes: { value: 15, unit: "B of index for a request's user, who is kept once", source: "guess" },
  balanceBytes: { value: 300, unit: "B for a balance on pages that are kept half empty", source: "guess" },
  usersPerRequest: {
    value: 1_000,
    unit: "users for each request a second, in the page images",
    source: "guess",
  },
  cleanupPages: {
    value: 10_000,
    unit: "pages of 8 KiB that a cleanup visits",
    source: "cleanup_expired_locks",
  },
  answerBytes: { value: 2_000, unit: "B of a stored answer", source: "guess" },
  modelMedianMs: { value: 2_000, unit: "ms, median of a model call", source: "guess" },
  modelSigma: { value: 0.7, unit: "sigma of its log-normal law (mean 2.6 s, p99 10 s)", source: "guess" },
  users: { value: 100_000, unit: "users who are active at the same time", source: "guess" },
  hottestShare: {
    value: 0.01,
    unit: "of all requests are the hottest user's; the rest by a Zipf law",
    source: "guess",
  },
  requestsPerIsolate: {
    value: 10,
    unit: "requests that run in one isolate at the same time",
    source: "guess; it can be several (supabase/cli#1695), how many is not documented",
  },
  roundTripMs: { value: 1, unit: "ms from a function to the pool and back, same region", source: "guess" },
  hostedFlushMs: {
    value: 1,
    unit: "ms for a flush on a network disk",
    source: "guess; AWS says “single-digit ms” for gp3, below 1 ms for io2",
  },
  restConnections: {
    value: 10,
    unit: "connections of PostgREST's pool",
    source: "default of db-pool, docs.postgrest.org; hosted projects may differ",
  },
  restCommitMs: {
    value: 0.2,
    unit: "ms from PostgREST's statement to its commit, with the row locked",
    source: "guess; a commit of its own is one more trip on the same machine",
  },
  walMegabytesPerSecond: { value: 125, unit: "MB/s, gp3 without an extra", source: SUPABASE },
  coldRestTrips: { value: 2, unit: "round trips before the first call by REST", source: "TCP, TLS 1.3" },
  coldPostgresTrips: {
    value: 6,
    unit: "round trips before the first call straight",
    source: "TCP, SSLRequest, TLS 1.3, startup and two of SCRAM",
  },
} satisfies Record<string, Input>;

/** The input's number. */
export function input(name: keyof typeof INPUTS): number {
  return INPUTS[name].value;
}

export function inputsTable(): string {
  const rows = Object.values<Input>(INPUTS).map(({ value, unit, source }) => [
    `${value < 10 ? value : count(value)} ${unit}`,
    source,
  ]);
  return table(["input", "from"], rows);
}
