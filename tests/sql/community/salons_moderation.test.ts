import { afterEach, describe, expect, it } from "vitest";

import { newId, range, run } from "../support.ts";
import { createCommunity, type Salon } from "./salons_support.ts";

const community = await createCommunity();
const { sql } = community;

afterEach(async () => {
  expect(await community.problems()).toEqual([]);
});

/** A salon with one of each. */
async function people() {
  const salon = await community.open();
  const [moderator, other] = [await salon.join("moderator"), await salon.join("moderator")];
  const [member, stranger] = [await salon.join(), await community.user()];
  return { salon, moderator, other, member, stranger };
}

/** When somebody may write again. */
async function mutedUntil(salon: Salon, user: string): Promise<string | null> {
  const [row] = await sql`
    select muted_until::text from public.salon_members where salon_id = ${salon.id} and user_id = ${user}`;
  return row!.muted_until;
}

describe("roles", () => {
  it("are given by the owner alone, and never by who gets one (community 5)", async () => {
    const { salon, moderator, member, stranger } = await people();
    for (const user of [moderator, member, stranger]) {
      expect(await salon.do(user, "set_salon_role", { p_member_id: user, p_role: "moderator" }))
        .toMatchObject({ error: "forbidden" });
    }
    expect(
      (await salon.do(salon.owner, "set_salon_role", { p_member_id: member, p_role: "moderator" })).success,
    )
      .toBe(true);
    expect((await salon.roles())[member]).toBe("moderator");
  });

  it("do not make a second owner, nor take the salon from its owner", async () => {
    const { salon, member } = await people();
    expect(await salon.do(salon.owner, "set_salon_role", { p_member_id: member, p_role: "owner" }))
      .toMatchObject({ error: "invalid_request" });
    expect(await salon.do(salon.owner, "set_salon_role", { p_member_id: salon.owner, p_role: "member" }))
      .toMatchObject({ error: "owner_stays" });
    expect(await salon.do(salon.owner, "set_salon_role", { p_member_id: newId(), p_role: "member" }))
      .toMatchObject({ error: "not_found" });
  });

  it("cannot be written by a client, in a row of its own or of others (community 3, 4, 5) (platform 2, 3)", async () => {
    const { salon, member, stranger } = await people();
    const closed = "permission denied for table salon_members";
    for (
      const [user, statement] of [
        [member, `update salon_members set role = 'owner' where user_id = '${member}'`],
        [member, `update salon_members set muted_until = null where user_id = '${member}'`],
        [member, `delete from salon_members where user_id = '${member}'`],
        [stranger, `insert into salon_members (salon_id, user_id) values ('${salon.id}', '${stranger}')`],
        [
          stranger,
          `insert into salon_members (salon_id, user_id, role) values ('${salon.id}', '${stranger}', 'owner')`,
        ],
      ] as const
    ) {
      await expect(community.read(user, statement)).rejects.toThrow(closed);
    }
    for (
      const statement of [
        `update salons set owner_id = '${member}' where id = '${salon.id}'`,
        `update salons set member_count = 1000 where id = '${salon.id}'`,
        `insert into salons (name, owner_id) values ('x', '${member}')`,
        `delete from salons where id = '${salon.id}'`,
      ]
    ) {
      for (const user of [salon.owner, member]) {
        await expect(community.read(user, statement)).rejects.toThrow("permission denied for table salons");
      }
    }
  });
});

