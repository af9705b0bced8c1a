import { cost, type Price, type PricedUsage } from "../ledger/price.ts";

/** What one response of a conversation may use at most. */
export interface ResponseBound {
  /** Instructions and the part of the conversation that the model gets again, text and sound. */
  input_tokens: number;
  output_tokens: number;
}

/** What a conversation has used, text and sound apart. */
export type TalkUsage = Required<
  Pick<PricedUsage, "input_tokens" | "output_tokens" | "audio_input_tokens" | "audio_output_tokens">
>;

/** A part of a session that is held in advance: one request in the ledger. */
export interface Slice {
  /** From 1. */
  number: number;
  /** Tokens held for it. */
  held: number;
  used: TalkUsage;
  /** The provider did not report the usage of a response: the whole hold is charged. */
  isUnknown: boolean;
}

const NOTHING: TalkUsage = {
  input_tokens: 0,
  output_tokens: 0,
  audio_input_tokens: 0,
  audio_output_tokens: 0,
};

/** When less than this share of a slice is left, the next slice is held. */
const NEXT_BELOW = 1 / 2;

/** The most that a response may cost: everything at the higher of the two rates. */
export function responseCost(price: Price, bound: ResponseBound): number {
  const bySound = (price.per_1k_audio_input_tokens ?? 0) > (price.per_1k_input_tokens ?? 0);
  const bySoundOut = (price.per_1k_audio_output_tokens ?? 0) > (price.per_1k_output_tokens ?? 0);
  return talkCost(price, {
    input_tokens: bySound ? 0 : bound.input_tokens,
    audio_input_tokens: bySound ? bound.input_tokens : 0,
    output_tokens: bySoundOut ? 0 : bound.output_tokens,
    audio_output_tokens: bySoundOut ? bound.output_tokens : 0,
  });
}

/** What a usage costs, rounded up once. */
export function talkCost(price: Price, usage: TalkUsage): number {
  return cost(price, { ...usage, images: 0, seconds: 0, characters: 0 });
}

/** The tokens to charge for a slice; null when unknown. */
export function chargeOf(price: Price, slice: Slice): number | null {
  return slice.isUnknown ? null : talkCost(price, slice.used);
}

export function isUnused(price: Price, slice: Slice): boolean {
  return chargeOf(price, slice) === 0;
}

/**
 * The slices of a session: one in use and at most one held in advance. A response starts only in a slice with room
 * for the most it may cost, and its usage counts in that slice alone; so a slice never uses more than its hold.
 */
export class Slices {
  /** The least that a slice must hold: the cost of one response. */
  readonly leastTokens: number;
  #current?: Slice;
  #next?: Slice;
  #count = 0;

  constructor(readonly price: Price, bound: ResponseBound, readonly sliceTokens: number) {
    this.leastTokens = responseCost(price, bound);
    if (!Number.isSafeInteger(sliceTokens) || sliceTokens < this.leastTokens) {
      throw new TypeError(
        `Cannot sell slices of ${sliceTokens} tokens: one response may cost ${this.leastTokens}`,
      );
    }
  }

  get current(): Readonly<Slice> | undefined {
    return this.#current;
  }

  /** The number of the next slice to hold. */
  get nextNumber(): number {
    return this.#count + 1;
  }

  /** Whether it is time to hold the next slice. */
  get wantsHold(): boolean {
    if (this.#next) return false;
    const room = this.#room;
    return room < this.leastTokens || room < this.#current!.held * NEXT_BELOW;
  }

  /** Adds a held slice to the session. */
  add(held: number): void {
    if (this.#next) throw new Error("Two slices are held already");
    const slice = { number: this.nextNumber, held, used: NOTHING, isUnknown: false };
    this.#count += 1;
    if (this.#current) this.#next = slice;
    else this.#current = slice;
  }

  /** Whether a response may start now. */
  get hasRoom(): boolean {
    return this.#room >= this.leastTokens;
  }

  /** Switches to the slice held in advance when the current one has no room. Returns the finished slice. */
  turnOver(): Slice | undefined {
    if (this.hasRoom || !this.#next) return undefined;
    const finished = this.#current;
    this.#current = this.#next;
    this.#next = undefined;
    return finished;
  }

  /** Counts what a response used; undefined if its usage was not reported. */
  use(usage: TalkUsage | undefined): void {
    const slice = this.#current;
    if (!slice) throw new Error("There is no slice to be used");
    if (usage === undefined) slice.isUnknown = true;
    else slice.used = sum(slice.used, usage);
  }

  /** Ends the session's slices. Returns those that are still held. */
  close(): Slice[] {
    const open = [this.#current, this.#next].filter((one) => one !== undefined);
    this.#current = this.#next = undefined;
    return open;
  }

  get #room(): number {
    if (!this.#current || this.#current.isUnknown) return 0;
    return this.#current.held - talkCost(this.price, this.#current.used);
  }
}

function sum(one: TalkUsage, other: TalkUsage): TalkUsage {
  return {
    input_tokens: one.input_tokens + other.input_tokens,
    output_tokens: one.output_tokens + other.output_tokens,
    audio_input_tokens: one.audio_input_tokens + other.audio_input_tokens,
    audio_output_tokens: one.audio_output_tokens + other.audio_output_tokens,
  };
}
