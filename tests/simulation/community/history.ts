import fc from "fast-check";
import type { Answer } from "./answers.ts";
import { type Intent, type Kind, type Play, type Turn, WEIGHTS } from "./turns.ts";
import { SALONS, USERS } from "./world.ts";

/** How a history begins, and what is done in it, by whom, and who looks afterwards. */
export interface History {
  salons: { isPublic: boolean; roles: ("stranger" | "member" | "moderator")[] }[];
  actions: { intent: Intent; looker: number }[];
}

/** Not more: a user's limits of calls a minute are not to be reached. */
const ACTIONS = 40;

const kinds: fc.Arbitrary<Kind> = fc.oneof(
  ...WEIGHTS.map(({ kind, weight }) => ({ arbitrary: fc.constant(kind), weight })),
);

export const histories: fc.Arbitrary<History> = fc.record({
  salons: fc.tuple(...SALONS.map(() =>
    fc.record({
      isPublic: fc.boolean(),
      roles: fc.tuple(...USERS.map(() => fc.constantFrom("stranger", "member", "member", "moderator"))),
    })
  )) as fc.Arbitrary<History["salons"]>,
  actions: fc.array(
    fc.record({
      intent: fc.record({
        kind: kinds,
        actor: fc.nat(USERS.length - 1),
        other: fc.nat(USERS.length - 1),
        salon: fc.nat(SALONS.length - 1),
        pick: fc.nat(999),
        flag: fc.boolean(),
      }),
      looker: fc.nat(USERS.length - 1),
    }),
    { minLength: 24, maxLength: ACTIONS, size: "max" },
  ),
});

/** The salons, each with an owner of its own, and who is in them. */
export function* beginning(play: Play, { salons }: History): Generator<Turn> {
  for (const [index, { isPublic, roles }] of salons.entries()) {
    const salon = SALONS[index]!;
    const owner = USERS[index]!;
    const code = play.newCode(salon, false);
    play.world.moment++;
    yield {
      step: {
        user: owner,
        call: "create_salon_with_code",
        args: { p_name: salon, p_visibility: isPublic ? "public" : "private" },
        saves: { key: "salon_id", as: salon },
      },
      answer: play.salons.create(salon, owner, isPublic, code),
    };
    play.world.moment++;
    yield {
      step: {
        user: owner,
        call: "renew_salon_code",
        args: { p_salon_id: `@${salon}` },
        saves: { key: "share_code", as: code },
      },
      answer: play.salons.renewCode(owner, salon, code),
    };
    for (const [number, role] of roles.entries()) {
      const user = USERS[number]!;
      if (user === owner || role === "stranger") continue;
      play.world.moment++;
      yield {
        step: { user, call: "join_salon_via_code", args: { p_code: `@${code}` } },
        answer: play.salons.joinByCode(user, code),
      };
      if (role === "member") continue;
      const args = { p_salon_id: `@${salon}`, p_member_id: `@${user}`, p_role: role };
      const answer: Answer = play.salons.setRole(owner, salon, user, role);
      yield { step: { user: owner, call: "set_salon_role", args }, answer };
    }
  }
}

/** Who looks after an action, and at which salon: most often one whom it concerns. */
export function lookerAfter({ intent, looker }: History["actions"][number]): { user: string; salon: string } {
  const index = [intent.actor, intent.other, looker][intent.pick % 3]!;
  return { user: USERS[index]!, salon: SALONS[intent.salon]! };
}