describe("transfer_salon", () => {
  it("makes a member the owner, and the owner a moderator", async () => {
    const { salon, member } = await people();
    await salon.do(salon.owner, "mute_salon_member", { p_member_id: member });
    expect((await salon.do(salon.owner, "transfer_salon", { p_member_id: member })).success).toBe(true);
    expect(await salon.roles()).toMatchObject({ [member]: "owner", [salon.owner]: "moderator" });
    expect((await salon.row()).owner_id).toBe(member);
    expect(await mutedUntil(salon, member)).toBeNull();
  });

  it("may be repeated by who did it, as long as that is so", async () => {
    const { salon, moderator, member } = await people();
    const hand = (user: string, to: string) => salon.do(user, "transfer_salon", { p_member_id: to });
    for (const _ of range(2)) expect((await hand(salon.owner, member)).success).toBe(true);
    expect(await hand(salon.owner, moderator)).toMatchObject({ error: "forbidden" });
    expect(await hand(moderator, member)).toMatchObject({ error: "forbidden" });
    await hand(member, moderator);
    expect(await hand(salon.owner, member)).toMatchObject({ error: "forbidden" });
    await hand(moderator, member);
    expect(await hand(salon.owner, member)).toMatchObject({ error: "forbidden" });
    expect((await salon.decisions()).filter(({ action }) => action === "transfer")).toHaveLength(3);
  });

  it("is for the owner, and to a member", async () => {
    const { salon, moderator, stranger } = await people();
    expect(await salon.do(moderator, "transfer_salon", { p_member_id: moderator })).toMatchObject({
      error: "forbidden",
    });
    expect(await salon.do(salon.owner, "transfer_salon", { p_member_id: stranger })).toMatchObject({
      error: "not_found",
    });
    expect((await salon.do(salon.owner, "transfer_salon", { p_member_id: salon.owner })).success).toBe(true);
    expect((await salon.row()).owner_id).toBe(salon.owner);
  });
});

describe("a stranger", () => {
  it("locks no salon, whatever it asks for", async () => {
    const { salon, member, stranger } = await people();
    for (const [user, isLocked] of [[stranger, false], [member, false], [salon.owner, true]] as const) {
      await sql.begin(async (transaction) => {
        await run(transaction, salon.call(user, "delete_salon"));
        const free = await sql`select id from public.salons where id = ${salon.id} for update skip locked`;
        expect(free).toHaveLength(isLocked ? 0 : 1);
      });
    }
  });
});

describe("who decides about whom", () => {
  const decisions = [
    "mute_salon_member",
    "unmute_salon_member",
    "kick_salon_member",
    "ban_from_salon",
    "lift_salon_ban",
  ];

  it.each(decisions)(
    "%s: owners about all others, moderators about members, others about nobody",
    async (name) => {
      const { salon, moderator, other, member, stranger } = await people();
      const outcome = async (user: string, about: string) =>
        (await salon.do(user, name, { p_member_id: about })).error;
      for (const user of [member, stranger]) {
        for (const about of [salon.owner, moderator, member, stranger]) {
          expect(await outcome(user, about)).toBe("forbidden");
        }
      }
      for (const about of [salon.owner, other, moderator]) {
        expect(await outcome(moderator, about)).toBe(
          "forbidden",
        );
      }
      expect(await outcome(salon.owner, salon.owner)).toBe("forbidden");
      expect(await salon.roles()).toEqual({
        [salon.owner]: "owner",
        [moderator]: "moderator",
        [other]: "moderator",
        [member]: "member",
      });
      expect(await outcome(moderator, member)).toBeNull();
      expect(await outcome(salon.owner, other)).toBeNull();
    },
  );

  it.each(decisions)("%s refuses what it cannot read", async (name) => {
    const { salon } = await people();
    expect(await salon.do(salon.owner, name, { p_member_id: null })).toMatchObject({
      error: "invalid_request",
    });
  });

  it.each(["mute_salon_member", "ban_from_salon"])("%s refuses an end that is none", async (name) => {
    const { salon, member } = await people();
    for (const seconds of [0, -1, 31536001]) {
      expect(await salon.do(salon.owner, name, { p_member_id: member, p_duration_s: seconds })).toMatchObject(
        {
          error: "invalid_request",
        },
      );
    }
    expect(await salon.do(salon.owner, name, { p_member_id: member, p_reason: "x".repeat(501) }))
      .toMatchObject({
        error: "invalid_request",
      });
  });

  it("is limited to 300 decisions an hour, as each is kept", async () => {
    const { salon, member } = await people();
    const [row] = await sql`
      select count(*) filter (where (outcome ->> 'success')::boolean)::integer as done,
        count(*) filter (where outcome ->> 'error' = 'rate_limited')::integer as refused
      from (
        select as_user(${salon.owner}, 'mute_salon_member',
          jsonb_build_object('p_salon_id', ${salon.id}::text, 'p_member_id', ${member}::text)) as outcome
        from generate_series(1, 310)
      ) as calls`;
    expect(row!.done + row!.refused).toBe(310);
    expect(row!.done).toBeLessThanOrEqual(300);
    expect(row!.refused).toBeGreaterThan(0);
  });
});

