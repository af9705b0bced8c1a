import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { newId, range } from "../support.ts";
import { ACTIONS, ModelSalon, type Step } from "./salons_model.ts";
import { createCommunity, type Salon, type SalonOutcome } from "./salons_support.ts";

// Random histories of five users in three salons, against a small model of who may see and do what. After each step every
// user's view through policies, views, functions and Realtime is what the model says.

const USERS = 5;
const SALONS = 3;

const community = await createCommunity();
const { sql } = community;

type Asked = Step & { isByOwner: boolean };

/** What only some may do: half of the time the owner does it, so that histories get somewhere. */
const RULING = ACTIONS.filter((action) => !["join", "join_by_code", "leave", "send"].includes(action));

const anybody = { user: fc.nat(USERS - 1), salon: fc.nat(SALONS - 1), other: fc.nat(USERS - 1) };

const one = fc.record<Asked>({
  ...anybody,
  isByOwner: fc.boolean(),
  action: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...ACTIONS.filter((action) => action !== "delete")) },
    { weight: 4, arbitrary: fc.constantFrom("join", "join_by_code", "send") },
    { weight: 1, arbitrary: fc.constant("delete") },
  ),
}).map((step) => [step]);

/** A decision about somebody, and what that one does then. */
const answered = fc.tuple(
  fc.record({ ...anybody, action: fc.constantFrom("kick", "ban", "mute", "demote", "transfer") }),
  fc.constantFrom("join", "join_by_code", "send", "leave", "renew"),
).map(([decision, action]): Asked[] => [
  { ...decision, isByOwner: true },
  { ...decision, user: decision.other, action, isByOwner: false },
]);

/** First everybody joins. */
const JOINED: Asked[] = range(SALONS).flatMap((salon) =>
  range(USERS).map((user) => ({ action: "join", user, salon, other: user, isByOwner: false }))
);

const histories = fc.array(fc.oneof(one, answered), { minLength: 15, maxLength: 40 }).map((some) => [
  ...JOINED,
  ...some.flat(),
]);

/** Every rule once, each with what comes of it: [action, user, other, outcome]. */
const TOUR: [Step["action"], number, number, string | null][] = [
  ["mute", 0, 1, null],
  ["send", 1, 1, "muted"],
  ["unmute", 0, 1, null],
  ["send", 1, 1, null],
  ["promote", 1, 1, "forbidden"],
  ["promote", 0, 2, null],
  ["kick", 2, 3, null],
  ["join", 3, 3, "removed"],
  ["join_by_code", 3, 3, "not_found"],
  ["renew", 2, 2, null],
  ["join_by_code", 3, 3, null],
  ["ban", 2, 4, null],
  ["join", 4, 4, "banned"],
  ["join_by_code", 4, 4, "banned"],
  ["lift", 2, 4, null],
  ["join", 4, 4, null],
  ["kick", 2, 0, "forbidden"],
  ["demote", 0, 2, null],
  ["mute", 2, 1, "forbidden"],
  ["mute", 0, 1, null],
  ["hide", 0, 0, null],
  ["leave", 1, 1, null],
  ["join", 1, 1, "not_found"],
  ["join_by_code", 1, 1, null],
  ["send", 1, 1, "muted"],
  ["show", 0, 0, null],
  ["archive", 0, 0, null],
  ["send", 3, 3, "salon_archived"],
  ["renew", 0, 0, "salon_archived"],
  ["restore", 0, 0, null],
  ["leave", 0, 0, "owner_stays"],
  ["transfer", 0, 1, null],
  ["send", 1, 1, null],
  ["leave", 0, 0, null],
  ["delete", 0, 0, "forbidden"],
  ["delete", 1, 1, null],
  ["send", 3, 3, "not_found"],
  ["join", 0, 0, "not_found"],
];

class World {
  readonly model = range(SALONS).map((index) => new ModelSalon(index));
  readonly codes: string[];

  constructor(readonly users: string[], readonly salons: Salon[]) {
    this.codes = salons.map(({ code }) => code);
  }

  static async make(): Promise<World> {
    const users = await community.users(USERS);
    const salons = await Promise.all(range(SALONS).map((index) => community.open({ owner: users[index]! })));
    return new World(users, salons);
  }

  byOwner(step: Step): Step {
    const owner = [...this.model[step.salon]!.members].find(([, role]) => role === "owner");
    return { ...step, user: owner?.[0] ?? step.user };
  }

