import { afterEach, describe, expect, it } from "vitest";
import type postgres from "postgres";

import { createDatabase, newId, range } from "../support.ts";
import {
  Community,
  type MessageOutcome,
  type Page,
  type Quotation,
  type Salon,
  upload,
} from "./message_support.ts";

const { sql } = await createDatabase();
const community = await Community.of(sql);
await sql`update private.message_settings set user_quota = 1000`;

afterEach(async () => {
  expect(await community.verify()).toEqual([]);
});

function idsOf(rows: Iterable<{ id?: unknown }>): number[] {
  return [...rows].map(({ id }) => Number(id)).toSorted((one, other) => one - other);
}

/** Writes many messages at once, as a seed does: numbers, texts and counts as send_message leaves them. */
async function fill(salon: Salon, user: string, count: number, text = "filler"): Promise<void> {
  await sql`
    insert into public.chat_messages (salon_id, seq, user_id, client_id, content)
    select ${salon.id}, last_seq + number, ${user}, gen_random_uuid(), ${text} || ' ' || number
    from private.salon_streams, generate_series(1, ${count}) as number where salon_id = ${salon.id}`;
  await sql`
    update private.salon_streams set last_seq = last_seq + ${count}, message_count = message_count + ${count}
    where salon_id = ${salon.id}`;
}

/** How many rows of messages a call reads, in the table and its indexes. */
async function looksAt(user: string, name = "unread_counts", args = {}): Promise<number> {
  const read = async (transaction: postgres.TransactionSql) => {
    const [row] = await transaction`
      select coalesce(sum(pg_stat_get_xact_tuples_returned(indexrelid)), 0)::integer as count
      from pg_index where indrelid = 'public.chat_messages'::regclass`;
    return row!.count as number;
  };
  return await community.as(user, async (transaction) => {
    const before = await read(transaction);
    const given = Object.entries(args).map(([key, value]) => `${key} => '${value}'`).join(", ");
    await transaction.unsafe(`select * from public.${name}(${given})`);
    return await read(transaction) - before;
  });
}

describe("pages of messages", () => {
  it("meet at their numbers, forwards and backwards, also where times tie (community 22, platform 24)", async () => {
    const salon = await community.salon();
    await fill(salon, salon.owner, 95);
    await sql`update public.chat_messages set created_at = '2026-01-01Z' where salon_id = ${salon.id}`;
    const forwards: number[] = [];
    for (let after = 0, last = 1; after < last;) {
      const page = await salon.after(salon.owner, after, 10);
      forwards.push(...page.messages.map(({ seq }) => seq));
      [after, last] = [page.up_to_seq, page.last_seq];
    }
    const backwards: number[] = [];
    for (let before: number | null = null;;) {
      const page = await salon.before(salon.owner, before, 10);
      backwards.unshift(...page.messages.map(({ seq }) => seq));
      before = page.next_before;
      if (before === null) break;
    }
    const all = range(95).map((index) => index + 1);
    expect(forwards).toEqual(all);
    expect(backwards).toEqual(all);
  });

  it("are for members alone, and say nothing to others of what there is (community 6)", async () => {
    const salon = await community.salon({ members: 1 });
    const id = await salon.say(salon.owner, "inside");
    const [former] = salon.members as [string];
    expect(await salon.texts(former)).toEqual(["inside"]);
    await community.call(salon.owner, "kick_salon_member", { p_salon_id: salon.id, p_member_id: former });
    for (const user of [former, await community.user()]) {
      for (const page of [await salon.after(user), await salon.before(user)]) {
        expect(page).toEqual({
          success: false,
          error: "not_found",
          message: "There is no such salon among yours",
        });
      }
      expect(await community.call(user, "get_reply_message_info", { p_message_id: id })).toBeNull();
      expect(await community.rows(user, "unread_counts")).toEqual([]);
      const rows = await community.as(
        user,
        (transaction) => transaction`select id from public.chat_messages`,
      );
      expect(rows).toHaveLength(0);
    }
  });

  it("keep the place of what was deleted, and show a reply what is left of it", async () => {
    const salon = await community.salon();
    const id = await salon.say(salon.owner, "x".repeat(500));
    await salon.say(salon.owner, "answer", { p_reply_to_id: id });
    const quoted = async () => (await salon.after(salon.owner)).messages[1]!.reply_to;
    expect(await quoted()).toMatchObject({
      id,
      full_name: "Owner",
      content: "x".repeat(200),
      is_deleted: false,
    });
    await community.call(salon.owner, "delete_message", { p_message_id: id });
    expect(await quoted()).toMatchObject({ id, content: "", is_deleted: true });
  });

  it("show one's own id of a message to its author alone", async () => {
    const salon = await community.salon({ members: 1 });
    await salon.say(salon.owner);
    expect((await salon.after(salon.owner)).messages[0]!.client_id).toEqual(expect.any(String));
    expect((await salon.after(salon.members[0]!)).messages[0]!.client_id).toBeNull();
  });
});

