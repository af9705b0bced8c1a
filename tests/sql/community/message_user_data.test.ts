import { afterEach, describe, expect, it } from "vitest";

import { createDatabase, newId, range } from "../support.ts";
import { Community, type MessageOutcome, type Salon, upload } from "./message_support.ts";

const { sql } = await createDatabase();
const community = await Community.of(sql);
await sql`update private.message_settings set user_quota = 1000`;

afterEach(async () => {
  expect([...await sql`select * from public.verify_community()`]).toEqual([]);
  await sql`update private.message_settings set keep_forgotten = true`;
});

interface OwnPage extends MessageOutcome {
  messages: { content: string; salon_id: string }[];
  next_after: string | null;
}

/** A user who has done all that can be done in a salon, also in one that it has left. */
async function busyUser() {
  const [salon, left] = [await community.salon({ members: 1 }), await community.salon()];
  const user = salon.members[0]!;
  await left.join("moderator", user);
  const path = await upload(sql, `${user}/${salon.id}/${newId()}`);
  const id = await salon.say(user, "said", { p_attachments: [path] });
  await community.call(user, "edit_message", { p_message_id: id, p_content: "edited" });
  const others = await salon.say(salon.owner, "others", { p_reply_to_id: id, p_mentions: [user] });
  await community.call(user, "toggle_message_reaction", { p_message_id: others, p_emoji: "👍" });
  const pinned = await left.say(user, "pinned");
  await community.call(user, "pin_message", { p_message_id: pinned });
  await community.call(user, "mark_read", { p_salon_id: salon.id, p_seq: 1 });
  await community.call(user, "leave_salon", { p_salon_id: left.id });
  return { salon, left, user, id, path };
}

/** What is left of a user in the rows of messages. */
async function traces(user: string): Promise<string[]> {
  const rows = await sql`
    select 'messages' as kind from public.chat_messages where user_id = ${user}
    union all select 'reactions' from public.message_reactions where user_id = ${user}
    union all select 'pins' from public.message_pins where pinned_by = ${user}
    union all select 'reads' from private.message_reads where user_id = ${user}
    union all select 'files' from public.message_attachments where path like ${`${user}/%`}
    union all select 'names' from public.profiles where id = ${user}
    union all select 'quotas' from private.rate_limits where key like ${`%${user}%`}`;
  return rows.map(({ kind }) => kind);
}

/** Where other modules keep an id on purpose: the ledger's books, and accesses that are to be revoked yet. */
const KEPT_ELSEWHERE = ["private.oauth_revocations", "public.token_accounts", "public.token_balances"];

/** The tables in which an id is found, in any column. */
async function tablesWith(id: string): Promise<string[]> {
  const tables = await sql<{ name: string }[]>`
    select format('%I.%I', nspname, relname) as name
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where relkind in ('r', 'p') and not relispartition
      and nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'auth', 'storage', 'realtime', 'racing')
    order by name`;
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await sql.unsafe(
      `select from only ${name} as found where strpos(found::text, $1) > 0 limit 1`,
      [id],
    );
    if (rows.length > 0 && !KEPT_ELSEWHERE.includes(name)) found.push(name);
  }
  return found;
}

/** Does what the job does, and says in how many parts. */
async function cutOffAll(): Promise<number> {
  for (let parts = 0;; parts++) {
    const [row] = await sql`select private.cut_off_authors() as count`;
    if (row!.count === 0) return parts;
  }
}

async function authored(user: string): Promise<number> {
  const [row] =
    await sql`select count(*)::integer as count from public.chat_messages where user_id = ${user}`;
  return row!.count;
}

/** Writes many messages at once, as send_message leaves them. */
async function write(salon: Salon, user: string, count: number): Promise<void> {
  await sql`
    insert into public.chat_messages (salon_id, seq, user_id, client_id, content)
    select ${salon.id}, last_seq + number, ${user}, gen_random_uuid(), 'word ' || number
    from private.salon_streams, generate_series(1, ${count}) as number where salon_id = ${salon.id}`;
  await sql`
    update private.salon_streams set last_seq = last_seq + ${count}, message_count = message_count + ${count}
    where salon_id = ${salon.id}`;
}

