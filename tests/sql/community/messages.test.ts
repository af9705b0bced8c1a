import { afterEach, describe, expect, it } from "vitest";

import { createDatabase, newId, range } from "../support.ts";
import { Community, type MessageOutcome, upload } from "./message_support.ts";

const { sql } = await createDatabase();
const community = await Community.of(sql);

// What the tests about other things send at once must not meet the limits.
await sql`update private.message_settings set user_quota = 1000`;

afterEach(async () => {
  expect(await community.verify()).toEqual([]);
});

const DONE = { success: true, error: null };

describe("send_message", () => {
  it("numbers the messages of a salon from 1, whoever sends them (community 22, platform 24)", async () => {
    const salon = await community.salon({ members: 2 });
    const outcomes = [];
    for (const user of [salon.owner, salon.members[0]!, salon.members[1]!, salon.owner]) {
      outcomes.push(await salon.send(user));
    }
    expect(outcomes.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect(await salon.stream()).toEqual({ last_seq: 4, message_count: 4 });
    const other = await community.salon();
    expect(await other.send(other.owner)).toMatchObject({ ...DONE, duplicate: false, seq: 1 });
  });

  it("gives a retry the first outcome, also after an edit and a deletion", async () => {
    const salon = await community.salon();
    const args = salon.sending("once");
    const send = (more = {}) =>
      community.call<MessageOutcome>(salon.owner, "send_message", { ...args, ...more });
    const first = await send();
    expect(await send()).toEqual({ ...first, duplicate: true });
    await community.call(salon.owner, "edit_message", { p_message_id: first.id, p_content: "twice" });
    expect(await send()).toEqual({ ...first, duplicate: true });
    expect(await send({ p_content: "twice" })).toMatchObject({ error: "idempotency_key_reused" });
    await community.call(salon.owner, "delete_message", { p_message_id: first.id });
    expect(await send()).toEqual({ ...first, duplicate: true });
    expect(await salon.stream()).toEqual({ last_seq: 1, message_count: 0 });
  });

  it("takes a client's id for one salon and one text, and for each user apart", async () => {
    const [one, two] = [await community.salon({ members: 1 }), await community.salon()];
    await two.join("member", one.owner);
    const args = one.sending("text");
    expect(await community.call(one.owner, "send_message", args)).toMatchObject(DONE);
    expect(await community.call(one.owner, "send_message", { ...args, p_salon_id: two.id }))
      .toMatchObject({ error: "idempotency_key_reused" });
    expect(await community.call(one.members[0]!, "send_message", args)).toMatchObject({
      ...DONE,
      duplicate: false,
    });
  });

  it("is for members: of a salon of others there is nothing to know (community 6, platform 5)", async () => {
    const salon = await community.salon({ visibility: "public" });
    const stranger = await community.user();
    const refusal = await salon.send(stranger);
    expect(refusal).toMatchObject({ success: false, error: "not_found" });
    const ofNone = await community.call(
      stranger,
      "send_message",
      salon.sending("x", { p_salon_id: newId() }),
    );
    expect(ofNone).toEqual(refusal);
  });

  it("is refused once a member has left or was banned, and while it is muted, which it is told", async () => {
    const salon = await community.salon({ members: 3 });
    const [left, banned, muted] = salon.members as [string, string, string];
    await community.call(left, "leave_salon", { p_salon_id: salon.id });
    await community.call(salon.owner, "ban_from_salon", { p_salon_id: salon.id, p_member_id: banned });
    await community.call(salon.owner, "mute_salon_member", {
      p_salon_id: salon.id,
      p_member_id: muted,
      p_duration_s: 600,
    });
    expect(await salon.send(left)).toMatchObject({ error: "not_found" });
    expect(await salon.send(banned)).toMatchObject({ error: "not_found" });
    expect(await salon.send(muted)).toMatchObject({ error: "muted", muted_until: expect.any(String) });
    await sql`
      update public.salon_members set muted_until = now() - interval '1 second' where user_id = ${muted}`;
    expect(await salon.send(muted)).toMatchObject(DONE);
  });

  it("is refused in an archived salon, and in one that was deleted", async () => {
    const [archived, deleted] = [await community.salon(), await community.salon({ members: 1 })];
    await community.call(archived.owner, "archive_salon", { p_salon_id: archived.id });
    await community.call(deleted.owner, "delete_salon", { p_salon_id: deleted.id });
    expect(await archived.send(archived.owner)).toMatchObject({ error: "salon_archived" });
    expect(await deleted.send(deleted.owner)).toMatchObject({ error: "not_found" });
    expect(await deleted.send(deleted.members[0]!)).toMatchObject({ error: "not_found" });
  });

  it("takes 1 to 4,000 characters, trimmed, and no other argument than it expects", async () => {
    const salon = await community.salon();
    expect(await salon.send(salon.owner, "  a \n")).toMatchObject(DONE);
    expect(await salon.send(salon.owner, "é".repeat(4000))).toMatchObject(DONE);
    for (const content of ["", " \n\t ", "\u200b", "é".repeat(4001), " ".repeat(20_000) + "x"]) {
      expect(await salon.send(salon.owner, content)).toMatchObject({ error: "invalid_request" });
    }
    expect(await salon.send(salon.owner, "x", { p_client_id: null })).toMatchObject({
      error: "invalid_request",
    });
    expect(await salon.send(salon.owner, "x", { p_mentions: range(21).map(newId) }))
      .toMatchObject({ error: "invalid_request" });
    expect((await salon.texts(salon.owner))[0]).toBe("a");
  });

  it("refuses a word that the salon does not take, and says which", async () => {
    const salon = await community.salon();
    await community.call(salon.owner, "add_salon_word", { p_salon_id: salon.id, p_word: "Spam" });
    expect(await salon.send(salon.owner, "some SPAM!")).toMatchObject({
      error: "word_refused",
      word: "spam",
    });
    const id = await salon.say(salon.owner, "spammer");
    expect(await community.call(salon.owner, "edit_message", { p_message_id: id, p_content: "spam" }))
      .toMatchObject({ error: "word_refused", word: "spam" });
  });

  it("answers a message of the same salon that is there (community 6, platform 6)", async () => {
    const [salon, other] = [await community.salon(), await community.salon()];
    await other.join("member", salon.owner);
    const [id, foreign, deleted] = [
      await salon.say(salon.owner, "question"),
      await other.say(other.owner),
      await salon.say(salon.owner),
    ];
    await community.call(salon.owner, "delete_message", { p_message_id: deleted });
    expect(await salon.send(salon.owner, "answer", { p_reply_to_id: id })).toMatchObject(DONE);
    for (const p_reply_to_id of [foreign, deleted, 0]) {
      expect(await salon.send(salon.owner, "answer", { p_reply_to_id })).toMatchObject({
        error: "not_found",
      });
    }
    const { messages } = await salon.after(salon.owner);
    expect(messages.at(-1)).toMatchObject({ content: "answer", reply_to: { id, content: "question" } });
  });

  it("mentions members, and leaves out who is none", async () => {
    const salon = await community.salon({ members: 1 });
    const stranger = await community.user();
    await salon.say(salon.owner, "you two", { p_mentions: [salon.members[0], stranger] });
    expect((await salon.after(salon.owner)).messages[0]!.mentions).toEqual(salon.members);
    const event = { event: "mention", payload: { salon_id: salon.id, seq: 1 } };
    expect(await salon.told(`user:${salon.members[0]}`)).toMatchObject([{ event: "salon_joined" }, event]);
    expect(await salon.told(`user:${stranger}`)).toEqual([]);
  });

  it("tells the room a number and an id, and nothing that was said (platform 18)", async () => {
    const salon = await community.salon();
    const id = await salon.say(salon.owner, "a secret");
    const told = await salon.told();
    expect(told.at(-1)).toEqual({ topic: `salon:${salon.id}`, event: "message", payload: { id, seq: 1 } });
    expect(JSON.stringify(told)).not.toContain("secret");
  });
});

describe("the limits of sending", () => {
  it("are so many messages a user, in all its salons", async () => {
    const { sql } = await createDatabase();
    const community = await Community.of(sql);
    const [one, two] = [await community.salon(), await community.salon({ members: 1 })];
    await two.join("member", one.owner);
    const outcomes = [];
    for (const index of range(32)) outcomes.push(await (index % 2 ? one : two).send(one.owner));
    expect(outcomes.filter(({ success }) => success).length).toBeGreaterThanOrEqual(30);
    const refused = outcomes.at(-1)!;
    expect(refused).toMatchObject({ error: "rate_limited", retry_after_s: expect.any(Number) });
    expect(await two.send(two.members[0]!)).toMatchObject(DONE);
  });

  it("are so many messages a salon, whoever sends them", async () => {
    const { sql } = await createDatabase();
    const community = await Community.of(sql);
    await sql`update private.message_settings set salon_quota = 3, salon_window_s = 600`;
    const salon = await community.salon({ members: 3 });
    for (const user of salon.members) expect(await salon.send(user)).toMatchObject(DONE);
    expect(await salon.send(salon.owner)).toMatchObject({ error: "rate_limited" });
    const other = await community.salon();
    expect(await other.send(other.owner)).toMatchObject(DONE);
    expect(await salon.stream()).toEqual({ last_seq: 3, message_count: 3 });
  });

  it("are a pause in slow mode, for members alone and for each apart", async () => {
    const salon = await community.salon({ members: 2 });
    const moderator = await salon.join("moderator");
    await community.call(salon.owner, "set_slow_mode", { p_salon_id: salon.id, p_seconds: 60 });
    const [one, two] = salon.members as [string, string];
    expect(await salon.send(one)).toMatchObject(DONE);
    expect(await salon.send(one)).toMatchObject({ error: "slow_mode", retry_after_s: expect.any(Number) });
    expect(await salon.send(two)).toMatchObject(DONE);
    for (const user of [salon.owner, salon.owner, moderator, moderator]) {
      expect(await salon.send(user)).toMatchObject(DONE);
    }
  });
});

describe("edit_message", () => {
  it("changes the text and keeps what it was, for its author and moderators to read", async () => {
    const salon = await community.salon({ members: 2 });
    const [author, other] = salon.members as [string, string];
    const id = await salon.say(author, "one");
    for (const text of ["two", "two", " three "]) {
      expect(await community.call(author, "edit_message", { p_message_id: id, p_content: text }))
        .toMatchObject(DONE);
    }
    expect((await salon.after(other)).messages[0]).toMatchObject({
      content: "three",
      edited_at: expect.any(String),
    });
    const history = (user: string) => community.call<unknown>(user, "message_history", { p_message_id: id });
    for (const user of [author, salon.owner]) {
      expect(await history(user)).toMatchObject({ edits: [{ content: "one" }, { content: "two" }] });
    }
    expect(await history(other)).toMatchObject({ error: "forbidden" });
    expect(await history(await community.user())).toMatchObject({ error: "not_found" });
  });

  it("is its author's alone, within 15 minutes (community 7, platform 5)", async () => {
    const salon = await community.salon({ members: 2 });
    const [author, other] = salon.members as [string, string];
    const id = await salon.say(author, "mine");
    const edit = (user: string) =>
      community.call(user, "edit_message", { p_message_id: id, p_content: "yours" });
    expect(await edit(other)).toMatchObject({ error: "forbidden" });
    expect(await edit(salon.owner)).toMatchObject({ error: "forbidden" });
    expect(await edit(await community.user())).toMatchObject({ error: "not_found" });
    await salon.age("16 minutes", id);
    expect(await edit(author)).toMatchObject({ error: "edit_window_over" });
    expect(await salon.texts(author)).toEqual(["mine"]);
  });

  it("ends at so many edits of a message", async () => {
    const salon = await community.salon();
    const id = await salon.say(salon.owner, "0");
    const { sql } = community;
    await sql`
      insert into private.message_edits (message_id, number, salon_id, content, replaced_at)
      select ${id}, number, ${salon.id}, number, now() from generate_series(1, 20) as number`;
    expect(await community.call(salon.owner, "edit_message", { p_message_id: id, p_content: "21" }))
      .toMatchObject({ error: "limit_reached" });
  });
});

describe("delete_message", () => {
  it("keeps the place, and takes text, earlier texts, reactions, pin and files with it (platform 17)", async () => {
    const salon = await community.salon({ members: 1 });
    const path = await upload(sql, `${salon.owner}/${salon.id}/${newId()}`);
    const id = await salon.say(salon.owner, "gone", { p_attachments: [path] });
    await community.call(salon.owner, "edit_message", { p_message_id: id, p_content: "going" });
    await community.call(salon.owner, "pin_message", { p_message_id: id });
    await community.call(salon.members[0]!, "toggle_message_reaction", { p_message_id: id, p_emoji: "👍" });
    for (const _ of range(2)) {
      expect(await community.call(salon.owner, "delete_message", { p_message_id: id })).toMatchObject(DONE);
    }
    const { messages } = await salon.after(salon.owner);
    expect(messages).toMatchObject([{
      seq: 1,
      content: "",
      is_deleted: true,
      is_pinned: false,
      reactions: [],
      attachments: [],
    }]);
    expect(await salon.stream()).toEqual({ last_seq: 1, message_count: 0 });
    expect((await salon.told()).filter(({ event }) => event === "message_deleted")).toHaveLength(1);
    expect(await sql`select from private.message_edits where message_id = ${id}`).toHaveLength(0);
  });

  it("is for its author, the owner and moderators; an author may also once it has left", async () => {
    const salon = await community.salon({ members: 2 });
    const moderator = await salon.join("moderator");
    const [author, other] = salon.members as [string, string];
    const ids = [];
    for (const _ of range(3)) ids.push(await salon.say(author));
    const remove = (user: string, id: number) => community.call(user, "delete_message", { p_message_id: id });
    expect(await remove(other, ids[0]!)).toMatchObject({ error: "forbidden" });
    expect(await remove(await community.user(), ids[0]!)).toMatchObject({ error: "not_found" });
    expect(await remove(other, 0)).toMatchObject({ error: "not_found" });
    expect(await remove(moderator, ids[0]!)).toMatchObject(DONE);
    expect(await remove(salon.owner, ids[1]!)).toMatchObject(DONE);
    await community.call(author, "leave_salon", { p_salon_id: salon.id });
    expect(await remove(author, ids[2]!)).toMatchObject(DONE);
    expect(await salon.stream()).toEqual({ last_seq: 3, message_count: 0 });
  });
});

describe("pins", () => {
  it("are set and taken off by owner and moderators, and read by members", async () => {
    const salon = await community.salon({ members: 1 });
    const moderator = await salon.join("moderator");
    const [one, two] = [await salon.say(salon.owner, "one"), await salon.say(salon.owner, "two")];
    const pin = (user: string, id: number, name = "pin_message") =>
      community.call(user, name, { p_message_id: id });
    expect(await pin(salon.members[0]!, one)).toMatchObject({ error: "forbidden" });
    expect(await pin(await community.user(), one)).toMatchObject({ error: "not_found" });
    for (const id of [one, one, two]) expect(await pin(moderator, id)).toMatchObject(DONE);
    const pinned = async (user: string) =>
      (await community.call<{ messages?: { content: string }[]; error: string }>(user, "pinned_messages", {
        p_salon_id: salon.id,
      })).messages?.map(({ content }) => content);
    expect(await pinned(salon.members[0]!)).toEqual(["two", "one"]);
    expect(await pinned(await community.user())).toBeUndefined();
    expect(await pin(salon.owner, two, "unpin_message")).toMatchObject({ ...DONE, is_pinned: false });
    expect(await pinned(salon.owner)).toEqual(["one"]);
    expect((await salon.told()).map(({ event }) => event).filter((event) => event.includes("pinned")))
      .toEqual(["message_pinned", "message_pinned", "message_unpinned"]);
  });

  it("are so many a salon", async () => {
    const salon = await community.salon();
    await sql`
      insert into public.message_pins (salon_id, message_id)
      select ${salon.id}, -number from generate_series(1, 50) as number`;
    const id = await salon.say(salon.owner);
    expect(await community.call(salon.owner, "pin_message", { p_message_id: id }))
      .toMatchObject({ error: "limit_reached" });
    await sql`delete from public.message_pins where salon_id = ${salon.id}`;
  });
});

describe("tables of messages", () => {
  it.each([
    ["chat_messages", "insert into public.chat_messages (salon_id, seq, user_id, client_id, content) values"],
    [
      "message_reactions",
      "insert into public.message_reactions (message_id, salon_id, user_id, emoji) values",
    ],
  ])(
    "let no user write %s: neither insert, update nor delete (community 6, 7, platform 5, 6)",
    async (table, insert) => {
      const salon = await community.salon();
      const id = await salon.say(salon.owner);
      const values = table === "chat_messages"
        ? `('${salon.id}', 99, '${salon.owner}', '${newId()}', 'x')`
        : `(${id}, '${salon.id}', '${salon.owner}', '👍')`;
      for (
        const statement of [
          `${insert} ${values}`,
          `update public.${table} set salon_id = salon_id`,
          `delete from public.${table}`,
        ]
      ) {
        await expect(community.as(salon.owner, (transaction) => transaction.unsafe(statement)))
          .rejects.toMatchObject({ code: "42501" });
      }
    },
  );
});
