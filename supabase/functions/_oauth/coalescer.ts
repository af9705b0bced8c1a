interface Flight {
  /** The callers that get the result of this run. */
  sharing: PromiseWithResolvers<unknown>[];
  /** Callers that came too late for this run; they share the next one. */
  waiting?: { caller: PromiseWithResolvers<unknown>; work: Work<unknown> };
}

/** Work that calls `decide` right before it reads the state that its result depends on. */
export type Work<Result> = (decide: () => void) => Promise<Result>;

/**
 * Lets many callers share one run (single-flight), but never with a result that was read before the call: a caller
 * that comes after the run's last `decide` shares the next run.
 */
export class Coalescer {
  readonly #flights = new Map<string, Flight>();

  run<Result>(key: string, work: Work<Result>): Promise<Result> {
    const flight = this.#flights.get(key);
    if (flight === undefined) {
      return this.#start(key, work, Promise.withResolvers<unknown>()) as Promise<Result>;
    }
    flight.waiting ??= { caller: Promise.withResolvers<unknown>(), work };
    return flight.waiting.caller.promise as Promise<Result>;
  }

  #start(key: string, work: Work<unknown>, first: PromiseWithResolvers<unknown>): Promise<unknown> {
    const flight: Flight = { sharing: [first] };
    this.#flights.set(key, flight);
    const decide = () => {
      if (flight.waiting === undefined) return;
      flight.sharing.push(flight.waiting.caller);
      flight.waiting = undefined;
    };
    const end = (settle: (one: PromiseWithResolvers<unknown>) => void) => {
      const { waiting } = flight;
      if (waiting === undefined) this.#flights.delete(key);
      else void this.#start(key, waiting.work, waiting.caller);
      flight.sharing.forEach(settle);
    };
    work(decide).then(
      (value) => end(({ resolve }) => resolve(value)),
      (error) => end(({ reject }) => reject(error)),
    );
    return first.promise;
  }
}