describe("a user who is forgotten", () => {
  it("leaves messages of nobody where they are kept, without files and earlier texts", async () => {
    const { salon, left, user, id } = await busyUser();
    await sql`delete from auth.users where id = ${user}`;
    expect(await traces(user)).toEqual([]);
    const { messages } = await salon.after(salon.owner);
    expect(messages).toMatchObject([
      { id, user_id: null, full_name: null, content: "edited", attachments: [], is_deleted: false },
      { content: "others", reply_to: { id, user_id: null, full_name: null }, reactions: [] },
    ]);
    expect(await left.texts(left.owner)).toEqual(["pinned"]);
    expect(await community.call(salon.owner, "message_history", { p_message_id: id })).toMatchObject({
      edits: [],
    });
    expect((await salon.told()).map(({ event }) => event))
      .toEqual(expect.arrayContaining(["members_changed", "messages_changed"]));
  });

  it("leaves its id nowhere: not in who is answered or mentioned, nor in any other table", async () => {
    const { salon, left, user, id } = await busyUser();
    await left.say(left.owner, "about", { p_mentions: [user] });
    await left.say(left.owner, "answer", { p_reply_to_id: (await left.after(left.owner)).messages[0]!.id });
    const archived = await salon.say(salon.owner, "old", { p_reply_to_id: id, p_mentions: [user] });
    await salon.age("2 years", archived);
    await sql`select private.archive_messages()`;
    expect((await tablesWith(user)).length).toBeGreaterThan(5);
    await sql`delete from auth.users where id = ${user}`;
    // What is to be done yet: to look once more, and to remove files.
    expect(await tablesWith(user)).toEqual(["private.forgotten_authors", "private.removed_attachments"]);
    await sql`update private.forgotten_authors set forgotten_at = now() - interval '11 minutes', due_at = now()`;
    await cutOffAll();
    expect(await tablesWith(user)).toEqual(["private.removed_attachments"]);
    expect(await salon.texts(salon.owner)).toEqual(["edited", "others", "old"]);
  });

  it("is found in what was written to it while it was forgotten", async () => {
    const { salon, user, id } = await busyUser();
    await sql`delete from auth.users where id = ${user}`;
    // As a sender leaves it who had read the message before and commits now.
    const late = await salon.say(salon.owner, "late");
    await sql`
      update public.chat_messages set reply_to_id = ${id}, reply_to_user_id = ${user}, mentions = array[${user}::uuid]
      where id = ${late}`;
    await sql`update private.forgotten_authors set due_at = now()`;
    await cutOffAll();
    expect(await tablesWith(user)).toEqual(["private.forgotten_authors", "private.removed_attachments"]);
  });

  it("with many messages is hidden at once and cut off in parts, while its salon goes on", async () => {
    const salon = await community.salon({ members: 2 });
    const [user, reader] = salon.members as [string, string];
    await write(salon, user, 1_800);
    await salon.say(reader, "mine");
    const texts = async () => (await salon.before(reader, null, 200)).messages.map(({ content }) => content);
    const forgetting = await sql.reserve();
    try {
      await forgetting`begin`;
      await forgetting`select public.forget_user(${user})`;
      const [changed] = await forgetting`
        select count(*)::integer as count from public.chat_messages where salon_id = ${salon.id} and xmin = pg_current_xact_id()::xid`;
      expect(changed!.count).toBe(500);
      await forgetting`commit`;
    } finally {
      forgetting.release();
    }
    expect(await authored(user), "the job has the rest to do").toBe(1_300);
    const direct = await community.as(
      reader,
      (transaction) => transaction`select user_id from public.chat_messages where user_id = ${user}`,
    );
    expect([direct.length, (await texts()).length]).toEqual([0, 200]);
    const batches = await cutOffAll();
    expect([await authored(user), batches]).toEqual([0, expect.any(Number)]);
    expect(batches).toBeGreaterThan(2);
    const { messages } = await salon.before(reader, null, 200);
    expect(messages.slice(-2)).toMatchObject([{ user_id: null, content: "word 1800" }, { content: "mine" }]);
    const told = (await salon.told()).filter(({ event }) => event === "messages_changed");
    expect(told, "once, when all is done").toHaveLength(1);
  });

  it("with many messages leaves their places and right counts, where they are not kept", async () => {
    await sql`update private.message_settings set keep_forgotten = false`;
    const salon = await community.salon({ members: 1 });
    const [user] = salon.members as [string];
    await write(salon, user, 700);
    await salon.say(salon.owner, "mine");
    await sql`select public.forget_user(${user})`;
    expect(await salon.stream()).toEqual({ last_seq: 701, message_count: 201 });
    await cutOffAll();
    expect(await salon.stream()).toEqual({ last_seq: 701, message_count: 1 });
  });

  it("keeps what it writes when it comes back before all is cut off", async () => {
    const salon = await community.salon({ members: 1 });
    const [user] = salon.members as [string];
    await write(salon, user, 600);
    await sql`select public.forget_user(${user})`;
    await salon.join("member", user);
    await salon.say(user, "again");
    await cutOffAll();
    expect((await salon.before(salon.owner, null, 2)).messages)
      .toMatchObject([{ user_id: null }, { user_id: user, content: "again" }]);
  });

  it("leaves only places where they are not kept", async () => {
    const { salon, left, user } = await busyUser();
    await sql`update private.message_settings set keep_forgotten = false`;
    for (const _ of range(2)) await sql`select public.forget_user(${user})`;
    await sql`delete from auth.users where id = ${user}`;
    expect(await traces(user)).toEqual([]);
    const { messages } = await salon.after(salon.owner);
    expect(messages).toMatchObject([
      { user_id: null, content: "", is_deleted: true },
      { content: "others", is_deleted: false },
    ]);
    expect(await left.stream()).toEqual({ last_seq: 1, message_count: 0 });
    expect(await community.call(left.owner, "pinned_messages", { p_salon_id: left.id }))
      .toMatchObject({ messages: [] });
  });

  it("leaves messages that are not anybody's to edit, delete or read the history of (community 8)", async () => {
    const { salon, user, id } = await busyUser();
    const [member, stranger] = [await salon.join(), await community.user()];
    await sql`delete from auth.users where id = ${user}`;
    const outcomes = async (who: string) => {
      const args = { p_message_id: id };
      return [
        await community.call(who, "edit_message", { ...args, p_content: "mine now" }),
        await community.call(who, "delete_message", args),
        await community.call(who, "message_history", args),
      ].map(({ error }) => error);
    };
    expect(await outcomes(member)).toEqual(["forbidden", "forbidden", "forbidden"]);
    expect(await outcomes(stranger)).toEqual(["not_found", "not_found", "not_found"]);
    expect(await community.call(salon.owner, "delete_message", { p_message_id: id })).toMatchObject({
      success: true,
    });
  });

  it("writes nothing any more with a token that is still good", async () => {
    const { salon, user, id } = await busyUser();
    await sql`delete from auth.users where id = ${user}`;
    expect(await salon.send(user)).toMatchObject({ error: "not_found" });
    for (
      const [name, more] of [
        ["edit_message", { p_content: "x" }],
        ["delete_message", {}],
        ["toggle_message_reaction", { p_emoji: "👍" }],
      ] as const
    ) {
      expect(await community.call(user, name, { p_message_id: id, ...more })).toMatchObject({
        error: "not_found",
      });
    }
  });
});

