import { afterEach, describe, expect, it } from "vitest";

import { createDatabase, range } from "../support.ts";
import { Community, type Message, type Page, type Salon } from "./message_support.ts";

const { sql } = await createDatabase();
const community = await Community.of(sql);
await sql`update private.message_settings set user_quota = 1000`;

afterEach(async () => {
  expect(await community.verify()).toEqual([]);
});

async function archive(): Promise<number> {
  let moved = 0;
  for (let count = 1; count > 0; moved += count) {
    [{ count }] = await sql<[{ count: number }]>`select private.archive_messages() as count`;
  }
  return moved;
}

/** Where each message of a salon is kept. */
async function places(salon: Salon): Promise<Record<string, string>> {
  const rows = await sql`
    select id::text, tableoid::regclass::text as place from public.chat_messages where salon_id = ${salon.id}`;
  return Object.fromEntries(rows.map(({ id, place }) => [id, place]));
}

/** All that a member can read of a salon. */
async function readings(salon: Salon, user: string) {
  const [own] = await community.as(user, (transaction) =>
    transaction`
    select array_agg(content order by seq) as direct,
      (select array_agg(content order by seq) from public.chat_messages_with_profiles) as view
    from public.chat_messages`);
  return {
    ...own,
    after: await salon.after(user),
    before: await salon.before(user, 4),
    found: await community.call<Page>(user, "search_messages", { p_query: "word" }),
    pinned: await community.call<Page>(user, "pinned_messages", { p_salon_id: salon.id }),
    unread: await community.rows(user, "unread_counts"),
    mine: await community.call(user, "my_messages"),
  };
}

describe("messages of a deleted salon", () => {
  it("go in parts, the newest first, and what must be true is true in between", async () => {
    const salon = await community.salon({ members: 1 });
    const first = await salon.say(salon.owner);
    await salon.age("2 years", first);
    await archive();
    await sql`
      insert into public.chat_messages (salon_id, seq, user_id, client_id, content, reply_to_id)
      select ${salon.id}, number, ${salon.owner}, gen_random_uuid(), 'word', ${first}
      from generate_series(2, 1500) as number`;
    await sql`
      update private.salon_streams set last_seq = 1500, message_count = 1500 where salon_id = ${salon.id}`;
    await community.call(salon.members[0]!, "toggle_message_reaction", {
      p_message_id: first,
      p_emoji: "👍",
    });
    await community.call(salon.owner, "pin_message", { p_message_id: first });
    await community.call(salon.owner, "delete_salon", { p_salon_id: salon.id });
    const purge = async (limit: number): Promise<number> =>
      (await sql`select private.purge_deleted_salons(${limit}) as count`)[0]!.count;
    while (await purge(1_000) > 0) {
      expect([...await sql`select * from public.verify_community()`]).toEqual([]);
    }
    expect(await sql`select from public.salons where id = ${salon.id}`).toHaveLength(0);
  });
});

describe("messages that move to the archive", () => {
  it("are read as before: in pages, view, table, search, pins, counts and replies", async () => {
    const salon = await community.salon({ members: 1 });
    const ids: number[] = [];
    for (const index of range(6)) {
      ids.push(
        await salon.say(index % 2 ? salon.owner : salon.members[0]!, `word ${index}`, {
          p_reply_to_id: index > 3 ? ids[0] : null,
        }),
      );
    }
    await community.call(salon.owner, "pin_message", { p_message_id: ids[1] });
    await community.call(salon.owner, "toggle_message_reaction", { p_message_id: ids[2], p_emoji: "👍" });
    await salon.age("2 years", ...ids.slice(0, 4));
    const before = [await readings(salon, salon.owner), await readings(salon, salon.members[0]!)];
    expect(await archive()).toBe(4);
    expect(Object.values(await places(salon)).toSorted()).toEqual([
      "chat_messages",
      "chat_messages",
      ...range(4).map(() => "private.archived_messages"),
    ]);
    expect([await readings(salon, salon.owner), await readings(salon, salon.members[0]!)]).toEqual(before);
  });

  it("are deleted, reacted to, pinned and answered as before", async () => {
    const salon = await community.salon();
    const ids: number[] = [];
    for (const _ of range(3)) ids.push(await salon.say(salon.owner));
    await salon.age("2 years", ...ids);
    await archive();
    const act = (name: string, id: number, more = {}) =>
      community.call(salon.owner, name, { p_message_id: id, ...more });
    for (
      const outcome of [
        await act("delete_message", ids[0]!),
        await act("toggle_message_reaction", ids[1]!, { p_emoji: "👍" }),
        await act("pin_message", ids[2]!),
        await salon.send(salon.owner, "answer", { p_reply_to_id: ids[1] }),
      ]
    ) {
      expect(outcome).toMatchObject({ success: true });
    }
    const { messages } = await salon.after(salon.owner);
    expect(messages.map(({ is_deleted, is_pinned, reactions }: Message) => [
      is_deleted,
      is_pinned,
      reactions.length,
    ])).toEqual([[true, false, 0], [false, false, 1], [false, true, 0], [false, false, 0]]);
    expect(await salon.stream()).toEqual({ last_seq: 4, message_count: 3 });
  });

  it("are found by a retry that comes late, and go with their salon", async () => {
    const salon = await community.salon();
    const args = salon.sending("once");
    const send = () => community.call(salon.owner, "send_message", args);
    const first = await send();
    await salon.age("2 years", first.id!);
    await archive();
    expect(await send()).toMatchObject({ duplicate: true, id: first.id });
    await community.call(salon.owner, "delete_salon", { p_salon_id: salon.id });
    while ((await sql`select private.purge_deleted_salons() as count`)[0]!.count > 0) continue;
    expect(await sql`select from private.archived_messages where salon_id = ${salon.id}`).toHaveLength(0);
  });

  it("are open to nobody but through chat_messages", async () => {
    const salon = await community.salon();
    const id = await salon.say(salon.owner);
    await salon.age("2 years", id);
    await archive();
    for (const role of ["anon", "authenticated", "service_role"]) {
      await expect(
        community.as(salon.owner, (transaction) => transaction`select from private.archived_messages`, role),
      ).rejects.toMatchObject({ code: "42501" });
    }
    const seen = await community.as(
      await community.user(),
      (transaction) => transaction`select from public.chat_messages`,
    );
    expect(seen).toHaveLength(0);
  });

  it("wait for nobody: those of a salon that is being changed follow later", async () => {
    const [busy, calm] = [await community.salon(), await community.salon()];
    const ids = [await busy.say(busy.owner), await calm.say(calm.owner)];
    await busy.age("2 years", ...ids);
    const changing = await sql.reserve();
    try {
      await changing`begin`;
      await changing`select from public.salons where id = ${busy.id} for update`;
      expect(await archive()).toBe(1);
    } finally {
      await changing`rollback`;
      changing.release();
    }
    expect(await archive()).toBe(1);
  });

  it("are told to no listener of the publication as changes of the archive", async () => {
    const published = await sql`
      select tablename from pg_publication_tables where pubname = 'supabase_realtime' order by tablename`;
    expect(published.map(({ tablename }) => tablename)).toEqual([
      "chat_messages",
      "message_reactions",
      "profiles",
    ]);
    const full = await sql`
      select relname from pg_class
      where relreplident = 'f' and relname = any(${published.map(({ tablename }) => tablename)})`;
    expect([...full]).toEqual([]);
  });
});
