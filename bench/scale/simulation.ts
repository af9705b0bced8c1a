import { Events, Queue, Servers } from "./events.ts";
import { Chance, Popularity } from "./random.ts";

/** Everything on which the ledger's part of metered requests depends. Times in milliseconds. */
export interface World {
  seed: number;
  requestsPerSecond: number;
  /** The measured time, in simulated time; a warm-up of a tenth of it comes before. */
  seconds: number;
  users: number;
  /** The hottest user's share of all requests; the others follow a Zipf law. */
  hottestShare: number;
  /** The model call between hold and settlement: log-normal. */
  modelMedianMs: number;
  modelSigma: number;
  /** Processes that make ledger calls; a request settles in the process that made its hold. */
  isolates: number;
  /** The most ledger calls of an isolate at once; further calls are batched into the next one. */
  callsAtOnce: number;
  /** A round trip between a function and the connection pool. */
  roundTripMs: number;
  connections: number;
  cores: number;
  /** CPU time of a transaction, without its operations. */
  transactionCpuMs: number;
  /** CPU time of a hold or a settlement. */
  operationCpuMs: number;
  cpuLaw: "fixed" | "exponential";
  /** The time between the last statement and its commit: row and connection are held, but no core. */
  commitDelayMs: number;
  /** The time from the release of a row until the waiting transaction continues. */
  handoverMs: number;
  /** A flush of the log, which covers all requests made before it began. */
  flushMs: number;
  walBytesPerOperation: number;
  walMegabytesPerSecond: number;
}

/** Keeps a batch within milliseconds; as in `_shared/ledger/batches.ts`. */
const MAX_OPERATIONS = 200;

/** The results after the warm-up. Latencies are of one ledger call: a hold or a settlement. */
export interface Result {
  callsPerSecond: number;
  meanMs: number;
  p50Ms: number;
  p99Ms: number;
  /** The average number of concurrent ledger calls, integrated over time and not derived from the latencies. */
  callsUnderWay: number;
  callsPerTransaction: number;
  callsPerFlush: number;
  /** Utilization from 0 to 1: the share of the time in use; for the log, of the disk's bandwidth. */
  utilisation: { cores: number; connections: number; hottestRow: number; log: number };
}

interface Call {
  user: number;
  isolate: Isolate;
  sentAt: number;
}

interface Isolate {
  underWay: number;
  waiting: Queue<Call>;
}

/**
 * Simulates `world` and returns the results. Stops once it is certain that more than 1 % of the calls exceed `maxMs`.
 */
