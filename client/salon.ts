import { newUuid } from "./keys.ts";
import { type SalonMessage, Timeline } from "./timeline.ts";
import { type SupabaseLike, Topic } from "./topic.ts";

export interface SalonOptions {
  /** New messages, in the order of the salon, each once. At first the newest page. */
  onMessages?: (messages: SalonMessage[]) => void;
  /** A message that is shown was edited, deleted, pinned or reacted to. */
  onChange?: (message: SalonMessage) => void;
  /** Whether what is written is shown at once. While it is false, the rest comes later. */
  onLive?: (isLive: boolean) => void;
  /** The user is no member any more, or never was: nothing more comes. */
  onEnd?: () => void;
  /** How many messages a page has, up to 200. Default: 50. */
  pageSize?: number;
  /** How often it looks whether a broadcast was lost. Default: a minute. */
  checkEveryMs?: number;
  /** The pause after a call that failed. Default: 1 s. */
  retryDelayMs?: number;
}

export interface SendOptions {
  replyToId?: number;
  mentions?: string[];
  /** Paths of files that were uploaded to the bucket `attachments`. */
  attachments?: string[];
  /** The message's own id; default: random. Store it to send again after a crash, without sending twice. */
  clientId?: string;
}

/** What the backend's functions answer; `error` says why nothing happened. */
export interface SalonOutcome {
  success: boolean;
  error: string | null;
  message: string | null;
  id?: number;
  seq?: number;
  retry_after_s?: number;
  muted_until?: string;
}

interface Page extends SalonOutcome {
  messages: SalonMessage[];
  last_seq: number;
  up_to_seq: number;
  next_before: number | null;
}

/** How many of the newest messages are read again when changes of them may have been missed. */
const REFRESHED = 200;

/**
 * A salon as its member sees it, live. What comes over the topic is taken for a hint: messages are read from the
 * database by their numbers, so that none is missing, twice or in the wrong place, whatever the connection does.
 */
export class Salon {
  readonly #timeline = new Timeline();
  readonly #topic: Topic;
  readonly #checks: ReturnType<typeof setInterval>;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #reading: Promise<void> | undefined;
  /** What is to be read: what comes next, and these numbers or all of the newest again. */
  #isWanted = false;
  #stale = new Set<number>();
  #isAllStale = false;
  #hasBegun = false;
  #nextBefore: number | null = null;
  #isJoined = false;
  #isLive = false;
  #isOver = false;

