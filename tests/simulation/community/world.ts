/** Everybody and everything has a name in the model; which id it has in the database is known once it was made. */
export const USERS = ["user0", "user1", "user2", "user3", "user4"];
export const SALONS = ["salon0", "salon1", "salon2"];

export type Role = "owner" | "moderator" | "member";

export interface Member {
  role: Role;
  /** In seconds of the world; Infinity: until it is lifted. */
  mutedUntil: number;
  lastRead: number;
  isNotified: boolean;
}

/** What a salon remembers of who is gone. */
export interface Absence {
  /** The moment of a kick. */
  removedAt?: number;
  mutedUntil: number;
}

export interface Invitation {
  code: string;
  by: string;
  usesLeft: number;
  usedBy: Set<string>;
  endsAt: number;
  madeAt: number;
}

export interface Salon {
  name: string;
  owner?: string;
  isPublic: boolean;
  isArchived: boolean;
  isDeleted: boolean;
  deletedBy?: string;
  /** Who has made whom the owner, the last time that somebody did. */
  handedBy: Map<string, string>;
  members: Map<string, Member>;
  /** Until when, in seconds of the world. */
  bans: Map<string, number>;
  absences: Map<string, Absence>;
  code?: { name: string; madeAt: number };
  invitations: Map<string, Invitation>;
  lastSeq: number;
}

export interface Message {
  name: string;
  salon: string;
  seq: number;
  author: string;
  clientId: string;
  content: string;
  replyTo?: Message;
  isDeleted: boolean;
  sentAt: number;
  /** Earlier texts, the first one first. */
  edits: string[];
}

/** Who is where, what was said, and who may see it: all that the community keeps, as plainly as it can be said. */
export class World {
  /** Moves only when time is let pass; what has an end is never near it. */
  seconds = 0;
  /** Counts moments, to tell which of two was earlier. */
  moment = 0;
  readonly salons = new Map<string, Salon>();
  /** In the order in which they were sent. */
  readonly messages: Message[] = [];
  readonly reactions: { message: Message; user: string; emoji: string }[] = [];
  /** In the order in which they were pinned. */
  readonly pins: Message[] = [];
  /** Who has blocked whom. */
  readonly blocks: { by: string; whom: string }[] = [];
  /** Replies and mentions that were told, by user. */
  readonly told: string[] = [];
  /** How many codes that open nothing each has tried: ten an hour may be. */
  readonly wrongCodes = new Map<string, number>();

  salon(name: string): Salon {
    return this.salons.get(name)!;
  }

  member(salon: string, user: string): Member | undefined {
    return this.salon(salon).members.get(user);
  }

  isStaff(salon: string, user: string): boolean {
    return ["owner", "moderator"].includes(this.member(salon, user)?.role ?? "");
  }

  isActive({ isArchived, isDeleted }: Salon): boolean {
    return !isArchived && !isDeleted;
  }

  hasBlocked(by: string, whom: string): boolean {
    return this.blocks.some((block) => block.by === by && block.whom === whom);
  }

  /** Whether one of the two has blocked the other. */
  areApart(one: string, other: string): boolean {
    return this.hasBlocked(one, other) || this.hasBlocked(other, one);
  }

  seesSalon(user: string, salon: Salon): boolean {
    return salon.members.has(user) || (salon.isPublic && this.isActive(salon));
  }

  /** Members see all but authors whom they blocked, and replies to themselves of who blocked them. */
  sees(user: string, message: Message): boolean {
    return this.member(message.salon, user) !== undefined && !this.hasBlocked(user, message.author) &&
      !(message.replyTo?.author === user && this.areApart(user, message.author));
  }

  seesReaction(user: string, reaction: { message: Message; user: string }): boolean {
    return this.member(reaction.message.salon, user) !== undefined && !this.areApart(user, reaction.user);
  }

  messagesOf(salon: string): Message[] {
    return this.messages.filter((message) => message.salon === salon);
  }

  messageCount(salon: string): number {
    return this.messagesOf(salon).filter(({ isDeleted }) => !isDeleted).length;
  }

  unread(user: string, salon: string): number {
    const { lastRead } = this.member(salon, user)!;
    return this.messagesOf(salon)
      .filter((message) => message.seq > lastRead && !message.isDeleted && message.author !== user)
      .filter((message) => this.sees(user, message)).length;
  }

  isMuted(salon: string, user: string): boolean {
    return (this.member(salon, user)?.mutedUntil ?? 0) > this.seconds;
  }

  isBanned(salon: string, user: string): boolean {
    return (this.salon(salon).bans.get(user) ?? 0) > this.seconds;
  }
}