export function simulate(world: World, maxMs = Infinity): Result {
  const events = new Events();
  const chance = new Chance(world.seed);
  const popularity = popularityOf(world.users, world.hottestShare);
  const cores = new Servers(events, world.cores);
  const connections = new Servers(events, world.connections);
  const hottestRow = new Servers(events, 1);
  const rows = new Map<number, Servers>([[0, hottestRow]]);
  const log = new Log(events, world);
  const isolates = Array.from({ length: world.isolates }, (): Isolate => ({
    underWay: 0,
    waiting: new Queue<Call>(),
  }));
  const beginsAt = world.seconds * 100;
  const endsAt = beginsAt + world.seconds * 1_000;
  const latencies: number[] = [];
  let underWay = 0;
  let underWayIntegral = 0;
  let changedAt = 0;
  let transactions = 0;
  let answered = 0;
  let toMeasure = 0;
  let slow = 0;
  const maxSlow = 0.012 * 2 * world.requestsPerSecond * world.seconds + 50;

  function changeUnderWay(by: number): void {
    const from = Math.max(changedAt, beginsAt);
    const to = Math.min(events.now, endsAt);
    if (to > from) underWayIntegral += underWay * (to - from);
    changedAt = events.now;
    underWay += by;
  }

  function send(user: number, isolate: Isolate): void {
    changeUnderWay(1);
    if (isMeasured(events.now)) toMeasure++;
    isolate.waiting.push({ user, isolate, sentAt: events.now });
    if (isolate.underWay < world.callsAtOnce) next(isolate);
  }

  function next(isolate: Isolate): void {
    const calls = isolate.waiting.take(MAX_OPERATIONS);
    if (calls.length === 0) return;
    isolate.underWay++;
    events.after(world.roundTripMs / 2, () => connections.take(() => transact(calls)));
  }

  function transact(calls: Call[]): void {
    const users = [...new Set(calls.map(({ user }) => user))].sort((a, b) => a - b);
    lock(
      users,
      0,
      () =>
        compute(calls.length, () =>
          events.after(world.commitDelayMs, () =>
            log.flush(calls.length, () => {
              users.forEach(unlock);
              connections.give();
              if (isMeasured(events.now)) transactions++;
              events.after(world.roundTripMs / 2, () => answer(calls));
            }))),
    );
  }

  /** The users' rows are locked in the order of their ids, so transactions cannot deadlock. */
  function lock(users: number[], index: number, then: () => void): void {
    if (index === users.length) return then();
    const user = users[index]!;
    let row = rows.get(user);
    if (!row) rows.set(user, row = new Servers(events, 1));
    row.take((waited) => {
      if (waited) events.after(world.handoverMs, () => lock(users, index + 1, then));
      else lock(users, index + 1, then);
    });
  }

  function unlock(user: number): void {
    const row = rows.get(user)!;
    row.give();
    if (user > 0 && row.isIdle) rows.delete(user);
  }

  function compute(operations: number, then: () => void): void {
    cores.take(() => {
      let cpuMs = world.transactionCpuMs + operations * world.operationCpuMs;
      if (world.cpuLaw === "exponential") {
        cpuMs = world.transactionCpuMs;
        for (let count = 0; count < operations; count++) cpuMs += chance.exponential(world.operationCpuMs);
      }
      events.after(cpuMs, () => {
        cores.give();
        then();
      });
    });
  }

  function answer(calls: Call[]): void {
    for (const { sentAt } of calls) {
      changeUnderWay(-1);
      if (isMeasured(events.now)) answered++;
      if (!isMeasured(sentAt)) continue;
      latencies.push(events.now - sentAt);
      if (events.now - sentAt > maxMs) slow++;
      toMeasure--;
    }
    const { isolate } = calls[0]!;
    isolate.underWay--;
    if (isolate.underWay < world.callsAtOnce) next(isolate);
  }

  function isMeasured(time: number): boolean {
    return beginsAt <= time && time < endsAt;
  }

  function someIsolate(): Isolate {
    return isolates[chance.below(isolates.length)]!;
  }

  function arrive(): void {
    const user = popularity.pick(chance);
    const isolate = someIsolate();
    send(user, isolate);
    // The model call starts independently of the hold's wait.
    const modelMs = chance.logNormal(Math.log(world.modelMedianMs), world.modelSigma);
    if (events.now + modelMs < endsAt) events.after(modelMs, () => send(user, isolate));
    const pause = chance.exponential(1_000 / world.requestsPerSecond);
    if (events.now + pause < endsAt) events.after(pause, arrive);
  }

  // Requests whose model call has already begun: in a steady state the remaining time is a uniform share of a call
  // picked by its length.
  const mu = Math.log(world.modelMedianMs);
  const running = Math.round(world.requestsPerSecond / 1_000 * modelMeanMs(world));
  for (let index = 0; index < running; index++) {
    const remainsMs = chance.uniform() * chance.logNormal(mu + world.modelSigma ** 2, world.modelSigma);
    if (remainsMs >= endsAt) continue;
    const user = popularity.pick(chance);
    const isolate = someIsolate();
    events.after(remainsMs, () => send(user, isolate));
  }
  events.after(chance.exponential(1_000 / world.requestsPerSecond), arrive);

  const busyOf = () => ({
    cores: cores.busyMs,
    connections: connections.busyMs,
    hottestRow: hottestRow.busyMs,
    flushed: log.operations,
    flushes: log.flushes,
  });
  let before = busyOf();
  let after = before;
  events.after(beginsAt, () => before = busyOf());
  events.after(endsAt, () => after = busyOf());
  events.run(() => (events.now < endsAt || toMeasure > 0) && slow <= maxSlow);

  const windowMs = endsAt - beginsAt;
  latencies.sort((a, b) => a - b);
  return {
    callsPerSecond: answered / windowMs * 1_000,
    meanMs: latencies.reduce((sum, latency) => sum + latency, 0) / latencies.length,
    p50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? NaN,
    p99Ms: slow > maxSlow ? Infinity : latencies[Math.floor(latencies.length * 0.99)] ?? NaN,
    callsUnderWay: underWayIntegral / windowMs,
    callsPerTransaction: answered / transactions,
    callsPerFlush: (after.flushed - before.flushed) / (after.flushes - before.flushes),
    utilisation: {
      cores: (after.cores - before.cores) / windowMs / world.cores,
      connections: (after.connections - before.connections) / windowMs / world.connections,
      hottestRow: (after.hottestRow - before.hottestRow) / windowMs,
      log: (after.flushed - before.flushed) * world.walBytesPerOperation /
        (windowMs * world.walMegabytesPerSecond * 1_000),
    },
  };
}