  async take(step: Step): Promise<string | null> {
    const [user, other] = [this.users[step.user]!, this.users[step.other]!];
    const salon = this.salons[step.salon]!;
    const about = { p_member_id: other };
    // The limits of calls have tests of their own.
    await sql`delete from private.rate_limits where true`;
    const call = (name: string, args = {}) => salon.do(user, name, args);
    const outcome = await (async (): Promise<SalonOutcome> => {
      switch (step.action) {
        case "join":
          return await call("join_salon");
        case "join_by_code":
          return await community.do(user, "join_salon_via_code", { p_code: this.codes[step.salon] });
        case "leave":
          return await call("leave_salon");
        case "kick":
          return await call("kick_salon_member", about);
        case "ban":
          return await call("ban_from_salon", about);
        case "lift":
          return await call("lift_salon_ban", about);
        case "mute":
          return await call("mute_salon_member", about);
        case "unmute":
          return await call("unmute_salon_member", about);
        case "promote":
          return await call("set_salon_role", { ...about, p_role: "moderator" });
        case "demote":
          return await call("set_salon_role", { ...about, p_role: "member" });
        case "transfer":
          return await call("transfer_salon", about);
        case "archive":
          return await call("archive_salon");
        case "restore":
          return await call("restore_salon");
        case "delete":
          return await call("delete_salon");
        case "renew": {
          const renewed = await call("renew_salon_code");
          this.codes[step.salon] = renewed.share_code ?? this.codes[step.salon]!;
          return renewed;
        }
        case "send":
          return await call("send_message", { p_content: "hello", p_client_id: newId() });
        case "hide":
        case "show":
          await community.read(
            user,
            `update salons set visibility = '${
              step.action === "hide" ? "private" : "public"
            }' where id = '${salon.id}'`,
          );
          return { success: true, error: null };
      }
    })();
    return outcome.error;
  }

  /** What a user sees, by the model. */
  expected(user: number) {
    const seen = (of: (model: ModelSalon, salon: Salon) => unknown) =>
      this.model.map((model, index) => of(model, this.salons[index]!));
    return {
      salons: seen((model) => model.isShownTo(user)),
      members: seen((model) =>
        model.members.has(user)
          ? Object.fromEntries([...model.members].map(([member, role]) => [this.users[member], role]))
          : {}
      ),
      messages: seen((model) => model.members.has(user) ? model.messages : 0),
      mine: seen((model) => model.members.get(user) ?? null),
      codes: this.model.map((model, index) => model.members.has(user) ? this.codes[index] : null),
      hears: seen((model) => model.members.has(user)),
      decides: seen((model) => ["owner", "moderator"].includes(model.members.get(user) ?? "")),
    };
  }

  /** What a user sees, by policies, views, functions and Realtime. */
  async actual(user: number) {
    const ids = this.salons.map(({ id }) => id);
    const id = this.users[user]!;
    const [row] = await community.read(
      id,
      `select jsonb_agg(jsonb_build_object(
         'salon', exists (select from salons where salons.id = asked.id),
         'members', (select coalesce(jsonb_object_agg(user_id, role), '{}') from salon_members where salon_id = asked.id),
         'messages', (select count(*) from chat_messages where salon_id = asked.id),
         'mine', (select role from my_salons where my_salons.id = asked.id),
         'code', (select share_code from salons_with_details where salons_with_details.id = asked.id),
         'decides', (list_salon_decisions(asked.id) ->> 'success')::boolean
       ) order by position) as seen
       from unnest(array['${ids.join("','")}']::uuid[]) with ordinality as asked (id, position)`,
    );
    const [heard] = await sql.begin((transaction) => [
      transaction`select set_config('request.jwt.claims', ${JSON.stringify({ sub: id })}, true)`,
      transaction`
        select array_agg(private.may_use_topic('salon:' || salon_id, 'broadcast', false) order by position) as hears
        from unnest(${ids}::uuid[]) with ordinality as asked (salon_id, position)`,
    ]).then(([, rows]) => rows as unknown as { hears: boolean[] }[]);
    const seen = row!.seen as Record<string, unknown>[];
    const all = (name: string) => seen.map((one) => one[name]);
    return {
      salons: all("salon"),
      members: all("members"),
      messages: all("messages"),
      mine: all("mine"),
      codes: all("code"),
      hears: heard!.hears,
      decides: all("decides"),
    };
  }
}

/** Takes steps in a new world, and compares after each what all users see. Returns what came of each. */
async function live(history: Asked[]): Promise<(string | null)[]> {
  const world = await World.make();
  const outcomes: (string | null)[] = [];
  for (const [index, { isByOwner, ...asked }] of history.entries()) {
    const step = isByOwner && RULING.includes(asked.action) ? world.byOwner(asked) : asked;
    const at = `step ${index + 1}: ${JSON.stringify(step)}`;
    const outcome = await world.take(step);
    expect(outcome, at).toBe(world.model[step.salon]!.take(step));
    const views = await Promise.all(range(USERS).map((user) => world.actual(user)));
    expect(views, at).toEqual(range(USERS).map((user) => world.expected(user)));
    outcomes.push(outcome);
  }
  expect(await community.problems()).toEqual([]);
  return outcomes;
}

describe("five users in three salons see and do what a small model says", () => {
  it("in a history that has every rule", async () => {
    const history = TOUR.map(([action, user, other]) => ({
      action,
      user,
      other,
      salon: 0,
      isByOwner: false,
    }));
    const outcomes = await live([...JOINED, ...history]);
    expect(outcomes.slice(JOINED.length)).toEqual(TOUR.map(([, , , outcome]) => outcome));
  });

  it("in random histories", async () => {
    await fc.assert(fc.asyncProperty(histories, async (history) => void await live(history)), {
      numRuns: 10,
    });
  }, 180_000);
});