describe("a mute", () => {
  it("has an end, and is told to who is muted, with the reason", async () => {
    const { salon, moderator, member } = await people();
    const muted = await salon.do(moderator, "mute_salon_member", {
      p_member_id: member,
      p_duration_s: 3600,
      p_reason: "  too loud ",
    });
    expect(Date.parse(muted.until!) - Date.now()).toBeGreaterThan(3_500_000);
    const standing = await salon.do(member, "my_salon_standing");
    expect(standing).toMatchObject({ role: "member", is_muted: true, muted_until: muted.until });
    expect(standing.decisions).toMatchObject([{ action: "mute", reason: "too loud" }]);
    expect(JSON.stringify(standing)).not.toContain(moderator);
    await salon.do(moderator, "unmute_salon_member", { p_member_id: member });
    expect(await salon.do(member, "my_salon_standing")).toMatchObject({ is_muted: false, muted_until: null });
  });

  it("is not shaken off by leaving and coming back", async () => {
    const { salon, moderator, member } = await people();
    await salon.do(moderator, "mute_salon_member", { p_member_id: member });
    await salon.do(member, "leave_salon");
    await community.do(member, "join_salon_via_code", { p_code: salon.code });
    expect(await mutedUntil(salon, member)).toBe("infinity");
    await salon.do(moderator, "unmute_salon_member", { p_member_id: member });
    await salon.do(member, "leave_salon");
    await community.do(member, "join_salon", { p_salon_id: salon.id });
    expect(await mutedUntil(salon, member)).toBeNull();
  });

  it("can be lifted while who is muted is away", async () => {
    const { salon, moderator, member } = await people();
    await salon.do(moderator, "mute_salon_member", { p_member_id: member });
    await salon.do(member, "leave_salon");
    await salon.do(moderator, "unmute_salon_member", { p_member_id: member });
    await community.do(member, "join_salon", { p_salon_id: salon.id });
    expect(await mutedUntil(salon, member)).toBeNull();
    expect((await salon.decisions()).at(-1)).toMatchObject({ action: "unmute", subject_id: member });
  });

  it("that is over is not remembered", async () => {
    const { salon, member } = await people();
    await salon.do(salon.owner, "mute_salon_member", { p_member_id: member, p_duration_s: 1 });
    await sql`
      update salon_members set muted_until = now() - interval '1 second' where user_id = ${member}`;
    expect(await salon.do(member, "my_salon_standing")).toMatchObject({ is_muted: false });
    await salon.do(member, "leave_salon");
    const rows = await sql`select from private.salon_absences where user_id = ${member}`;
    expect(rows).toHaveLength(0);
  });
});

describe("a kick", () => {
  it("takes a member out until somebody hands it a code made since", async () => {
    const { salon, moderator, member } = await people();
    const old = await salon.invite();
    await salon.do(moderator, "kick_salon_member", { p_member_id: member, p_reason: "spam" });
    expect(await salon.do(member, "user_is_salon_member")).toBe(false);
    expect(await community.do(member, "join_salon", { p_salon_id: salon.id })).toMatchObject({
      error: "removed",
    });
    for (const code of [salon.code, old]) {
      expect(await community.do(member, "join_salon_via_code", { p_code: code })).toMatchObject({
        error: "not_found",
      });
    }
    expect(await salon.do(member, "my_salon_standing")).toMatchObject({
      role: null,
      removed_at: expect.any(String),
      decisions: [{ action: "kick", reason: "spam" }],
    });
    const since = await salon.invite();
    expect((await community.do(member, "join_salon_via_code", { p_code: since })).success).toBe(true);
    await salon.do(member, "leave_salon");
    expect((await community.do(member, "join_salon_via_code", { p_code: salon.code })).success).toBe(true);
  });

  it("may be repeated, and is of a member alone", async () => {
    const { salon, member, stranger } = await people();
    for (const _ of [1, 2]) {
      expect((await salon.do(salon.owner, "kick_salon_member", { p_member_id: member })).success).toBe(true);
    }
    expect((await salon.decisions()).filter(({ action }) => action === "kick")).toHaveLength(1);
    expect(await salon.do(salon.owner, "kick_salon_member", { p_member_id: stranger })).toMatchObject({
      error: "not_found",
    });
  });

  it("counts for the salon, and a share code that was renewed since lets in again", async () => {
    const { salon, member } = await people();
    await salon.do(salon.owner, "kick_salon_member", { p_member_id: member });
    expect((await salon.row()).member_count).toBe(3);
    const { share_code } = await salon.do(salon.owner, "renew_salon_code");
    expect((await community.do(member, "join_salon_via_code", { p_code: share_code })).success).toBe(true);
    expect((await salon.row()).member_count).toBe(4);
  });
});

