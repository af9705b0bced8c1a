/** The result of one run of a side. */
export interface Outcome {
  /** Completed operations. */
  count: number;
  /** The p50 and p99 of a call's latency. */
  p50Ms: number;
  p99Ms: number;
  /** The server's CPU time for them, if the system reports it; other programs disturb it far less than rates. */
  serverCpuMs?: number;
}

/** One side of a comparison; the sides differ in nothing else. */
export interface Side {
  name: string;
  /** Prepares the runs; called once, before the first. */
  prepare?(): Promise<void>;
  run(seconds: number): Promise<Outcome>;
  cleanup?(): Promise<void>;
}

/** Sides that do the same work in different ways, and the reference side. */
export interface Comparison {
  title: string;
  /** The unit: charges, pairs, requests. */
  unit: string;
  /** The name of the side that is 1.00. */
  reference: string;
  sides: Side[];
}

/** The rounds of one side. */
export interface Measurement {
  name: string;
  rounds: Round[];
}

/** The reported numbers of one round of one side. */
export interface Round {
  ratePerSecond: number;
  p50Ms: number;
  p99Ms: number;
  serverCpuUs?: number;
}
