interface Flight {
  /** Who gets the result of this run. */
  sharing: PromiseWithResolvers<unknown>[];
  /** Who asked after the run's last decisive moment: the next run is theirs. */
  waiting?: { caller: PromiseWithResolvers<unknown>; work: Work<unknown> };
}

/** Work that says when what it returns is decided: it calls this right before it asks what is true now. */
export type Work<Result> = (decide: () => void) => Promise<Result>;

/**
 * Lets many callers share one piece of work, but only what is decided after they asked: nobody gets an answer that is
 * older than the question. Who comes after the last decisive moment shares the next run.
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
