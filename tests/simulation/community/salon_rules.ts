import { type Answer, done, refused } from "./answers.ts";
import type { Invitation, Role, Salon, World } from "./world.ts";

/** What anybody who does this to a salon gets for an answer, and what the world is then. */
export class SalonRules {
  constructor(readonly world: World) {}

  create(name: string, owner: string, isPublic: boolean, code: string): Answer {
    this.world.salons.set(name, {
      name,
      owner,
      isPublic,
      isArchived: false,
      isDeleted: false,
      handedBy: new Map(),
      members: new Map([[owner, { role: "owner", mutedUntil: 0, lastRead: 0, isNotified: true }]]),
      bans: new Map(),
      absences: new Map(),
      code: { name: code, madeAt: this.world.moment },
      invitations: new Map(),
      lastSeq: 0,
    });
    return done();
  }

  join(user: string, name: string): Answer {
    const salon = this.world.salon(name);
    return this.#admit(user, salon, salon.isPublic ? { madeAt: -Infinity, isOpen: true } : undefined);
  }

  joinByCode(user: string, code: string): Answer {
    const salons = [...this.world.salons.values()];
    const opened = salons.find((salon) => salon.code?.name === code);
    const invited = salons.find(({ invitations }) => invitations.has(code));
    const invitation = invited?.invitations.get(code);
    const answer = opened
      ? this.#admit(user, opened, { madeAt: opened.code!.madeAt })
      : invited && invitation!.endsAt > this.world.seconds
      ? this.#admit(user, invited, { madeAt: invitation!.madeAt, invitation })
      : refused("not_found");
    if (answer.error === "not_found") {
      this.world.wrongCodes.set(user, (this.world.wrongCodes.get(user) ?? 0) + 1);
    }
    return answer;
  }

