type Action = () => void;

/** Future events in the order of their time; at the same time, in the order in which they were planned. */
export class Events {
  now = 0;
  #times: number[] = [];
  #numbers: number[] = [];
  #actions: Action[] = [];
  #count = 0;

  after(delay: number, action: Action): void {
    this.#push(this.now + delay, this.#count++, action);
  }

  /** Runs the planned events, and the events that they plan, while `wanted` is true. */
  run(wanted: () => boolean): void {
    while (this.#times.length > 0 && wanted()) {
      this.now = this.#times[0]!;
      this.#pop()();
    }
  }

  #push(time: number, number: number, action: Action): void {
    let index = this.#times.length;
    while (index > 0) {
      const parent = index - 1 >> 1;
      if (!this.#isBefore(time, number, parent)) break;
      this.#move(parent, index);
      index = parent;
    }
    this.#set(index, time, number, action);
  }

  #pop(): Action {
    const first = this.#actions[0]!;
    const time = this.#times.pop()!;
    const number = this.#numbers.pop()!;
    const action = this.#actions.pop()!;
    const length = this.#times.length;
    if (length === 0) return first;
    let index = 0;
    while (true) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#isBefore(this.#times[child + 1]!, this.#numbers[child + 1]!, child)) {
        child++;
      }
      if (this.#isBefore(time, number, child)) break;
      this.#move(child, index);
      index = child;
    }
    this.#set(index, time, number, action);
    return first;
  }

  #isBefore(time: number, number: number, index: number): boolean {
    return time < this.#times[index]! || time === this.#times[index] && number < this.#numbers[index]!;
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#times[from]!, this.#numbers[from]!, this.#actions[from]!);
  }

  #set(index: number, time: number, number: number, action: Action): void {
    this.#times[index] = time;
    this.#numbers[index] = number;
    this.#actions[index] = action;
  }
}

/** A first-in, first-out queue whose operations do not slow down with its length. */
export class Queue<Item> {
  #items: Item[] = [];
  #first = 0;

  get length(): number {
    return this.#items.length - this.#first;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  shift(): Item | undefined {
    const item = this.#items[this.#first];
    if (item === undefined) return undefined;
    this.#first++;
    if (this.#first > 1024 && this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  /** Takes at most this many entries. */
  take(most: number): Item[] {
    const taken: Item[] = [];
    while (taken.length < most) {
      const item = this.shift();
      if (item === undefined) break;
      taken.push(item);
    }
    return taken;
  }
}

/** A number of equal servers behind one queue: cores, connections, a row that one transaction may lock. */
export class Servers {
  readonly #events: Events;
  readonly #count: number;
  #taken = 0;
  #waiting = new Queue<(waited: boolean) => void>();
  #busyMs = 0;
  #since = 0;

  constructor(events: Events, count: number) {
    this.#events = events;
    this.#count = count;
  }

  take(action: (waited: boolean) => void): void {
    if (this.#taken >= this.#count) return this.#waiting.push(action);
    this.#account();
    this.#taken++;
    action(false);
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next) return next(true);
    this.#account();
    this.#taken--;
  }

  get isIdle(): boolean {
    return this.#taken === 0;
  }

  /** The sum of the times that each server was busy. */
  get busyMs(): number {
    this.#account();
    return this.#busyMs;
  }

  #account(): void {
    this.#busyMs += this.#taken * (this.#events.now - this.#since);
    this.#since = this.#events.now;
  }
}