describe("a ban", () => {
  it("takes a member out and keeps it out, whatever code it has, and says until when and why", async () => {
    const { salon, member } = await people();
    const banned = await salon.do(salon.owner, "ban_from_salon", {
      p_member_id: member,
      p_duration_s: 3600,
      p_reason: "threats",
    });
    expect(await salon.do(member, "user_is_salon_member")).toBe(false);
    const since = await salon.invite();
    for (
      const [name, args] of [
        ["join_salon", { p_salon_id: salon.id }],
        ["join_salon_via_code", { p_code: salon.code }],
        ["join_salon_via_code", { p_code: since }],
      ] as const
    ) {
      expect(await community.do(member, name, args)).toMatchObject({
        success: false,
        error: "banned",
        until: banned.until,
        reason: "threats",
      });
    }
    expect(await salon.do(member, "my_salon_standing")).toMatchObject({
      is_banned: true,
      banned_until: banned.until,
    });
    expect((await salon.row()).member_count).toBe(3);
  });

  it("keeps out who never was a member, but nobody who does not exist", async () => {
    const { salon, stranger } = await people();
    expect((await salon.do(salon.owner, "ban_from_salon", { p_member_id: stranger })).success).toBe(true);
    expect(await community.do(stranger, "join_salon", { p_salon_id: salon.id })).toMatchObject({
      error: "banned",
      until: null,
    });
    expect(await salon.do(salon.owner, "ban_from_salon", { p_member_id: newId() })).toMatchObject({
      error: "not_found",
    });
  });

  it("ends by itself, or when it is lifted", async () => {
    const { salon, member, stranger } = await people();
    for (const user of [member, stranger]) {
      await salon.do(salon.owner, "ban_from_salon", { p_member_id: user });
    }
    await sql`update private.salon_bans set until = now() - interval '1 second' where user_id = ${member}`;
    await salon.do(salon.owner, "lift_salon_ban", { p_member_id: stranger });
    for (const user of [member, stranger]) {
      expect((await community.do(user, "join_salon", { p_salon_id: salon.id })).success).toBe(true);
    }
  });

  it("and its list are for owner and moderators, page by page", async () => {
    const { salon, moderator, member } = await people();
    const banned = (await community.users(5)).sort();
    for (const user of banned) {
      await salon.do(moderator, "ban_from_salon", { p_member_id: user, p_reason: "spam" });
    }
    expect(await salon.do(member, "list_salon_bans")).toMatchObject({ error: "forbidden" });
    const first = await salon.do(moderator, "list_salon_bans", { p_limit: 3 });
    const second = await salon.do(moderator, "list_salon_bans", { p_limit: 3, p_after: first.next_after });
    const listed = [...first.bans as { user_id: string }[], ...second.bans as { user_id: string }[]];
    expect(listed.map(({ user_id }) => user_id)).toEqual(banned);
    expect(second.next_after).toBeNull();
  });
});

