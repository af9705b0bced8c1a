import { afterEach, describe, expect, it } from "vitest";

import { type Call, createDatabase, newId, overlapping, race, raceAll, range, until } from "../support.ts";
import { Community, type MessageOutcome, type Salon } from "./message_support.ts";

const { url, sql } = await createDatabase();
const community = await Community.of(sql);
await sql`update private.message_settings set user_quota = 1000`;

afterEach(async () => {
  expect(await community.verify()).toEqual([]);
  await sql`select pg_stat_force_next_flush()`;
  const [row] = await sql`
    select deadlocks::integer as count from pg_stat_database where datname = current_database()`;
  expect(row!.count).toBe(0);
});

const acting = community.acting.bind(community);

function count(outcomes: MessageOutcome[], error: string | null): number {
  return outcomes.filter((one) => one.error === error).length;
}

function sending(salon: Salon, user: string, content?: string): Call {
  return acting(user, "send_message", salon.sending(content));
}

describe("messages sent at once", () => {
  it("get each number once and none is left out (community 22)", async () => {
    const salon = await community.salon({ members: 4 });
    const users = [salon.owner, ...salon.members];
    const outcomes = await raceAll<MessageOutcome>(
      url,
      range(20).map((index) => sending(salon, users[index % users.length]!)),
    );
    expect(outcomes.map(({ seq }) => seq).toSorted((one, other) => one! - other!))
      .toEqual(range(20).map((index) => index + 1));
    const times = await sql`
      select seq from public.chat_messages where salon_id = ${salon.id} order by created_at, seq`;
    expect(times.map(({ seq }) => Number(seq))).toEqual(range(20).map((index) => index + 1));
  });

  it("with one client's id are one message, whatever the retries", async () => {
    const salon = await community.salon();
    const args = salon.sending("once");
    const outcomes = await raceAll<MessageOutcome>(
      url,
      range(10).map(() => acting(salon.owner, "send_message", args)),
    );
    expect(new Set(outcomes.map(({ id }) => id)).size).toBe(1);
    expect(outcomes.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(await salon.stream()).toEqual({ last_seq: 1, message_count: 1 });
  });

  it("pass neither the quota of a salon nor its slow mode together", async () => {
    const salon = await community.salon({ members: 8 });
    await sql`update public.salons set slow_mode_s = 60 where id = ${salon.id}`;
    const member = salon.members[0]!;
    const slow = await raceAll<MessageOutcome>(url, range(8).map(() => sending(salon, member)));
    expect([count(slow, null), count(slow, "slow_mode")]).toEqual([1, 7]);
    await sql`update private.message_settings set salon_quota = 5, salon_window_s = 600`;
    try {
      const full = await raceAll<MessageOutcome>(
        url,
        salon.members.slice(1).map((user) => sending(salon, user)),
      );
      expect(count(full, null)).toBeLessThanOrEqual(5);
      expect(count(full, "rate_limited")).toBeGreaterThanOrEqual(2);
    } finally {
      await sql`update private.message_settings set salon_quota = 1200, salon_window_s = 10`;
    }
  });
});

describe("a salon", () => {
  it("that is deleted while 20 write takes each message whole, or not at all", async () => {
    for (const _ of range(3)) {
      const salon = await community.salon({ members: 4 });
      const calls = range(20).map((index) => sending(salon, salon.members[index % 4]!));
      calls.splice(10, 0, acting(salon.owner, "delete_salon", { p_salon_id: salon.id }));
      const outcomes = await raceAll<MessageOutcome>(url, calls);
      expect(outcomes[10]).toMatchObject({ success: true });
      const sent = outcomes.filter(({ id }) => id !== undefined).length;
      expect(count(outcomes, "not_found")).toBe(20 - sent);
      expect(await salon.stream()).toEqual({ last_seq: sent, message_count: sent });
      const late = await sql`
        select from public.chat_messages as messages
        join public.salons on salons.id = messages.salon_id
        where salons.id = ${salon.id} and messages.created_at > salons.deleted_at`;
      expect(late).toHaveLength(0);
      while ((await sql`select private.purge_deleted_salons() as count`)[0]!.count > 0) continue;
      expect(await sql`select from public.chat_messages where salon_id = ${salon.id}`).toHaveLength(0);
    }
  });

  it("that is being deleted lets nobody write who waited for that", async () => {
    const salon = await community.salon({ members: 1 });
    const remove = acting(salon.owner, "delete_salon", { p_salon_id: salon.id });
    expect(await overlapping<MessageOutcome>(sql, remove, sending(salon, salon.members[0]!))).toMatchObject({
      error: "not_found",
    });
    expect(await salon.stream()).toEqual({ last_seq: 0, message_count: 0 });
  });

  it("takes nothing of a member who is kicked while it writes", async () => {
    const salon = await community.salon({ members: 2 });
    const [first, second] = salon.members as [string, string];
    const kick = (member: string) =>
      acting(salon.owner, "kick_salon_member", { p_salon_id: salon.id, p_member_id: member });
    expect(await overlapping<MessageOutcome>(sql, kick(first), sending(salon, first))).toMatchObject({
      error: "not_found",
    });
    expect(await overlapping<MessageOutcome>(sql, sending(salon, second), kick(second))).toMatchObject({
      success: true,
    });
    expect(await salon.stream()).toEqual({ last_seq: 1, message_count: 1 });
  });

  it("is forgotten by a user while it writes there without a message that keeps its name", async () => {
    for (const keeps of [true, false]) {
      await sql`update private.message_settings set keep_forgotten = ${keeps}`;
      const salon = await community.salon({ members: 2 });
      const [user, early] = salon.members as [string, string];
      await salon.say(user);
      const forget: Call = { name: "forget_user", args: { p_user_id: user } };
      await overlapping<MessageOutcome>(sql, sending(salon, early), {
        name: "forget_user",
        args: { p_user_id: early },
      });
      expect(await sql`select from public.chat_messages where user_id = ${early}`).toHaveLength(0);
      const results = await race<unknown>(url, [...range(8).map(() => sending(salon, user)), forget]);
      expect(results.filter(({ status }) => status === "rejected")).toEqual([]);
      expect(await sql`select from public.chat_messages where user_id = ${user}`).toHaveLength(0);
    }
    await sql`update private.message_settings set keep_forgotten = true`;
  });
});

describe("a user", () => {
  it("is forgotten while a salon that it has left is locked: whoever writes or decides there is not waited for", async () => {
    for (const keeps of [true, false]) {
      await sql`update private.message_settings set keep_forgotten = ${keeps}`;
      const salon = await community.salon({ members: 1 });
      const user = salon.members[0]!;
      const first = await salon.say(user);
      await salon.say(user, "to oneself", { p_reply_to_id: first, p_mentions: [user] });
      await community.call(user, "leave_salon", { p_salon_id: salon.id });
      const deciding = await sql.reserve();
      try {
        await deciding`begin`;
        await deciding`select from public.salons where id = ${salon.id} for update`;
        await sql.begin(async (transaction) => {
          await transaction`set local lock_timeout = '2s'`;
          await transaction`select public.forget_user(${user})`;
        });
      } finally {
        await deciding`rollback`;
        deciding.release();
      }
      expect(await sql`select from public.chat_messages where user_id = ${user}`).toHaveLength(0);
      expect(await salon.stream()).toEqual({ last_seq: 2, message_count: keeps ? 2 : 0 });
    }
    await sql`update private.message_settings set keep_forgotten = true`;
  });

  it("is forgotten after messages of it that move to the archive have arrived there", async () => {
    const salon = await community.salon({ members: 1 });
    const user = salon.members[0]!;
    await salon.age("2 years", await salon.say(user));
    // Of a salon that it is in, it would wait for the salon anyway.
    await community.call(user, "leave_salon", { p_salon_id: salon.id });
    const [archiving, forgetting] = await Promise.all([sql.reserve(), sql.reserve()]);
    try {
      const [{ pid }] = await forgetting<[{ pid: number }]>`select pg_backend_pid() as pid`;
      await archiving`begin`;
      expect((await archiving`select private.archive_messages() as count`)[0]!.count).toBe(1);
      const forgotten = forgetting`select public.forget_user(${user})`.then(() => {});
      await until(async () =>
        (await sql`select from pg_locks where pid = ${pid} and not granted`).length > 0
      );
      await archiving`commit`;
      await forgotten;
    } finally {
      await archiving`rollback`;
      archiving.release();
      forgetting.release();
    }
    expect(await sql`select from public.chat_messages where user_id = ${user}`).toHaveLength(0);
  });
});

describe("one message", () => {
  it("toggled 50 times at once by one user has the reaction that 50 toggles leave", async () => {
    const salon = await community.salon();
    const id = await salon.say(salon.owner);
    const toggle = acting(salon.owner, "toggle_message_reaction", { p_message_id: id, p_emoji: "👍" });
    const outcomes = await raceAll<MessageOutcome>(url, range(50).map(() => toggle));
    expect(outcomes.filter(({ has_reacted }) => has_reacted)).toHaveLength(25);
    expect(await sql`select from public.message_reactions where message_id = ${id}`).toHaveLength(0);
  });

  it("toggled by many at once has one reaction of each", async () => {
    const salon = await community.salon({ members: 20 });
    const id = await salon.say(salon.owner);
    await raceAll<MessageOutcome>(
      url,
      salon.members.map((user) =>
        acting(user, "toggle_message_reaction", { p_message_id: id, p_emoji: "👍" })
      ),
    );
    expect(await community.rows(salon.owner, "get_message_reactions_summary", { p_message_id: id }))
      .toEqual([{ emoji: "👍", count: "20", has_reacted: false }]);
  });

  it("gets no more different reactions than one may have, however many come at once", async () => {
    await sql`update private.message_settings set reactions_per_message = 3`;
    try {
      const salon = await community.salon({ members: 8 });
      const id = await salon.say(salon.owner);
      const emoji = ["👍", "👎", "😀", "😂", "🎉", "❤", "🚀", "👀"];
      const outcomes = await raceAll<MessageOutcome>(
        url,
        salon.members.map((user, index) =>
          acting(user, "toggle_message_reaction", { p_message_id: id, p_emoji: emoji[index] })
        ),
      );
      expect([count(outcomes, null), count(outcomes, "limit_reached")]).toEqual([3, 5]);
    } finally {
      await sql`update private.message_settings set reactions_per_message = 40`;
    }
  });

  it("edited while it is deleted stays deleted, without a text that is kept", async () => {
    const salon = await community.salon();
    for (const isEditFirst of [true, false]) {
      const id = await salon.say(salon.owner, "secret");
      const edit = acting(salon.owner, "edit_message", { p_message_id: id, p_content: "other" });
      const remove = acting(salon.owner, "delete_message", { p_message_id: id });
      const [first, second] = isEditFirst ? [edit, remove] : [remove, edit];
      expect(await overlapping<MessageOutcome>(sql, first, second))
        .toMatchObject(isEditFirst ? { success: true } : { error: "not_found" });
      const [row] = await sql`select content, is_deleted from public.chat_messages where id = ${id}`;
      expect({ ...row }).toEqual({ content: "", is_deleted: true });
    }
    const id = await salon.say(salon.owner, "secret");
    const calls = range(10).map((index) =>
      index % 2
        ? acting(salon.owner, "edit_message", { p_message_id: id, p_content: `${index}` })
        : acting(salon.owner, "delete_message", { p_message_id: id })
    );
    await raceAll<MessageOutcome>(url, calls);
    expect(await salon.stream()).toEqual({ last_seq: 3, message_count: 0 });
  });

  it("reacted to while it is deleted keeps no reaction", async () => {
    const salon = await community.salon({ members: 6 });
    for (const _ of range(3)) {
      const id = await salon.say(salon.owner);
      await raceAll<MessageOutcome>(url, [
        ...salon.members.map((user) =>
          acting(user, "toggle_message_reaction", { p_message_id: id, p_emoji: "👍" })
        ),
        acting(salon.owner, "delete_message", { p_message_id: id }),
      ]);
      expect(await sql`select from public.message_reactions where message_id = ${id}`).toHaveLength(0);
    }
  });

  it("deleted, edited, reacted to and read while it moves to the archive is not lost", async () => {
    const salon = await community.salon({ members: 4 });
    for (const _ of range(3)) {
      const ids = [];
      for (const _ of range(6)) ids.push(await salon.say(salon.owner));
      await salon.age("2 years", ...ids);
      const results = await race<MessageOutcome | number>(url, [
        { name: "private.archive_messages", args: {} },
        { name: "private.archive_messages", args: {} },
        acting(salon.owner, "delete_message", { p_message_id: ids[0] }),
        acting(salon.owner, "delete_message", { p_message_id: ids[5] }),
        acting(salon.members[0]!, "toggle_message_reaction", { p_message_id: ids[1], p_emoji: "👍" }),
        acting(salon.members[1]!, "toggle_message_reaction", { p_message_id: ids[4], p_emoji: "👍" }),
        sending(salon, salon.members[2]!),
      ]);
      const answers = results.map((one) => one.status === "fulfilled" ? one.value : one.reason);
      expect(answers.slice(2)).toMatchObject(range(5).map(() => ({ success: true })));
    }
  });
});

describe("what is read", () => {
  it("never goes back, in whatever order the notes of it come (community 23)", async () => {
    const salon = await community.salon({ members: 1 });
    for (const _ of range(10)) await salon.say(salon.owner);
    const reader = salon.members[0]!;
    const order = [3, 9, 1, 10, 5, 7, 2, 8];
    await raceAll<MessageOutcome>(
      url,
      order.map((p_seq) => acting(reader, "mark_read", { p_salon_id: salon.id, p_seq })),
    );
    expect(await community.rows(reader, "unread_counts")).toMatchObject([{ unread: 0, last_read_seq: "10" }]);
  });

  it("up to a number that is to come is not the message that comes", async () => {
    const salon = await community.salon({ members: 1 });
    const reader = salon.members[0]!;
    await community.call(reader, "mark_read", { p_salon_id: salon.id, p_seq: 1_000 });
    await salon.say(salon.owner, newId());
    expect(await community.rows(reader, "unread_counts")).toMatchObject([{ unread: 1 }]);
  });
});