describe("a user who asks for its data", () => {
  it("gets what it wrote last, how much there is, its reactions and how far it read", async () => {
    const { salon, left, user, id, path } = await busyUser();
    const [row] = await sql`select public.export_user_data(${user}) as data`;
    expect(row!.data.messages).toMatchObject({
      message_count: 2,
      newest_messages: [{ content: "pinned", salon_id: left.id }, { id, content: "edited" }],
      newest_attachments: [{ message_id: id, path, content_type: "image/png", size_bytes: 10 }],
      newest_reactions: [{ emoji: "👍" }],
      read: [{ salon_id: salon.id, last_read_seq: 1 }],
    });
  });

  it("reads all of it page by page, also of salons that it has left, and nothing of others", async () => {
    const { salon, left, user } = await busyUser();
    for (const index of range(5)) await salon.say(user, `more ${index}`);
    const contents: string[] = [];
    for (let after: string | null = null;;) {
      const page: OwnPage = await community.call(user, "my_messages", { p_after: after, p_limit: 3 });
      contents.push(...page.messages.map(({ content }) => content));
      after = page.next_after;
      if (after === null) break;
    }
    expect(contents.toSorted()).toEqual([
      "edited",
      "more 0",
      "more 1",
      "more 2",
      "more 3",
      "more 4",
      "pinned",
    ]);
    expect(await community.call(left.owner, "my_messages")).toMatchObject({ messages: [] });
  });
});

describe("verify_community", () => {
  const broken: Record<string, string> = {
    "messages are numbered from 1 without a gap, and counted":
      "update private.salon_streams set message_count = message_count - 1 where salon_id = $1",
    "a reply answers a message of its salon":
      "update public.chat_messages set reply_to_id = -1 where salon_id = $1",
    "a reaction is to a message that is there":
      "insert into public.message_reactions (message_id, salon_id, user_id, emoji) values (-1, $1, gen_random_uuid(), '👍')",
    "nothing is kept of a deleted message":
      "insert into public.message_pins (salon_id, message_id) values ($1, -1)",
    "nobody has read what is to come":
      "update private.message_reads set last_read_seq = 99 where salon_id = $1",
    "every member has read up to some message": "delete from private.message_reads where salon_id = $1",
    "a salon has a stream": "delete from private.salon_streams where salon_id = $1",
  };

  it.each(Object.entries(broken))(
    "finds that not: %s (community 21, platform 23)",
    async (invariant, statement) => {
      class Undo extends Error {}
      const salon = await community.salon();
      await salon.say(salon.owner);
      await expect(sql.begin(async (transaction) => {
        await transaction.unsafe(statement, [salon.id]);
        const found = await transaction`select invariant, subject from public.verify_community()`;
        expect(found.map((row) => ({ ...row }))).toContainEqual({ invariant, subject: salon.id });
        throw new Undo();
      })).rejects.toThrow(Undo);
    },
  );
});
