import { afterEach, describe, expect, it } from "vitest";

import { type Call, createDatabase, newId, race, range } from "../support.ts";
import { Community, type Salon } from "./message_support.ts";

// All that locks something of salons and messages, at once and in random order: whatever waits for whatever, nobody waits in a
// circle, and what must always be true of salons and messages is. The order is a table in docs/decisions/community.md.

const { url, sql } = await createDatabase();
const community = await Community.of(sql);
await sql`update private.message_settings set user_quota = 1000, archive_after = '1 day'`;

afterEach(async () => {
  await sql`update private.message_settings set keep_forgotten = true`;
});

function anyOf<One>(list: readonly One[]): One {
  return list[Math.floor(Math.random() * list.length)]!;
}

/** Some call of somebody about something in these salons. */
function anyCall(salons: Salon[], ids: number[]): Call {
  const salon = anyOf(salons);
  const people = [salon.owner, ...salon.members];
  const [user, other] = [anyOf(people), anyOf(people)];
  const about = { p_message_id: anyOf(ids) };
  const decision = { p_salon_id: salon.id, p_member_id: other };
  const acting = (name: string, args: Record<string, unknown>, who = user) =>
    community.acting(who, name, args);
  const calls: (() => Call)[] = [
    () => acting("send_message", salon.sending("x", { p_reply_to_id: anyOf([null, anyOf(ids)]) })),
    () => acting("send_message", salon.sending("x", { p_mentions: people })),
    () => acting("edit_message", { ...about, p_content: newId() }),
    () => acting("delete_message", about, anyOf([user, salon.owner])),
    () => acting("toggle_message_reaction", { ...about, p_emoji: anyOf(["👍", "👎"]) }),
    () => acting(anyOf(["pin_message", "unpin_message"]), about, salon.owner),
    () => acting("mark_read", { p_salon_id: salon.id, p_seq: Math.floor(Math.random() * 20) }),
    () => acting("search_messages", { p_query: "x" }),
    () => acting("join_salon", { p_salon_id: salon.id }),
    () => acting("leave_salon", { p_salon_id: salon.id }),
    () => acting("kick_salon_member", decision, salon.owner),
    () => acting("mute_salon_member", { ...decision, p_duration_s: 1 }, salon.owner),
    () => acting("set_salon_role", { ...decision, p_role: anyOf(["moderator", "member"]) }, salon.owner),
    () => acting("transfer_salon", decision, salon.owner),
    () => acting(anyOf(["archive_salon", "restore_salon"]), { p_salon_id: salon.id }, salon.owner),
    () => acting("delete_salon", { p_salon_id: salon.id }, salon.owner),
    () => acting("block_user", { p_user_id: other }),
    () => ({ name: "private.archive_messages", args: {} }),
    () => ({ name: "private.purge_deleted_salons", args: {} }),
    () => ({ name: "private.cut_off_authors", args: {} }),
    () => ({ name: "forget_user", args: { p_user_id: user } }),
  ];
  return anyOf(calls)();
}

describe("whoever locks salons and messages", () => {
  it.each(range(8))(
    "waits for nobody in a circle, and leaves what must be true true, round %i",
    async (round) => {
      await sql`update private.message_settings set keep_forgotten = ${round % 2 === 0}`;
      const salons = await Promise.all(
        range(2).map(() => community.salon({ members: 3, visibility: "public" })),
      );
      // Everybody is in both, so that what takes both takes them in some order.
      await salons[0]!.join("member", salons[1]!.members[0]);
      await salons[1]!.join("moderator", salons[0]!.members[0]);
      const ids: number[] = [];
      for (const salon of salons) {
        for (const user of [salon.owner, ...salon.members]) ids.push(await salon.say(user, "x"));
      }
      await sql`update public.chat_messages set created_at = created_at - interval '2 days' where id % 2 = 0`;
      // Few, so that many want the same ones.
      const wanted = [ids[0]!, ids[1]!, ids.at(-1)!];
      const calls = range(28).map(() => anyCall(salons, wanted));
      const results = await race<unknown>(url, calls);
      const raised = results.flatMap((one, index) =>
        one.status === "rejected" ? [`${JSON.stringify(calls[index])}: ${one.reason}`] : []
      );
      expect(raised).toEqual([]);
      const found = [...await sql`select * from public.verify_community()`];
      expect(found, JSON.stringify(calls)).toEqual([]);
    },
  );
});