describe("the view chat_messages_with_profiles", () => {
  it("reads with its reader's rights, as every view does (community 11, platform 11)", async () => {
    const salon = await community.salon({ members: 1 });
    await salon.say(salon.owner, "inside");
    const read = (user: string) =>
      community.as(user, (transaction) =>
        transaction`
        select content, full_name from public.chat_messages_with_profiles where salon_id = ${salon.id}`);
    expect([...await read(salon.members[0]!)]).toMatchObject([{ content: "inside", full_name: "Owner" }]);
    expect(await read(await community.user())).toHaveLength(0);
    const views = await sql`
      select relname from pg_class
      where relkind = 'v' and relnamespace = 'public'::regnamespace
        and 'security_invoker=true' <> all(coalesce(reloptions, '{}'))`;
    expect([...views]).toEqual([]);
  });
});

describe("a block", () => {
  it("takes an author's messages out of who blocks, in pages, view, search, pins and counts", async () => {
    const salon = await community.salon({ members: 2 });
    const [reader, author] = salon.members as [string, string];
    const id = await salon.say(author, "noise");
    await salon.say(salon.owner, "answer", { p_reply_to_id: id });
    await community.call(salon.owner, "pin_message", { p_message_id: id });
    await community.call(reader, "block_user", { p_user_id: author });
    expect(await salon.texts(reader)).toEqual(["answer"]);
    const page = await salon.after(reader);
    expect(page).toMatchObject({ last_seq: 2, up_to_seq: 2 });
    expect(page.messages[0]!.reply_to).toMatchObject({ id, is_hidden: true, content: null, full_name: null });
    const view = await community.as(reader, (transaction) =>
      transaction`
      select content from public.chat_messages_with_profiles`);
    expect(view.map(({ content }) => content)).toEqual(["answer"]);
    expect((await community.call<Page>(reader, "search_messages", { p_query: "noise" })).messages).toEqual(
      [],
    );
    expect((await community.call<Page>(reader, "pinned_messages", { p_salon_id: salon.id })).messages)
      .toEqual(
        [],
      );
    expect(await community.rows(reader, "unread_counts")).toMatchObject([{ unread: 1 }]);
    await community.call(reader, "unblock_user", { p_user_id: author });
    expect(await salon.texts(reader)).toEqual(["noise", "answer"]);
  });

  it("keeps replies and reactions of each from the other, and both are not told", async () => {
    const salon = await community.salon({ members: 2 });
    const [blocker, blocked] = salon.members as [string, string];
    const [one, two] = [await salon.say(blocker, "mine"), await salon.say(blocked, "yours")];
    await community.call(blocker, "block_user", { p_user_id: blocked });
    const told = async (user: string) =>
      (await salon.told(`user:${user}`)).filter(({ event }) => event !== "salon_joined");
    expect(await salon.send(blocked, "reply", { p_reply_to_id: one })).toMatchObject({ success: true });
    expect(await salon.send(blocker, "reply back", { p_reply_to_id: two, p_mentions: [blocked] }))
      .toMatchObject({ success: true });
    for (const [user, id] of [[blocked, one], [blocker, two]] as const) {
      expect(await community.call(user, "toggle_message_reaction", { p_message_id: id, p_emoji: "👍" }))
        .toMatchObject({ success: true });
    }
    expect([await told(blocker), await told(blocked)]).toEqual([[], []]);
    expect(await salon.texts(blocker)).toEqual(["mine", "reply back"]);
    expect(await salon.texts(blocked)).toEqual(["mine", "yours", "reply"]);
    expect(await salon.texts(salon.owner)).toEqual(["mine", "yours", "reply", "reply back"]);
    const reactions = (user: string, id: number) =>
      community.rows<{ count: string }>(user, "get_message_reactions_summary", { p_message_id: id });
    expect([await reactions(blocker, one), await reactions(blocked, two)]).toEqual([[], []]);
    expect(await reactions(salon.owner, one)).toMatchObject([{ count: "1" }]);
  });

  it("keeps a reply to whom it concerns out of what that one counts, finds, has pinned and quoted", async () => {
    const salon = await community.salon({ members: 2 });
    const [author, replier] = salon.members as [string, string];
    const asked = await salon.say(author, "question");
    await community.call(replier, "block_user", { p_user_id: author });
    const reply = await salon.say(replier, "pineapple", { p_reply_to_id: asked });
    await salon.say(salon.owner, "really?", { p_reply_to_id: reply });
    await community.call(salon.owner, "pin_message", { p_message_id: reply });

    const found = await community.call<Page>(author, "search_messages", { p_query: "pineapple" });
    const pinned = await community.call<Page>(author, "pinned_messages", { p_salon_id: salon.id });
    expect([found.messages, pinned.messages]).toEqual([[], []]);
    const [counted] = await community.rows<{ unread: number }>(author, "unread_counts");
    const { unread } = await community.call(author, "mark_read", { p_salon_id: salon.id, p_seq: 0 });
    expect([counted!.unread, unread]).toEqual([1, 1]);
    const last = (await salon.after(author)).messages.at(-1)!;
    expect(last.reply_to).toMatchObject({ id: reply, is_hidden: true, user_id: null, content: null });
    expect(await community.call(author, "get_reply_message_info", { p_message_id: reply })).toMatchObject({
      is_hidden: true,
      content: null,
    });

    const others = await community.call<Page>(salon.owner, "search_messages", { p_query: "pineapple" });
    expect(others.messages.map(({ id }) => id), "others see it").toEqual([reply]);
  });

  it("keeps the same from a reader in every way of reading, and nothing else", async () => {
    const salon = await community.salon({ members: 3 });
    const people = [salon.owner, ...salon.members];
    const [ann, ben, cem] = salon.members as [string, string, string];
    // Everybody writes one, and answers everybody; each has a file, and is pinned.
    const said: number[] = [];
    const say = async (user: string, replyTo?: number) => {
      const path = await upload(sql, `${user}/${salon.id}/${newId()}`);
      const id = await salon.say(user, "pineapple", { p_reply_to_id: replyTo, p_attachments: [path] });
      await community.call(salon.owner, "pin_message", { p_message_id: id });
      said.push(id);
      return id;
    };
    const first = await Promise.all(people.map((user) => say(user)));
    for (const user of people) {
      for (const id of first) await say(user, id);
    }
    await community.call(ann, "block_user", { p_user_id: ben });
    await community.call(cem, "block_user", { p_user_id: ann });

    for (const reader of people) {
      const [rows, view, attachments] = await community.as(reader, async (transaction) => [
        await transaction`select id from public.chat_messages where salon_id = ${salon.id}`,
        await transaction`select id from public.chat_messages_with_profiles where salon_id = ${salon.id}`,
        await transaction`select message_id as id from public.message_attachments where salon_id = ${salon.id}`,
      ]);
      const allowed = idsOf(rows!);
      expect(allowed.length < said.length, "a block keeps something from all but the owner").toBe(
        reader !== salon.owner,
      );
      const page = (name: string, args: Record<string, unknown>) =>
        community.call<Page>(reader, name, args).then(({ messages }) => messages);
      const after = await page("messages_after", { p_salon_id: salon.id, p_after: 0, p_limit: 200 });
      const ways = {
        view: idsOf(view!),
        attachments: idsOf(attachments!),
        after: idsOf(after),
        before: idsOf(await page("messages_before", { p_salon_id: salon.id, p_limit: 200 })),
        found: idsOf(await page("search_messages", { p_query: "pineapple", p_limit: 100 })),
        pinned: idsOf(await page("pinned_messages", { p_salon_id: salon.id })),
      };
      expect(ways).toEqual(Object.fromEntries(Object.keys(ways).map((way) => [way, allowed])));
      for (const { reply_to: quoted } of after) {
        if (quoted) expect([quoted.id, quoted.is_hidden]).toEqual([quoted.id, !allowed.includes(quoted.id)]);
      }
      for (const id of said) {
        const info = await community.call<Quotation>(reader, "get_reply_message_info", { p_message_id: id });
        expect([id, info.is_hidden, info.content === null]).toEqual([
          id,
          !allowed.includes(id),
          !allowed.includes(id),
        ]);
      }
      await sql`update private.message_reads set last_read_seq = 0 where user_id = ${reader}`;
      const unread = allowed.filter((id) =>
        !after.some((one) => one.id === id && one.user_id === reader)
      ).length;
      expect(await community.rows(reader, "unread_counts")).toMatchObject([{ unread }]);
      expect(await community.call(reader, "mark_read", { p_salon_id: salon.id, p_seq: 0 }))
        .toMatchObject({ unread });
    }
  });

  it("by a member does not blind the owner, who is to see what that one writes", async () => {
    const salon = await community.salon({ members: 1 });
    await community.call(salon.members[0]!, "block_user", { p_user_id: salon.owner });
    await salon.say(salon.members[0]!, "abuse");
    expect(await salon.texts(salon.owner)).toEqual(["abuse"]);
  });
});

