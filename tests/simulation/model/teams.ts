/** Who is in a team, and who decides that; and whether somebody may have its tokens. */
import type { AdmitCall, CapCall, JoinCall, RemoveCall, Role, RoleCall } from "../calls.ts";
import { type Ledger, type Member } from "./ledger.ts";
import { memberDenial, memberOf } from "./members.ts";
import { hold, knownOutcome, refusal } from "./requests.ts";

/** The lowest first. */
const ROLES: Role[] = ["viewer", "member", "admin", "owner"];

/** A hold for whoever acts, if that one may spend from the wallet. What is known has its outcome in any case. */
export function admit(ledger: Ledger, { actor, ...call }: AdmitCall) {
  const asHold = { ...call, name: "hold" as const, actor: actor === call.user ? null : actor };
  const outcome = knownOutcome(ledger, asHold);
  if (outcome && call.fingerprint !== null) return outcome;
  if (asHold.actor === null) return hold(ledger, asHold);
  // Of what is held some may have outlived its time: only the hold itself looks.
  const denial = memberDenial(ledger, call.user, actor, call.amount, 0n);
  return denial ? outcome ?? { ...refusal(call.id, denial.error), ...denial } : hold(ledger, asHold);
}

/** Somebody is invited and accepts. */
export function join(ledger: Ledger, { user, actor, member: who, role, cap }: JoinCall) {
  if (!mayManage(memberOf(ledger, user, actor)?.role, role)) return failure("forbidden");
  const team = ledger.teams.get(user)!;
  const known = team.get(who);
  if (known?.removedAt === null) return { ...done, role: known.role };
  // Who was removed needs an invitation that is newer.
  if (known?.removedBy && known.removedAt! >= ledger.now) return failure("not_found");
  const lowest = known?.cap !== undefined && known.cap !== null && (cap === null || known.cap < cap)
    ? known.cap
    : cap;
  // Who left and comes back within the minute might do so with an older invitation: it becomes no more than it was.
  const isLater = !known || known.removedAt! < ledger.now;
  const given = isLater || ROLES.indexOf(role) < ROLES.indexOf(known.role) ? role : known.role;
  const counted = known ?? { held: 0n, spent: 0n, month: 1n };
  team.set(who, { ...counted, role: given, cap: lowest, removedAt: null, removedBy: null });
  return { ...done, role: given };
}

export function setRole(ledger: Ledger, { user, actor, member: who, role }: RoleCall) {
  const own = memberOf(ledger, user, actor)?.role;
  const member = memberOf(ledger, user, who);
  if (!own) return failure("forbidden");
  if (!member) return failure("not_found");
  if (!mayManage(own, member.role) || !mayManage(own, role)) return failure("forbidden");
  if (role !== "owner" && isLastOwner(ledger, user, member)) return failure("last_owner");
  member.role = role;
  return done;
}

export function setCap(ledger: Ledger, { user, actor, member: who, cap }: CapCall) {
  const own = memberOf(ledger, user, actor)?.role;
  const member = memberOf(ledger, user, who);
  if (!own) return failure("forbidden");
  if (!member) return failure("not_found");
  if (!mayManage(own, member.role)) return failure("forbidden");
  member.cap = cap;
  return done;
}

export function remove(ledger: Ledger, { user, actor, member: who }: RemoveCall) {
  const own = memberOf(ledger, user, actor)?.role;
  const member = ledger.teams.get(user)!.get(who);
  const isGone = member !== undefined && member.removedAt !== null;
  if (!own) return who === actor && isGone ? done : failure("forbidden");
  if (!member) return failure("not_found");
  if (isGone) {
    // Who has left by itself may come back; who is removed then, too, may not.
    if (mayManage(own, member.role)) Object.assign(member, { removedAt: ledger.now, removedBy: actor });
    return done;
  }
  if (who !== actor && !mayManage(own, member.role)) return failure("forbidden");
  if (isLastOwner(ledger, user, member)) return failure("last_owner");
  member.removedAt = ledger.now;
  member.removedBy = who === actor ? null : actor;
  return done;
}

const done = { success: true, error: null };

function failure(error: string) {
  return { success: false, error };
}

/** Owners manage anybody, admins members and viewers. */
function mayManage(own: Role | undefined, other: Role): boolean {
  return own === "owner" || own === "admin" && (other === "member" || other === "viewer");
}

function isLastOwner(ledger: Ledger, wallet: string, member: Member): boolean {
  const owners = [...ledger.teams.get(wallet)!.values()].filter(({ role, removedAt }) =>
    role === "owner" && removedAt === null
  );
  return owners.length === 1 && owners[0] === member;
}