/** The mean of the log-normal law. */
export function modelMeanMs({ modelMedianMs, modelSigma }: World): number {
  return modelMedianMs * Math.exp(modelSigma ** 2 / 2);
}

/** Group commit: one flush at a time; requests that arrive during a flush share the next one. */
class Log {
  readonly #events: Events;
  readonly #world: World;
  #waiting: { operations: number; then(): void }[] = [];
  #isFlushing = false;
  flushes = 0;
  operations = 0;

  constructor(events: Events, world: World) {
    this.#events = events;
    this.#world = world;
  }

  flush(operations: number, then: () => void): void {
    this.#waiting.push({ operations, then });
    if (!this.#isFlushing) this.#begin();
  }

  #begin(): void {
    const { flushMs, walBytesPerOperation, walMegabytesPerSecond } = this.#world;
    const group = this.#waiting;
    this.#waiting = [];
    this.#isFlushing = true;
    const operations = group.reduce((sum, { operations }) => sum + operations, 0);
    const takesMs = flushMs + operations * walBytesPerOperation / (walMegabytesPerSecond * 1_000);
    this.#events.after(takesMs, () => {
      this.flushes++;
      this.operations += operations;
      this.#isFlushing = false;
      for (const { then } of group) then();
      if (this.#waiting.length > 0 && !this.#isFlushing) this.#begin();
    });
  }
}

let known: { key: string; popularity: Popularity } | undefined;

/** Cached: a search simulates the same users many times. */
function popularityOf(users: number, hottestShare: number): Popularity {
  const key = `${users} ${hottestShare}`;
  if (known?.key !== key) known = { key, popularity: new Popularity(users, hottestShare) };
  return known.popularity;
}

export type Resource = keyof Result["utilisation"];

/** The resource with the highest utilization. Connections come last, since they fill up when anything else does. */
export function busiest({ utilisation }: Result): Resource {
  const { connections: _, ...others } = utilisation;
  const [name, share] = Object.entries(others).reduce((most, each) => each[1] > most[1] ? each : most);
  return share < 0.9 && share < utilisation.connections ? "connections" : name as Resource;
}

/**
 * The highest rate in requests per second at which 99 % of the ledger calls take at most `maxMs`, with its results.
 */
export function capacity(
  worldAt: (requestsPerSecond: number) => World,
  { maxMs, most }: { maxMs: number; most: number },
): { requestsPerSecond: number; result: Result } {
  let low = 1;
  let high = most;
  let best = { requestsPerSecond: low, result: simulate(worldAt(low)) };
  while (high / low > 1.05) {
    // Closer to the upper end, which is an arithmetic bound.
    const requestsPerSecond = low === 1 ? high * 0.8 : Math.sqrt(low * high);
    const result = simulate(worldAt(requestsPerSecond), maxMs);
    if (result.p99Ms <= maxMs) {
      low = requestsPerSecond;
      best = { requestsPerSecond, result };
    } else high = requestsPerSecond;
  }
  return best;
}
