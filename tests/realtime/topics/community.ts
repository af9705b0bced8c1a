import type postgres from "postgres";

import { Community } from "../../sql/community/message_support.ts";
import { TOPIC_ACTIONS, type TopicKind } from "../support/topics.ts";

const HEARING = "members hear their salons, users their own topic";
const SPEAKING = "members are present in their salons, and tell that they type";
const NOBODY_ELSE = { nobody: [], other: [], removed: [], server: TOPIC_ACTIONS };

export default {
  "a user's topic": {
    policies: [HEARING],
    may: { nobody: [], server: TOPIC_ACTIONS, owner: ["join", "hear"], other: [] },
    async open(sql: postgres.Sql) {
      const community = new Community(sql);
      const [owner, other] = [await community.user(), await community.user()];
      return {
        topic: `user:${owner}`,
        users: { owner, other },
        tell: async () => {
          await (await community.salon()).join("member", owner);
          return "salon_joined";
        },
        remove: () => Promise.reject(new Error("nobody loses its own topic")),
      };
    },
  },
  "a salon": {
    policies: [HEARING, SPEAKING],
    may: {
      ...NOBODY_ELSE,
      owner: ["join", "hear", "track"],
      member: ["join", "hear", "track"],
      muted: ["join", "hear"],
    },
    open: (sql: postgres.Sql) => openSalon(sql, ""),
  },
  "what a salon's members type": {
    policies: [HEARING, SPEAKING],
    may: {
      ...NOBODY_ELSE,
      owner: ["join", "hear", "send", "send by HTTP"],
      member: ["join", "hear", "send", "send by HTTP"],
      muted: ["join", "hear"],
    },
    open: (sql: postgres.Sql) => openSalon(sql, ":typing"),
  },
  "what is typed in an archived salon": {
    policies: [HEARING, SPEAKING],
    may: { ...NOBODY_ELSE, owner: ["join", "hear"], member: ["join", "hear"], muted: ["join", "hear"] },
    async open(sql: postgres.Sql) {
      const { salonId, ...topic } = await openSalon(sql, ":typing");
      await sql`update public.salons set is_active = false, archived_at = now() where id = ${salonId}`;
      return topic;
    },
  },
} satisfies Record<string, TopicKind>;

async function openSalon(sql: postgres.Sql, suffix: "" | ":typing") {
  const community = new Community(sql);
  const salon = await community.salon();
  const topic = `salon:${salon.id}${suffix}`;
  const users = {
    owner: salon.owner,
    member: await salon.join(),
    muted: await salon.join(),
    other: await community.user(),
    removed: await salon.join(),
  };
  const remove = async (user: string) => {
    await sql`delete from public.salon_members where salon_id = ${salon.id} and user_id = ${user}`;
  };
  await remove(users.removed);
  await sql`
    update public.salon_members set muted_until = 'infinity' where salon_id = ${salon.id} and user_id = ${users.muted}`;
  return {
    salonId: salon.id,
    topic,
    users,
    remove,
    tell: async () => {
      if (suffix === "") {
        await sql`update public.salons set name = name || 'x' where id = ${salon.id}`;
        return "salon_changed";
      }
      await sql`select realtime.send('{}', 'typing', ${topic}, true)`;
      return "typing";
    },
  };
}
