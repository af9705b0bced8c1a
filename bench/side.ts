/** What one run of a side did. */
export interface Outcome {
  /** Operations that were finished. */
  count: number;
  /** How long one call took, half and 99 % of the times at the most. */
  p50Ms: number;
  p99Ms: number;
  /** CPU time that the server spent on them, where the system tells; far less disturbed by other programs than rates. */
  serverCpuMs?: number;
}

/** One thing to measure: what is compared differs in nothing else. */
export interface Side {
  name: string;
  /** Makes what a run needs; called once, before the first. */
  prepare?(): Promise<void>;
  run(seconds: number): Promise<Outcome>;
  cleanup?(): Promise<void>;
}

/** Sides that do the same work in different ways, and the one that the others are compared with. */
export interface Comparison {
  title: string;
  /** What is counted: charges, pairs, requests. */
  unit: string;
  /** The name of the side that is 1.00. */
  reference: string;
  sides: Side[];
}

/** All rounds of one side. */
export interface Measurement {
  name: string;
  rounds: Round[];
}

/** One round of one side, as the numbers that are reported. */
export interface Round {
  ratePerSecond: number;
  p50Ms: number;
  p99Ms: number;
  serverCpuUs?: number;
}