describe("an archived salon", () => {
  it("is read by its members, and neither joined nor changed, until it is restored", async () => {
    const { salon, moderator, member, stranger } = await people();
    const code = await salon.invite();
    expect(await salon.do(moderator, "archive_salon")).toMatchObject({ error: "forbidden" });
    for (const _ of [1, 2]) expect((await salon.do(salon.owner, "archive_salon")).success).toBe(true);
    expect(await community.read(member, `select * from salons where id = '${salon.id}'`)).toHaveLength(1);
    expect(await community.read(stranger, `select * from salons where id = '${salon.id}'`)).toEqual([]);
    for (const with_code of [salon.code, code]) {
      expect(await community.do(stranger, "join_salon_via_code", { p_code: with_code })).toMatchObject({
        error: "not_found",
      });
    }
    expect(await salon.do(salon.owner, "create_salon_invitation")).toMatchObject({ error: "salon_archived" });
    await community.read(salon.owner, `update salons set name = 'changed' where id = '${salon.id}'`);
    expect((await salon.row()).name).toBe("Kitchen");
    await salon.do(salon.owner, "restore_salon");
    expect((await community.do(stranger, "join_salon_via_code", { p_code: code })).success).toBe(true);
  });
});

describe("delete_salon", () => {
  it("is for the owner, ends the salon for everybody at once, and a job takes its rows", async () => {
    const { salon, moderator, member } = await people();
    expect(await salon.do(moderator, "delete_salon")).toMatchObject({ error: "forbidden" });
    await salon.do(member, "send_message", { p_content: "hello", p_client_id: newId() });
    for (const _ of range(2)) expect((await salon.do(salon.owner, "delete_salon")).success).toBe(true);
    expect(await salon.do(moderator, "delete_salon")).toMatchObject({ error: "forbidden" });
    for (const user of [salon.owner, member]) {
      expect(await community.read(user, `select * from salons where id = '${salon.id}'`)).toEqual([]);
      expect(await community.read(user, `select * from salon_members where salon_id = '${salon.id}'`))
        .toEqual([]);
    }
    expect(await community.do(await community.user(), "join_salon_via_code", { p_code: salon.code }))
      .toMatchObject({
        error: "not_found",
      });
    expect(await salon.row()).toMatchObject({ name: "–", owner_id: null, member_count: 0 });
    while ((await sql`select private.purge_deleted_salons() as count`)[0]!.count > 0) continue;
    expect(await sql`select from public.salons where id = ${salon.id}`).toHaveLength(0);
    expect(await sql`select from public.chat_messages where salon_id = ${salon.id}`).toHaveLength(0);
  });
});

describe("slow mode", () => {
  it("is set by owner and moderators, to at most a day", async () => {
    const { salon, moderator, member } = await people();
    expect(await salon.do(member, "set_slow_mode", { p_seconds: 5 })).toMatchObject({ error: "forbidden" });
    expect((await salon.do(moderator, "set_slow_mode", { p_seconds: 30 })).success).toBe(true);
    expect((await salon.row()).slow_mode_s).toBe(30);
    for (const seconds of [-1, 86401, null]) {
      expect(await salon.do(moderator, "set_slow_mode", { p_seconds: seconds })).toMatchObject({
        error: "invalid_request",
      });
    }
  });
});

describe("the words that a salon refuses", () => {
  it("are found as whole words, in whatever case and with whatever between them", async () => {
    const { salon, moderator } = await people();
    for (const word of ["Ham", "Foo  bar", "crème"]) {
      expect((await salon.do(moderator, "add_salon_word", { p_word: word })).success).toBe(true);
    }
    const refused = async (text: string) =>
      (await sql`select private.refused_word(${salon.id}, ${text}) as word`)[0]!.word;
    expect(await refused("no HAM!")).toBe("ham");
    expect(await refused("a foo,\nBAR b")).toBe("foo bar");
    expect(await refused("CRÈME")).toBe("crème");
    expect(await refused("ｈａｍ")).toBe("ham");
    for (const unseen of ["\u200c", "\u200d", "\ufe0f", "\u0332"]) {
      expect(await refused(`h${unseen}a${unseen}m`)).toBe("ham");
    }
    for (const fine of ["hamster", "foo", "bar foo", "creme", ""]) expect(await refused(fine)).toBeNull();
    await salon.do(moderator, "remove_salon_word", { p_word: "HAM" });
    expect(await refused("ham")).toBeNull();
    expect((await salon.do(moderator, "list_salon_words")).words).toEqual(["crème", "foo bar"]);
  });

  it("are of owner and moderators, and few", async () => {
    const { salon, member } = await people();
    for (const name of ["add_salon_word", "remove_salon_word"]) {
      expect(await salon.do(member, name, { p_word: "x" })).toMatchObject({ error: "forbidden" });
    }
    expect(await salon.do(member, "list_salon_words")).toMatchObject({ error: "forbidden" });
    for (const word of ["", " !? ", "x".repeat(51), null]) {
      expect(await salon.do(salon.owner, "add_salon_word", { p_word: word })).toMatchObject({
        error: "invalid_request",
      });
    }
    await sql`insert into private.salon_words (salon_id, word) select ${salon.id}, 'w' || number from generate_series(1, 200) as number`;
    expect(await salon.do(salon.owner, "add_salon_word", { p_word: "more" })).toMatchObject({
      error: "salon_limit_reached",
    });
  });
});