  #admit(
    user: string,
    salon: Salon,
    way?: { madeAt: number; isOpen?: boolean; invitation?: Invitation },
  ): Answer {
    const { world } = this;
    if (!way || !world.isActive(salon)) return refused("not_found");
    const role = salon.members.get(user)?.role;
    if (role) return done({ role, is_new: false });
    if (world.isBanned(salon.name, user)) return refused("banned");
    const absence = salon.absences.get(user);
    if (absence?.removedAt !== undefined && absence.removedAt >= way.madeAt) {
      return refused(way.isOpen ? "removed" : "not_found");
    }
    if (way.invitation) {
      if (way.invitation.usesLeft === 0) return refused("not_found");
      if (!way.invitation.usedBy.has(user)) way.invitation.usesLeft--;
      way.invitation.usedBy.add(user);
    }
    salon.members.set(user, {
      role: "member",
      mutedUntil: absence?.mutedUntil ?? 0,
      lastRead: salon.lastSeq,
      isNotified: true,
    });
    salon.absences.delete(user);
    return done({ role: "member", is_new: true });
  }

  leave(user: string, name: string): Answer {
    if (this.world.member(name, user)?.role === "owner") return refused("owner_stays");
    this.#end(name, user, false);
    return done();
  }

  /** A mute outlives the membership; invitations do not. */
  #end(name: string, user: string, isRemoved: boolean): void {
    const salon = this.world.salon(name);
    const member = salon.members.get(user);
    if (member && (isRemoved || this.world.isMuted(name, user))) {
      salon.absences.set(user, {
        removedAt: isRemoved ? this.world.moment : undefined,
        mutedUntil: this.world.isMuted(name, user) ? member.mutedUntil : 0,
      });
    }
    salon.members.delete(user);
    this.#withdrawInvitations(salon, user);
  }

  #withdrawInvitations({ invitations }: Salon, by: string): void {
    for (const [code, invitation] of invitations) if (invitation.by === by) invitations.delete(code);
  }

  /** Owners decide about all others, moderators about members and strangers. */
  #mayDecide(user: string, name: string, about: string): boolean {
    const role = this.world.member(name, user)?.role;
    const other = this.world.member(name, about)?.role ?? "member";
    return role === "owner" ? other !== "owner" : role === "moderator" && other === "member";
  }

  kick(user: string, name: string, other: string): Answer {
    if (!this.#mayDecide(user, name, other)) return refused("forbidden");
    if (!this.world.member(name, other)) {
      // Again, where the first answer was lost.
      const isKicked = this.world.salon(name).absences.get(other)?.removedAt !== undefined;
      return isKicked ? done() : refused("not_found");
    }
    this.#end(name, other, true);
    return done();
  }

  ban(user: string, name: string, other: string, seconds: number): Answer {
    if (!this.#mayDecide(user, name, other)) return refused("forbidden");
    this.#end(name, other, false);
    this.world.salon(name).bans.set(other, this.world.seconds + seconds);
    return done();
  }

  unban(user: string, name: string, other: string): Answer {
    if (!this.#mayDecide(user, name, other)) return refused("forbidden");
    this.world.salon(name).bans.delete(other);
    return done();
  }

  mute(user: string, name: string, other: string, seconds: number): Answer {
    if (!this.#mayDecide(user, name, other)) return refused("forbidden");
    const member = this.world.member(name, other);
    if (!member) return refused("not_found");
    member.mutedUntil = this.world.seconds + seconds;
    return done();
  }

  unmute(user: string, name: string, other: string): Answer {
    if (!this.#mayDecide(user, name, other)) return refused("forbidden");
    const member = this.world.member(name, other);
    if (member) member.mutedUntil = 0;
    return done();
  }

  setRole(user: string, name: string, other: string, role: Role): Answer {
    if (this.world.member(name, user)?.role !== "owner") return refused("forbidden");
    const member = this.world.member(name, other);
    if (!member) return refused("not_found");
    if (member.role === "owner") return refused("owner_stays");
    if (member.role === role) return done();
    member.role = role;
    if (role === "moderator") member.mutedUntil = 0;
    else this.#withdrawInvitations(this.world.salon(name), other);
    return done();
  }

  transfer(user: string, name: string, other: string): Answer {
    const { handedBy } = this.world.salon(name);
    const before = this.world.member(name, user);
    const after = this.world.member(name, other);
    // Whoever does it again finds it done.
    if (before && after?.role === "owner" && handedBy.get(other) === user) return done();
    if (before?.role !== "owner") return refused("forbidden");
    if (other === user) return done();
    if (!after) return refused("not_found");
    before.role = "moderator";
    after.role = "owner";
    after.mutedUntil = 0;
    this.world.salon(name).owner = other;
    handedBy.set(other, user);
    return done();
  }

  archive(user: string, name: string, isArchived: boolean): Answer {
    if (this.world.member(name, user)?.role !== "owner") return refused("forbidden");
    this.world.salon(name).isArchived = isArchived;
    return done();
  }

  delete(user: string, name: string): Answer {
    const salon = this.world.salon(name);
    if (salon.deletedBy === user) return done();
    if (this.world.member(name, user)?.role !== "owner") return refused("forbidden");
    salon.isDeleted = true;
    salon.deletedBy = user;
    salon.owner = undefined;
    salon.code = undefined;
    salon.invitations.clear();
    salon.members.clear();
    return done();
  }

  /** Written into the table itself: what the policy does not let through is no row. */
  show(user: string, name: string, isPublic: boolean): Answer {
    const salon = this.world.salon(name);
    if (salon.owner !== user || !this.world.isActive(salon)) return { rows: 0 };
    salon.isPublic = isPublic;
    return { rows: 1 };
  }

  setNotified(user: string, name: string, isNotified: boolean): Answer {
    const member = this.world.member(name, user);
    if (!member) return { rows: 0 };
    member.isNotified = isNotified;
    return { rows: 1 };
  }

  renewCode(user: string, name: string, code: string): Answer {
    const refusal = this.#mayInvite(user, name);
    if (refusal) return refusal;
    this.world.salon(name).code = { name: code, madeAt: this.world.moment };
    return done();
  }

  invite(user: string, name: string, code: string, uses: number, seconds: number): Answer {
    const refusal = this.#mayInvite(user, name);
    if (refusal) return refusal;
    const { invitations } = this.world.salon(name);
    for (const [old, { usesLeft, endsAt }] of invitations) {
      if (usesLeft === 0 || endsAt <= this.world.seconds) invitations.delete(old);
    }
    const { moment: madeAt, seconds: now } = this.world;
    invitations.set(code, {
      code,
      by: user,
      usesLeft: uses,
      usedBy: new Set(),
      endsAt: now + seconds,
      madeAt,
    });
    return done();
  }

  #mayInvite(user: string, name: string): Answer | undefined {
    if (!this.world.isStaff(name, user)) return refused("forbidden");
    return this.world.salon(name).isArchived ? refused("salon_archived") : undefined;
  }

  revokeInvitation(user: string, name: string, code: string): Answer {
    if (!this.world.isStaff(name, user)) return refused("forbidden");
    this.world.salon(name).invitations.delete(code);
    return done();
  }

  block(user: string, other: string): Answer {
    if (user === other) return refused("invalid_request");
    if (!this.world.hasBlocked(user, other)) this.world.blocks.push({ by: user, whom: other });
    return done();
  }

  unblock(user: string, other: string): Answer {
    const found = this.world.blocks.findIndex(({ by, whom }) => by === user && whom === other);
    if (found >= 0) this.world.blocks.splice(found, 1);
    return done();
  }
}
