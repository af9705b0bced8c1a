/** A message as the backend's pages have it. */
export interface SalonMessage {
  id: number;
  salon_id: string;
  /** Its number in the salon: from 1, without a gap, in the order of the salon. */
  seq: number;
  /** Null: an account that was deleted. */
  user_id: string | null;
  full_name: string | null;
  avatar_url: string | null;
  /** Empty once it is deleted, or if it has only attachments. */
  content: string;
  reply_to: Quotation | null;
  mentions: string[];
  is_deleted: boolean;
  is_pinned: boolean;
  edited_at: string | null;
  created_at: string;
  /** The id that the author's app gave it; null for messages of others. */
  client_id: string | null;
  attachments: { path: string; content_type: string; size_bytes: number }[];
  reactions: { emoji: string; count: number; has_reacted: boolean }[];
}

/** What a reply shows of the message that it answers. */
export interface Quotation {
  id: number;
  seq: number;
  user_id: string | null;
  full_name: string | null;
  avatar_url: string | null;
  content: string | null;
  created_at: string;
  is_deleted: boolean;
  /** Whether the reader has blocked its author. */
  is_hidden: boolean;
}

/**
 * A stretch of a salon's messages without a gap: it grows at both ends, by pages that join it. A page that was asked
 * for earlier, or twice, changes nothing that is there.
 */
export class Timeline {
  #messages: SalonMessage[] = [];
  #upTo = 0;

  /** In the order of the salon, each once. */
  get messages(): readonly SalonMessage[] {
    return this.#messages;
  }

  /** The number up to which nothing is missing. */
  get upTo(): number {
    return this.#upTo;
  }

  /** Adds what comes after the newest. Returns what is new, in its order. */
  append(page: SalonMessage[], upTo: number): SalonMessage[] {
    const added = page.filter(({ seq }) => seq > this.#upTo && seq <= upTo).toSorted((one, other) =>
      one.seq - other.seq
    );
    if (added.length > 0) this.#messages = [...this.#messages, ...added];
    this.#upTo = Math.max(this.#upTo, upTo);
    return added;
  }

  /** Adds what comes before the oldest. */
  prepend(page: SalonMessage[]): void {
    const oldest = this.#messages[0]?.seq ?? Infinity;
    const older = page.filter(({ seq }) => seq < oldest).toSorted((one, other) => one.seq - other.seq);
    this.#messages = [...older, ...this.#messages];
  }

  /** Puts messages in the place of those that are there as they were before. Returns those that differ. */
  refresh(page: SalonMessage[]): SalonMessage[] {
    const fresh = new Map(page.map((message) => [message.seq, message]));
    const changed: SalonMessage[] = [];
    this.#messages = this.#messages.map((known) => {
      const message = fresh.get(known.seq);
      if (message === undefined || JSON.stringify(message) === JSON.stringify(known)) return known;
      changed.push(message);
      return message;
    });
    return changed;
  }
}