  constructor(
    private readonly supabase: SupabaseLike,
    readonly id: string,
    private readonly options: SalonOptions = {},
  ) {
    this.#topic = new Topic(supabase, `salon:${id}`, {
      joined: () => {
        this.#isJoined = true;
        this.#isAllStale = true;
        this.#read();
      },
      lost: () => {
        this.#isJoined = false;
        this.#tell();
        this.#read();
      },
      heard: ({ event, payload }) => this.#hear(event, payload),
    });
    this.#checks = setInterval(() => this.check(), options.checkEveryMs ?? 60_000);
    this.#read();
  }

  /** What is shown: in the order of the salon, each once, without a gap. A new array after each change. */
  get messages(): readonly SalonMessage[] {
    return this.#timeline.messages;
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  /** Looks now whether something was missed: when a tab wakes up, for example. */
  check(): Promise<void> {
    this.#isAllStale = true;
    return this.#read();
  }

  /** Adds the page before the oldest message. Returns whether there are more. */
  async older(): Promise<boolean> {
    if (this.#nextBefore === null) return false;
    const page = await this.#call<Page>("messages_before", {
      p_before: this.#nextBefore,
      p_limit: this.#pageSize,
    });
    if (!page.success) throw new Error(page.message ?? undefined);
    this.#timeline.prepend(page.messages);
    this.#nextBefore = page.next_before;
    return this.#nextBefore !== null;
  }

  /**
   * Sends a message. Tries again, with the same id, while no answer comes: it is written once. Returns the backend's
   * outcome, also where it refuses; throws where three tries got no answer.
   */
  async send(content: string, options: SendOptions = {}): Promise<SalonOutcome> {
    const args = {
      p_content: content,
      p_client_id: options.clientId ?? newUuid(),
      p_reply_to_id: options.replyToId ?? null,
      p_mentions: options.mentions ?? [],
      p_attachments: options.attachments ?? [],
    };
    for (let tries = 1;; tries++) {
      try {
        const outcome = await this.#call<SalonOutcome>("send_message", args);
        if (outcome.success) this.#read();
        return outcome;
      } catch (error) {
        if (tries === 3) throw error;
        await new Promise((resolve) => setTimeout(resolve, this.#retryDelayMs * tries));
      }
    }
  }

  /** Notes that the user has read what is shown. */
  markRead(): Promise<SalonOutcome> {
    return this.#call("mark_read", { p_seq: this.#timeline.upTo });
  }

  async close(): Promise<void> {
    this.#isOver = true;
    clearInterval(this.#checks);
    clearTimeout(this.#retry);
    await this.#topic.close();
  }

  get #pageSize(): number {
    return this.options.pageSize ?? 50;
  }

  get #retryDelayMs(): number {
    return this.options.retryDelayMs ?? 1_000;
  }

  #hear(event: string, payload: Record<string, unknown> | undefined): void {
    if (event === "messages_changed") this.#isAllStale = true;
    else if (event !== "message" && typeof payload?.seq === "number") this.#stale.add(payload.seq);
    this.#read();
  }

  /** Reads what is wanted. One reading at a time: what is wanted meanwhile is read after it. */
  #read(): Promise<void> {
    this.#isWanted = true;
    return this.#reading ??= this.#readAll().finally(() => this.#reading = undefined);
  }

  async #readAll(): Promise<void> {
    clearTimeout(this.#retry);
    try {
      while (this.#isWanted && !this.#isOver) {
        this.#isWanted = false;
        await (this.#hasBegun ? this.#readOn() : this.#begin());
        await this.#readAgain();
        this.#tell();
      }
    } catch {
      // No answer: what was wanted still is.
      this.#isWanted = true;
      this.#tell();
      if (!this.#isOver) this.#retry = setTimeout(() => this.#read(), this.#retryDelayMs);
    }
  }

  async #begin(): Promise<void> {
    const page = await this.#page("messages_before", { p_limit: this.#pageSize });
    if (!page) return;
    this.#hasBegun = true;
    this.#isAllStale = false;
    this.#nextBefore = page.next_before;
    this.#show(page.messages, page.last_seq);
  }

  async #readOn(): Promise<void> {
    for (let isComplete = false; !isComplete;) {
      const page = await this.#page("messages_after", { p_after: this.#timeline.upTo, p_limit: 200 });
      if (!page) return;
      this.#show(page.messages, page.up_to_seq);
      isComplete = page.up_to_seq >= page.last_seq;
    }
  }

  /** Reads messages again that are shown and may have changed. */
  async #readAgain(): Promise<void> {
    const shown = this.#timeline.messages;
    if (this.#isAllStale && shown.length > 0) {
      const oldest = shown.at(-REFRESHED) ?? shown[0]!;
      const page = await this.#page("messages_after", { p_after: oldest.seq - 1, p_limit: REFRESHED });
      if (!page) return;
      this.#isAllStale = false;
      for (const seq of this.#stale) if (seq >= oldest.seq) this.#stale.delete(seq);
      this.#change(page.messages);
    }
    const oldest = this.#timeline.messages[0]?.seq ?? Infinity;
    for (const seq of this.#stale) {
      if (seq >= oldest) {
        const page = await this.#page("messages_after", { p_after: seq - 1, p_limit: 1 });
        if (!page) return;
        this.#change(page.messages);
      }
      this.#stale.delete(seq);
    }
  }

  /** A page of the salon; undefined once the user is no member of it. */
  async #page(name: string, args: Record<string, unknown>): Promise<Page | undefined> {
    const page = await this.#call<Page>(name, args);
    if (this.#isOver) return undefined;
    if (page.success) return page;
    if (page.error !== "not_found") throw new Error(page.message ?? undefined);
    await this.close();
    this.#report(() => this.options.onEnd?.());
    return undefined;
  }

  async #call<Answer>(name: string, args: Record<string, unknown>): Promise<Answer> {
    const { data, error } = await this.supabase.rpc(name, { p_salon_id: this.id, ...args });
    if (error) throw error;
    return data;
  }

  #show(page: SalonMessage[], upTo: number): void {
    const added = this.#timeline.append(page, upTo);
    if (added.length > 0) this.#report(() => this.options.onMessages?.(added));
  }

  #change(page: SalonMessage[]): void {
    for (const message of this.#timeline.refresh(page)) this.#report(() => this.options.onChange?.(message));
  }

  #tell(): void {
    const isLive = this.#isJoined && this.#hasBegun && !this.#isWanted && !this.#isOver;
    if (isLive === this.#isLive) return;
    this.#isLive = isLive;
    this.#report(() => this.options.onLive?.(isLive));
  }

  /** What fails in the app is the app's to see, and does not stop the reading. */
  #report(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      setTimeout(() => {
        throw error;
      });
    }
  }
}