describe("what is unread", () => {
  it("is what came since, but neither one's own nor what was deleted (community 23)", async () => {
    const salon = await community.salon({ members: 1 });
    const [reader] = salon.members as [string];
    const ids = [];
    for (const user of [salon.owner, reader, salon.owner, salon.owner]) ids.push(await salon.say(user));
    await community.call(salon.owner, "delete_message", { p_message_id: ids[2] });
    const unread = async () => (await community.rows<{ unread: number }>(reader, "unread_counts"))[0]!.unread;
    expect(await unread()).toBe(2);
    const read = (p_seq: number | null) =>
      community.call<MessageOutcome>(reader, "mark_read", { p_salon_id: salon.id, p_seq });
    expect(await read(1)).toMatchObject({ success: true, last_read_seq: 1, unread: 1 });
    expect(await read(0)).toMatchObject({ last_read_seq: 1 });
    expect(await read(99)).toMatchObject({ last_read_seq: 4, unread: 0 });
    expect(await read(null)).toMatchObject({ error: "invalid_request" });
    expect(await unread()).toBe(0);
  });

  it("begins where the member came, is capped at 100, and lists the newest salon first", async () => {
    const [one, two] = [await community.salon(), await community.salon()];
    await fill(one, one.owner, 150);
    const reader = await one.join();
    await two.join("member", reader);
    expect(await community.rows(reader, "unread_counts")).toMatchObject([{ unread: 0 }, { unread: 0 }]);
    await fill(one, one.owner, 150);
    await two.say(two.owner);
    expect(await community.rows(reader, "unread_counts")).toMatchObject([
      { salon_id: two.id, unread: 1 },
      { salon_id: one.id, unread: 100 },
    ]);
  });

  it("is counted with a bounded effort, whatever was deleted, is one's own or of whom one has blocked", async () => {
    const salon = await community.salon({ members: 3 });
    const [reader, blocked, loud] = salon.members as [string, string, string];
    await community.call(reader, "block_user", { p_user_id: blocked });
    await fill(salon, loud, 4_000);
    await sql`
      update public.chat_messages set is_deleted = true, deleted_at = now(), content = '' where salon_id = ${salon.id}`;
    await sql`update private.salon_streams set message_count = 0 where salon_id = ${salon.id}`;
    await salon.say(loud, "last");
    await sql`vacuum analyze public.chat_messages`;
    expect(await community.rows(reader, "unread_counts"), "deleted ones hide none").toMatchObject([{
      unread: 1,
    }]);
    expect(await looksAt(reader)).toBeLessThan(500);
    await fill(salon, reader, 4_000);
    await fill(salon, blocked, 4_000);
    await sql`vacuum analyze public.chat_messages`;
    expect(await community.rows(reader, "unread_counts")).toMatchObject([{ unread: 1 }]);
    expect(await looksAt(reader)).toBeLessThan(2_500);
    expect(await looksAt(reader, "mark_read", { p_salon_id: salon.id, p_seq: 0 })).toBeLessThan(2_500);
  });

  it("does not grow by what one writes oneself, once one has read all before", async () => {
    const salon = await community.salon({ members: 1 });
    const [reader] = salon.members as [string];
    const lastRead = async () =>
      (await community.rows<{ last_read_seq: string }>(reader, "unread_counts"))[0]!.last_read_seq;
    for (const _ of range(2)) await salon.say(reader);
    expect(await lastRead()).toBe("2");
    await salon.say(salon.owner);
    await salon.say(reader);
    expect(await lastRead()).toBe("2");
  });

  it("is nobody else's to see or to change", async () => {
    const salon = await community.salon({ members: 1 });
    await expect(
      community.as(salon.owner, (transaction) => transaction`select * from private.message_reads`),
    ).rejects.toMatchObject({ code: "42501" });
    expect(
      await community.call(await community.user(), "mark_read", { p_salon_id: salon.id, p_seq: 1 }),
    ).toMatchObject({ error: "not_found" });
  });
});

