import type { AskedAs, Authorization, Extension } from "./authorization.ts";
import { mayNotRead } from "./refusal.ts";

/** What a private channel's policies said, kept until its token is renewed. */
export class ChannelRights {
  #reads = new Map<Extension, boolean>();
  #writes = new Map<Extension, boolean>();

  constructor(readonly authorization: Authorization, readonly asked: () => AskedAs) {}

  mayRead(extension: Extension): boolean {
    return this.#reads.get(extension) === true;
  }

  /** Undefined where it was not asked yet. */
  knownToWrite(extension: Extension): boolean | undefined {
    return this.#writes.get(extension);
  }

  /**
   * Asks anew what may be read, and forgets what may be written; throws a Refusal where nothing may be read. Until it is
   * answered what was known holds, so that nothing is missed over a renewal. Returns whether something was lost.
   */
  async ask(extensions: Extension[]): Promise<{ isLess: boolean }> {
    const asked = this.asked();
    const reads = await this.authorization.mayRead(asked, extensions);
    if (![...reads.values()].some(Boolean)) throw mayNotRead(asked.topic);
    const before = this.#reads;
    this.#reads = reads;
    this.#writes = new Map();
    return { isLess: [...before].some(([extension, was]) => was && reads.get(extension) === false) };
  }

  /** Asks whether one more may be read, unless it is known. */
  async learnToRead(extension: Extension): Promise<void> {
    const reads = this.#reads;
    if (reads.has(extension)) return;
    const allowed = await this.authorization.mayRead(this.asked(), [extension]);
    reads.set(extension, allowed.get(extension) === true);
  }

  async mayWrite(extension: Extension): Promise<boolean> {
    // An answer for an earlier token is none for a later one.
    const writes = this.#writes;
    const known = writes.get(extension);
    if (known !== undefined) return known;
    const isAllowed = await this.authorization.mayWrite(this.asked(), extension);
    writes.set(extension, isAllowed);
    return isAllowed;
  }
}
