import { afterEach, describe, expect, it } from "vitest";

import { createDatabase } from "../support.ts";
import { Community } from "./message_support.ts";

const { sql } = await createDatabase();
const community = await Community.of(sql);

afterEach(async () => {
  expect(await community.verify()).toEqual([]);
});

const DONE = { success: true, error: null };

function react(user: string, id: number, emoji: string | null = "👍", more = {}) {
  return community.call(user, "handle_message_reaction", { p_message_id: id, p_emoji: emoji, ...more });
}

describe("a reaction", () => {
  it("is toggled, added and taken back; the last two may be repeated", async () => {
    const salon = await community.salon();
    const id = await salon.say(salon.owner);
    const toggle = () =>
      community.call(salon.owner, "toggle_message_reaction", { p_message_id: id, p_emoji: "🎉" });
    expect(await toggle()).toMatchObject({ ...DONE, has_reacted: true });
    expect(await toggle()).toMatchObject({ ...DONE, has_reacted: false });
    for (
      const [p_action, has_reacted] of [["add", true], ["add", true], ["remove", false], ["remove", false]]
    ) {
      expect(await react(salon.owner, id, "🎉", { p_action })).toMatchObject({ ...DONE, has_reacted });
    }
    expect((await salon.told()).filter(({ event }) => event === "reaction")).toHaveLength(4);
  });

  it("is one emoji, with its joiners and colors, and no word", async () => {
    const salon = await community.salon();
    const id = await salon.say(salon.owner);
    const fine = [
      "👍🏽",
      "👩‍👩‍👧‍👦",
      "🇫🇷",
      "1️⃣",
      "❤️",
      "❤",
      "❤️‍🔥",
      "🕵🏽‍♂️",
      "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
    ];
    for (const emoji of [...fine, "☎️", "⭐", "🆗", "🫠", "🏳️‍🌈"]) {
      expect(await react(salon.owner, id, emoji)).toMatchObject(DONE);
    }
    const words = ["lol", "<b>", "дурак-казино", "ｃａｓｉｎｏ", "漢字", "é", "🇱🇴🇱🇴", "👍lol", "12"];
    const unseen = ["", " ", "👍\n", "\u202e", "\u200b", "\u200d", "👍\u200d", "\ufe0f", "👍\u202e"];
    for (const emoji of [...words, ...unseen, "👍".repeat(17), "👍👎", null]) {
      expect(await react(salon.owner, id, emoji), emoji ?? "null").toMatchObject({
        error: "invalid_request",
      });
    }
    await expect(sql`
      insert into public.message_reactions (message_id, salon_id, user_id, emoji)
      values (${id}, ${salon.id}, ${salon.owner}, 'казино')`).rejects.toMatchObject({ code: "23514" });
    expect(await react(salon.owner, id, "👍", { p_action: "steal" })).toMatchObject({
      error: "invalid_request",
    });
  });

  it("needs a message that the caller sees, and is seen by its readers alone (community 9)", async () => {
    const salon = await community.salon({ members: 1, visibility: "public" });
    const stranger = await community.user();
    const id = await salon.say(salon.owner);
    expect(await react(salon.members[0]!, id)).toMatchObject(DONE);
    expect(await react(stranger, id)).toMatchObject({ error: "not_found" });
    expect(await react(stranger, 0)).toEqual(await react(stranger, id));
    const seen = async (user: string) => [
      (await community.rows(user, "get_message_reactions_summary", { p_message_id: id })).length,
      (await community.rows(user, "get_all_message_reactions_batch", { p_message_ids: [id] })).length,
      (await community.as(user, (transaction) => transaction`select from public.message_reactions`)).length,
    ];
    expect(await seen(salon.owner)).toEqual([1, 1, 1]);
    expect(await seen(stranger)).toEqual([0, 0, 0]);
    await expect(
      community.as(stranger, (transaction) => transaction`select * from public.message_reactions`, "anon"),
    )
      .rejects.toMatchObject({ code: "42501" });
  });

  it("is refused on what was deleted, to who is muted, and where nobody writes any more", async () => {
    const salon = await community.salon({ members: 1 });
    const [id, deleted] = [await salon.say(salon.owner), await salon.say(salon.owner)];
    await community.call(salon.owner, "delete_message", { p_message_id: deleted });
    expect(await react(salon.owner, deleted)).toMatchObject({ error: "not_found" });
    await sql`update public.salon_members set muted_until = 'infinity' where user_id = ${salon.members[0]!}`;
    expect(await react(salon.members[0]!, id)).toMatchObject({ error: "muted" });
    await community.call(salon.owner, "archive_salon", { p_salon_id: salon.id });
    expect(await react(salon.owner, id)).toMatchObject({ error: "salon_archived" });
  });

  it("is one of so many a minute", async () => {
    const salon = await community.salon();
    const id = await salon.say(salon.owner);
    const outcomes = [];
    for (let count = 0; count < 62; count++) outcomes.push(await react(salon.owner, id));
    expect(outcomes.at(-1)).toMatchObject({ error: "rate_limited", retry_after_s: expect.any(Number) });
  });
});

describe("summaries of reactions", () => {
  it("count each emoji in the order in which it came, and say which are one's own", async () => {
    const salon = await community.salon({ members: 2 });
    const [one, two] = [await salon.say(salon.owner), await salon.say(salon.owner)];
    await react(salon.owner, one, "🎉");
    for (const user of [salon.owner, ...salon.members]) await react(user, one, "👍");
    await react(salon.members[0]!, two, "👀");
    expect(await community.rows(salon.members[0]!, "get_message_reactions_summary", { p_message_id: one }))
      .toEqual([
        { emoji: "🎉", count: "1", has_reacted: false },
        { emoji: "👍", count: "3", has_reacted: true },
      ]);
    expect(
      await community.rows(salon.owner, "get_all_message_reactions_batch", { p_message_ids: [one, two] }),
    ).toEqual([
      { message_id: `${one}`, emoji: "🎉", count: "1", has_reacted: true },
      { message_id: `${one}`, emoji: "👍", count: "3", has_reacted: true },
      { message_id: `${two}`, emoji: "👀", count: "1", has_reacted: false },
    ]);
    const { messages } = await salon.after(salon.owner);
    expect(messages[1]!.reactions).toEqual([{ emoji: "👀", count: 1, has_reacted: false }]);
  });
});
