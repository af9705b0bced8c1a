import type { SalonRole } from "./salons_support.ts";

export const ACTIONS = [
  "join",
  "join_by_code",
  "leave",
  "kick",
  "ban",
  "lift",
  "mute",
  "unmute",
  "promote",
  "demote",
  "transfer",
  "archive",
  "restore",
  "delete",
  "renew",
  "hide",
  "show",
  "send",
] as const;

export type Action = typeof ACTIONS[number];

/** Something that a user does in a salon, about another where the action is about somebody. */
export interface Step {
  action: Action;
  user: number;
  salon: number;
  other: number;
}

/** What a salon is, by the rules of docs/community.md and in as few words. */
export class ModelSalon {
  readonly members = new Map<number, SalonRole>();
  readonly muted = new Set<number>();
  readonly banned = new Set<number>();
  /** Who was kicked, and has no code made since. */
  readonly removed = new Set<number>();
  /** Who was kicked at all: from the directory it does not come back. */
  readonly kicked = new Set<number>();
  /** Who has made whom the owner, the last time that somebody did. */
  readonly handedBy = new Map<number, number>();
  deletedBy?: number;
  messages = 0;
  isPublic = true;
  isArchived = false;
  isDeleted = false;

  constructor(owner: number) {
    this.members.set(owner, "owner");
  }

  isShownTo(user: number): boolean {
    return !this.isDeleted && (this.members.has(user) || (this.isPublic && !this.isArchived));
  }

  /** What comes of a step, as the function's error; null where it is done. */
  take({ action, user, other }: Step): string | null {
    switch (action) {
      case "join":
        return this.#admit(user, this.isPublic, this.kicked.has(user), "removed");
      case "join_by_code":
        return this.#admit(user, !this.isDeleted, this.removed.has(user), "not_found");
      case "leave":
        if (this.members.get(user) === "owner") return "owner_stays";
        this.members.delete(user);
        return null;
      case "kick":
      case "ban":
      case "lift":
      case "mute":
      case "unmute":
        return this.#outranks(user, other) ? this.#decide(action, other) : "forbidden";
      case "renew":
        if (!["owner", "moderator"].includes(this.members.get(user) ?? "")) return "forbidden";
        if (this.isArchived) return "salon_archived";
        this.removed.clear();
        return null;
      case "send":
        if (!this.members.has(user)) return "not_found";
        if (this.isArchived) return "salon_archived";
        if (this.muted.has(user)) return "muted";
        this.messages++;
        return null;
      case "hide":
      case "show":
        // An update by REST: rows that a policy does not leave are not changed, and that is no error.
        if (this.members.get(user) === "owner" && !this.isArchived) this.isPublic = action === "show";
        return null;
      default:
        if (this.members.get(user) === "owner") return this.#own(action, user, other);
        return this.#isRepeated(action, user, other) ? null : "forbidden";
    }
  }

  /** Whether who gave a salon away, or deleted it, does so again. */
  #isRepeated(action: Action, user: number, other: number): boolean {
    if (action === "delete") return this.deletedBy === user;
    return action === "transfer" && this.members.has(user) && this.members.get(other) === "owner" &&
      this.handedBy.get(other) === user;
  }

  #admit(user: number, isOpen: boolean, isRemoved: boolean, refusal: string): string | null {
    if (this.isDeleted || this.isArchived || !isOpen) return "not_found";
    if (this.members.has(user)) return null;
    if (this.banned.has(user)) return "banned";
    if (isRemoved) return refusal;
    this.members.set(user, "member");
    this.kicked.delete(user);
    this.removed.delete(user);
    return null;
  }

  #outranks(user: number, other: number): boolean {
    const [role, of] = [this.members.get(user), this.members.get(other)];
    return role === "owner" ? of !== "owner" : role === "moderator" && (of ?? "member") === "member";
  }

  #decide(action: "kick" | "ban" | "lift" | "mute" | "unmute", other: number): string | null {
    const isMember = this.members.has(other);
    switch (action) {
      case "kick":
        if (!isMember) return this.kicked.has(other) ? null : "not_found";
        this.members.delete(other);
        this.kicked.add(other);
        this.removed.add(other);
        return null;
      case "ban":
        this.members.delete(other);
        this.banned.add(other);
        return null;
      case "lift":
        this.banned.delete(other);
        return null;
      case "mute":
        if (!isMember) return "not_found";
        this.muted.add(other);
        return null;
      case "unmute":
        this.muted.delete(other);
        return null;
    }
  }

  #own(
    action: Exclude<Action, "join" | "join_by_code" | "leave" | "renew" | "send" | "hide" | "show">,
    user: number,
    other: number,
  ): string | null {
    const role = this.members.get(other);
    switch (action) {
      case "promote":
      case "demote":
        if (!role) return "not_found";
        if (role === "owner") return "owner_stays";
        this.members.set(other, action === "promote" ? "moderator" : "member");
        if (action === "promote" && role === "member") this.muted.delete(other);
        return null;
      case "transfer":
        if (!role) return "not_found";
        if (other === user) return null;
        this.members.set(user, "moderator");
        this.members.set(other, "owner");
        this.handedBy.set(other, user);
        this.muted.delete(other);
        return null;
      case "archive":
      case "restore":
        this.isArchived = action === "archive";
        return null;
      default:
        this.isDeleted = true;
        this.deletedBy = user;
        this.members.clear();
        return null;
    }
  }
}