describe("decisions", () => {
  it("are recorded, with who decided, about whom and why, and read by owner and moderators", async () => {
    const { salon, moderator, member, stranger } = await people();
    await salon.do(moderator, "mute_salon_member", { p_member_id: member, p_reason: "loud" });
    await salon.do(moderator, "kick_salon_member", { p_member_id: member, p_reason: "louder" });
    await salon.do(salon.owner, "ban_from_salon", { p_member_id: stranger });
    await salon.do(salon.owner, "set_slow_mode", { p_seconds: 10 });
    const first = await salon.do(moderator, "list_salon_decisions", { p_limit: 3 });
    expect(first.decisions).toMatchObject([
      { action: "slow_mode", actor_id: salon.owner, details: { seconds: 10 } },
      { action: "ban", actor_id: salon.owner, subject_id: stranger },
      { action: "kick", actor_id: moderator, subject_id: member, reason: "louder" },
    ]);
    const second = await salon.do(moderator, "list_salon_decisions", {
      p_limit: 3,
      p_before: first.next_before,
    });
    expect(second.decisions).toMatchObject([
      { action: "mute", actor_id: moderator, subject_id: member, reason: "loud" },
      { action: "set_role" },
      { action: "set_role" },
    ]);
    expect(await salon.do(member, "list_salon_decisions")).toMatchObject({ error: "forbidden" });
  });
});

describe("who may not write", () => {
  /** What the policies of Realtime are told of somebody. */
  const speaks = (user: string, salonId: string) =>
    sql.begin(async (transaction) => {
      await transaction`select set_config('request.jwt.claims', ${JSON.stringify({ sub: user })}, true)`;
      const [row] = await transaction`
        select private.may_use_topic(${`salon:${salonId}:typing`}, 'broadcast', true) as typing,
          private.may_use_topic(${`salon:${salonId}`}, 'presence', true) as presence,
          private.may_use_topic(${`salon:${salonId}:typing`}, 'broadcast', false) as hears`;
      return { ...row };
    });
  const aloud = { typing: true, presence: true, hears: true };
  const silent = { typing: false, presence: false, hears: true };

  it("speaks where nothing is kept neither: on the topic for typing and by its presence", async () => {
    const { salon, member } = await people();
    expect(await speaks(member, salon.id)).toEqual(aloud);
    await salon.do(salon.owner, "mute_salon_member", { p_member_id: member, p_duration_s: 600 });
    expect(await speaks(member, salon.id)).toEqual(silent);
    expect(await speaks(salon.owner, salon.id)).toEqual(aloud);
    await salon.do(salon.owner, "unmute_salon_member", { p_member_id: member });
    expect(await speaks(member, salon.id)).toEqual(aloud);
    await salon.do(salon.owner, "archive_salon");
    expect([await speaks(member, salon.id), await speaks(salon.owner, salon.id)]).toEqual([silent, silent]);
    await salon.do(salon.owner, "restore_salon");
    await salon.do(salon.owner, "ban_from_salon", { p_member_id: member });
    expect(await speaks(member, salon.id)).toEqual({ typing: false, presence: false, hears: false });
  });
});