describe("a search", () => {
  const search = async (user: string, query: string | null, more = {}) => {
    const page = await community.call<Page>(user, "search_messages", { p_query: query, ...more });
    return page.messages?.map(({ content }) => content) ?? page.error;
  };

  it("finds words as they are, and French and English ones in other forms", async () => {
    const salon = await community.salon();
    for (const text of ["The cats were running", "Les chevaux mangeaient", "Kubernetes 1.31", "nothing"]) {
      await salon.say(salon.owner, text);
    }
    expect(await search(salon.owner, "cat run")).toEqual(["The cats were running"]);
    expect(await search(salon.owner, "cheval manger")).toEqual(["Les chevaux mangeaient"]);
    expect(await search(salon.owner, "kubernetes")).toEqual(["Kubernetes 1.31"]);
    expect(await search(salon.owner, "kubernetes or cats")).toEqual([
      "Kubernetes 1.31",
      "The cats were running",
    ]);
    expect(await search(salon.owner, '"were running"')).toEqual(["The cats were running"]);
    expect(await search(salon.owner, "cats -running")).toEqual([]);
    expect(await search(salon.owner, '"running cats"')).toEqual([]);
    expect(await search(salon.owner, '"were running" -kubernetes')).toEqual(["The cats were running"]);
  });

  it("asks for a word that must be there: without one it would read all that was ever said", async () => {
    const salon = await community.salon();
    await salon.say(salon.owner, "The cats were running");
    for (const query of [null, "  ", "' | ! & <-> :*", "-dogs", "cats or -dogs", '-"big dogs" -birds']) {
      expect(await search(salon.owner, query), String(query)).toBe("invalid_request");
    }
    // An English query without the word that is too common to be kept would be the negation alone.
    expect(await search(salon.owner, "the -cats")).toEqual([]);
    expect(await search(salon.owner, "the -dogs")).toEqual(["The cats were running"]);
  });

  it("reads a bounded part of what matches, and says where to go on", async () => {
    const salon = await community.salon({ members: 2 });
    const [reader, author] = salon.members as [string, string];
    await salon.say(reader, "sun moon");
    await fill(salon, author, 20_500, "moon sun");
    await community.call(reader, "block_user", { p_user_id: author });
    const pages = async (query: string) => {
      const found: string[][] = [];
      for (let before: number | null = null;;) {
        const page: Page = await community.call(reader, "search_messages", {
          p_query: query,
          p_before: before,
        });
        found.push(page.messages.map(({ content }) => content));
        before = page.next_before;
        if (before === null || found.length === 10) return found;
      }
    };
    // What comes now is in another window.
    await sql`
      select setval(pg_get_serial_sequence('public.chat_messages', 'id'), ((max(id) >> 16) + 1) << 16)
      from public.chat_messages`;
    await fill(salon, author, 20_500, "moon sun");
    // What a block keeps from the reader counts as read: the newest window, then the one before.
    expect(await pages("moon")).toEqual([[], ["sun moon"]]);
    await community.call(reader, "unblock_user", { p_user_id: author });
    // Of texts with both words 200 are parsed for the phrase.
    const phrase = await pages('"sun moon"');
    expect(phrase).toHaveLength(10);
    expect(phrase.flat()).toEqual([]);
    const first = await community.call<Page>(reader, "search_messages", { p_query: '"moon sun"' });
    expect(first.messages).toHaveLength(20);
  });

  it("stays in one's salons, whatever a text or a query says of others", async () => {
    const [salon, other] = [await community.salon(), await community.salon()];
    await other.say(other.owner, "treasure");
    // Neither the word of the other's place in the index, nor one that is written like it.
    const place = `${other.id.replaceAll("-", "")}/0`;
    const [{ lexemes }] = await sql<[{ lexemes: string[] }]>`
      select tsvector_to_array(private.message_vector(${salon.id}, 1, ${`salon${place} \u0001${place} '\u0001${place}'`})) as lexemes`;
    expect(lexemes.filter((lexeme) => lexeme.startsWith("\u0001"))).toEqual([
      `\u0001${salon.id.replaceAll("-", "")}/0`,
    ]);
    await salon.say(salon.owner, `treasure salon${other.id.replaceAll("-", "")}`);
    expect(await search(other.owner, "treasure")).toEqual(["treasure"]);
    expect(await search(salon.owner, `treasure or salon${other.id.replaceAll("-", "")}`)).toHaveLength(1);
    expect(await search(salon.owner, "treasure", { p_salon_id: other.id })).toBe("not_found");
    expect(await search(await community.user(), "treasure")).toEqual([]);
  });

  it("does not find what was deleted or what an edited message said before", async () => {
    const salon = await community.salon();
    const [one, two] = [await salon.say(salon.owner, "apple"), await salon.say(salon.owner, "banana")];
    await community.call(salon.owner, "delete_message", { p_message_id: one });
    await community.call(salon.owner, "edit_message", { p_message_id: two, p_content: "cherry" });
    for (const word of ["apple", "banana"]) expect(await search(salon.owner, word)).toEqual([]);
    expect(await search(salon.owner, "cherry")).toEqual(["cherry"]);
  });

  it("gives pages, the newest first", async () => {
    const salon = await community.salon();
    await fill(salon, salon.owner, 7, "pear");
    const found: string[] = [];
    for (let before: number | null = null;;) {
      const page: Page = await community.call(salon.owner, "search_messages", {
        p_query: "pear",
        p_before: before,
        p_limit: 3,
      });
      found.push(...page.messages.map(({ content }) => content));
      before = page.next_before;
      if (before === null) break;
    }
    expect(found).toEqual(range(7).map((index) => `pear ${7 - index}`));
  });
});

