import { input, type Machine } from "./inputs.ts";
import { modelMeanMs, type World } from "./simulation.ts";

/** The CPU time of a hold or a settlement, split into the part that a batch shares and the rest. */
export const OPERATION_CPU_MS = (() => {
  const aloneMs = input("pairCpuUs") / 2_000;
  const batchedMs = aloneMs * input("batchedPairCpuRatio");
  const operationMs = (100 * batchedMs - aloneMs) / 99;
  return { transaction: aloneMs - operationMs, operation: operationMs };
})();

/** The remaining measured time of a transaction on one row, after its CPU time and its flush. */
export const HANDOVER_MS = Math.max(
  0,
  500 / input("hotPairsPerSecond") - input("pairCpuUs") / 2_000 - input("measuredFlushUs") / 1_000,
);

export type Transport = "rest" | "postgres";

/** The base case on a machine, over one of the two transports. */
export function worldOf(
  { cores, connections }: Machine,
  transport: Transport,
  requestsPerSecond: number,
  changes: Partial<World> = {},
): World {
  const world: World = {
    seed: 20261121,
    requestsPerSecond,
    seconds: secondsFor(requestsPerSecond),
    users: input("users"),
    hottestShare: input("hottestShare"),
    modelMedianMs: input("modelMedianMs"),
    modelSigma: input("modelSigma"),
    isolates: 1,
    callsAtOnce: transport === "rest" ? 4 : 1,
    roundTripMs: input("roundTripMs"),
    connections: transport === "rest" ? input("restConnections") : connections,
    cores,
    transactionCpuMs: OPERATION_CPU_MS.transaction,
    operationCpuMs: OPERATION_CPU_MS.operation,
    cpuLaw: "exponential",
    commitDelayMs: transport === "rest" ? input("restCommitMs") : 0,
    handoverMs: HANDOVER_MS,
    flushMs: input("hostedFlushMs"),
    walBytesPerOperation: input("pairWalBytes") / 2,
    walMegabytesPerSecond: input("walMegabytesPerSecond"),
  };
  return { ...world, isolates: isolatesFor(world), ...changes };
}

/** Requests whose model call is running at a moment. */
export function runningRequests(world: World): number {
  return world.requestsPerSecond * modelMeanMs(world) / 1_000;
}

export function isolatesFor(world: World, requestsPerIsolate = input("requestsPerIsolate")): number {
  return Math.max(1, Math.ceil(runningRequests(world) / requestsPerIsolate));
}

/** Long enough for some thousand calls, and at most some hundred thousand. */
function secondsFor(requestsPerSecond: number): number {
  return Math.min(30, Math.max(1, 8_000 / requestsPerSecond));
}
