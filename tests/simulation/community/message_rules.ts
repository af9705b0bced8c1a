import { type Answer, done, refused } from "./answers.ts";
import type { Message, World } from "./world.ts";

const EDIT_WINDOW_S = 900;

export interface Sending {
  clientId: string;
  content: string;
  replyTo?: Message;
  mentions: string[];
}

/** What anybody who writes, edits, reacts or pins gets for an answer, and what the world is then. */
export class MessageRules {
  constructor(readonly world: World) {}

  #mayWrite(user: string, salon: string): Answer | undefined {
    if (!this.world.member(salon, user)) return refused("not_found");
    if (this.world.salon(salon).isArchived) return refused("salon_archived");
    return this.world.isMuted(salon, user) ? refused("muted") : undefined;
  }

  send(user: string, salon: string, { clientId, content, replyTo, mentions }: Sending): Answer {
    const { world } = this;
    const known = world.messages.find((one) => one.author === user && one.clientId === clientId);
    if (known) {
      const isSame = known.salon === salon && known.replyTo === replyTo &&
        (known.isDeleted || (known.edits[0] ?? known.content) === content);
      return isSame ? done({ duplicate: true, seq: known.seq }) : refused("idempotency_key_reused");
    }
    const refusal = this.#mayWrite(user, salon);
    if (refusal) return refusal;
    if (replyTo && (replyTo.salon !== salon || replyTo.isDeleted)) return refused("not_found");
    const seq = ++world.salon(salon).lastSeq;
    world.messages.push({
      name: `${salon}#${seq}`,
      salon,
      seq,
      author: user,
      clientId,
      content,
      replyTo,
      isDeleted: false,
      sentAt: world.seconds,
      edits: [],
    });
    const member = world.member(salon, user)!;
    if (member.lastRead === seq - 1) member.lastRead = seq;
    for (const other of new Set([...mentions, ...(replyTo ? [replyTo.author] : [])])) {
      const isTold = other !== user && world.member(salon, other)?.isNotified && !world.areApart(user, other);
      if (isTold) world.told.push(`user:${other} ${other === replyTo?.author ? "reply" : "mention"}`);
    }
    return done({ duplicate: false, seq });
  }

  edit(user: string, message: Message, content: string): Answer {
    const refusal = this.#mayWrite(user, message.salon);
    if (refusal) return refusal;
    if (message.isDeleted) return refused("not_found");
    if (message.author !== user) return refused("forbidden");
    if (this.world.seconds > message.sentAt + EDIT_WINDOW_S) return refused("edit_window_over");
    if (message.content === content) return done();
    message.edits.push(message.content);
    message.content = content;
    return done();
  }

  /** Authors take back what they wrote, wherever they are now. */
  delete(user: string, message: Message): Answer {
    const { world } = this;
    const isAuthor = message.author === user;
    if (!isAuthor && !world.member(message.salon, user)) return refused("not_found");
    if (!isAuthor && !world.isStaff(message.salon, user)) return refused("forbidden");
    message.isDeleted = true;
    message.content = "";
    message.edits = [];
    removeAll(world.reactions, (reaction) => reaction.message === message);
    removeAll(world.pins, (pinned) => pinned === message);
    return done();
  }

  react(user: string, message: Message, emoji: string, action: "add" | "remove" | "toggle"): Answer {
    const refusal = this.#mayWrite(user, message.salon);
    if (refusal) return refusal;
    if (message.isDeleted) return refused("not_found");
    const { reactions } = this.world;
    const isThis = (one: typeof reactions[number]) =>
      one.message === message && one.user === user && one.emoji === emoji;
    const had = reactions.some(isThis);
    const has = action === "toggle" ? !had : action === "add";
    if (has && !had) reactions.push({ message, user, emoji });
    if (had && !has) removeAll(reactions, isThis);
    return done({ has_reacted: has });
  }

  pin(user: string, message: Message, isPinned: boolean): Answer {
    const { world } = this;
    if (!world.member(message.salon, user)) return refused("not_found");
    if (!world.isStaff(message.salon, user)) return refused("forbidden");
    if (message.isDeleted) return refused("not_found");
    if (!isPinned) removeAll(world.pins, (pinned) => pinned === message);
    else if (!world.pins.includes(message)) world.pins.push(message);
    return done({ is_pinned: isPinned });
  }

  markRead(user: string, salon: string, seq: number): Answer {
    const member = this.world.member(salon, user);
    if (!member) return refused("not_found");
    member.lastRead = Math.max(member.lastRead, Math.min(seq, this.world.salon(salon).lastSeq));
    return done({ last_read_seq: member.lastRead, unread: this.world.unread(user, salon) });
  }

  history(user: string, message: Message): Answer {
    if (!this.world.member(message.salon, user)) return refused("not_found");
    if (message.author !== user && !this.world.isStaff(message.salon, user)) return refused("forbidden");
    return done({ edits: message.edits });
  }

  /** Words are single ones, which no language changes. */
  search(user: string, word: string, salon: string): Answer {
    if (!this.world.member(salon, user)) return refused("not_found");
    const found = this.world.messagesOf(salon)
      .filter((message) => !message.isDeleted && message.content.split(" ").includes(word))
      .filter((message) => this.world.sees(user, message));
    return done({ messages: found.map(({ name }) => name).reverse() });
  }
}

function removeAll<One>(list: One[], isGone: (one: One) => boolean): void {
  list.splice(0, list.length, ...list.filter((one) => !isGone(one)));
}