/** Where a plan calls a function of schema private for each row: neither as an InitPlan nor once. */
async function callsPerRow(transaction: postgres.TransactionSql, query: string): Promise<string[]> {
  const [row] = await transaction.unsafe(`explain (verbose, format json) ${query}`);
  const found: string[] = [];
  const visit = (node: Record<string, unknown>) => {
    if (node["Parent Relationship"] !== "InitPlan") {
      for (
        const key of ["Filter", "Index Cond", "Recheck Cond", "Join Filter", "Hash Cond", "One-Time Filter"]
      ) {
        const condition = String(node[key] ?? "");
        if (/\b(private|auth)\.\w+\(/.test(condition)) found.push(condition);
      }
    }
    for (const child of (node["Plans"] ?? []) as Record<string, unknown>[]) visit(child);
  };
  visit(row!["QUERY PLAN"][0].Plan);
  return found;
}

describe("plans of lists", () => {
  it.each([
    "public.chat_messages",
    "public.chat_messages_with_profiles",
    "public.message_reactions",
    "public.message_attachments",
    "public.message_pins",
    "public.salon_members",
    "public.salons",
    "public.my_salons",
  ])("of %s ask each function once, and not for each row (platform 14)", async (relation) => {
    const user = await community.user();
    const found = await community.as(
      user,
      (transaction) => callsPerRow(transaction, `select count(*) from ${relation}`),
    );
    expect(found).toEqual([]);
  });

  it("would show a policy that asks for each row", async () => {
    class Undo extends Error {}
    const user = await community.user();
    await expect(sql.begin(async (transaction) => {
      await transaction.unsafe(`
        create policy "asks for each row" on public.message_pins as restrictive for select to authenticated
          using (private.is_salon_member(salon_id))`);
      await transaction`select set_config('request.jwt.claims', ${JSON.stringify({ sub: user })}, true)`;
      await transaction.unsafe("set local role authenticated");
      expect(await callsPerRow(transaction, "select count(*) from public.message_pins")).toHaveLength(1);
      throw new Undo();
    })).rejects.toThrow(Undo);
  });

  it("of a page read the index of numbers and no more rows than the page has", async () => {
    const salon = await community.salon();
    await fill(salon, salon.owner, 2_000);
    await sql`analyze public.chat_messages`;
    const plan = await community.as(salon.owner, async (transaction) => {
      const [row] = await transaction.unsafe(`
        explain (analyze, format json) select * from public.chat_messages
        where salon_id = '${salon.id}' and seq < 1000 order by seq desc limit 50`);
      return JSON.stringify(row!["QUERY PLAN"]);
    });
    expect(plan).toContain("chat_messages_seq_key");
    expect(plan).not.toContain("Seq Scan");
  });
});
