import type postgres from "postgres";
import { describe, expect, it } from "vitest";

import { messagesExamination } from "../../../scripts/doctor/modules/community/messages.ts";
import { createDatabase, readMigrations } from "../support.ts";

const { sql } = await createDatabase();

async function found(connection: postgres.Sql): Promise<string[]> {
  return (await messagesExamination.examine({ sql: connection })).map(({ what }) => what);
}

/** What the doctor says of a database after a change, which is taken back. */
async function after(statements: string): Promise<string[]> {
  class Undo extends Error {}
  let findings: string[] = [];
  await expect(sql.begin(async (transaction) => {
    await transaction.unsafe(statements);
    findings = await found(transaction as unknown as postgres.Sql);
    throw new Undo();
  })).rejects.toThrow(Undo);
  return findings;
}

describe("the doctor about messages", () => {
  it("has nothing to say of a database as its migrations leave it", async () => {
    expect(await found(sql)).toEqual([]);
  });

  it.each([
    [
      `create policy "as in the guide" on realtime.messages for select to authenticated using (true)`,
      "lets everybody hear",
    ],
    [
      `create policy "as in the guide" on realtime.messages for insert to authenticated with check (true)`,
      "lets everybody hear",
    ],
    [
      `drop policy "members hear their salons, users their own topic" on realtime.messages`,
      "policies of rooms on realtime.messages are not there",
    ],
    [
      "alter table public.message_reactions replica identity full",
      "message_reactions has replica identity full",
    ],
    ["alter publication supabase_realtime drop table public.profiles", "supabase_realtime lacks profiles"],
    [
      "alter publication supabase_realtime add table public.salon_members",
      "supabase_realtime has the table salon_members",
    ],
    ["update storage.buckets set public = true where id = 'attachments'", "open to more than it should be"],
    [
      "update storage.buckets set allowed_mime_types = allowed_mime_types || '{text/html}' where id = 'attachments'",
      "open to more than it should be",
    ],
    ["delete from storage.buckets where id = 'attachments'", "There is no bucket attachments"],
    ["drop trigger attachments_have_room on storage.objects", "has no trigger attachments_have_room"],
  ])("finds what came of: %s (community 17, 18)", async (statements, finding) => {
    expect(await after(statements)).toEqual([expect.stringContaining(finding)]);
  });
});

describe("the publication", () => {
  it("has those tables alone whose key tells nothing to who hears of a DELETE (community 17)", async () => {
    const rows = await sql`
      select pg_class.relname as name, relreplident as identity, array_agg(attname::text) as key
      from pg_publication_tables
      join pg_class on relname = tablename and relnamespace = schemaname::regnamespace
      join pg_index on indrelid = pg_class.oid and case relreplident when 'i' then indisreplident else indisprimary end
      join pg_attribute on attrelid = pg_class.oid and attnum = any(indkey)
      where pubname = 'supabase_realtime' and relname ~ '^(chat|message|salon|profile)'
      group by 1, 2 order by 1`;
    expect([...rows]).toEqual([
      { name: "chat_messages", identity: "d", key: ["id"] },
      { name: "message_reactions", identity: "d", key: ["id"] },
      // Whoever is in Auth has a profile, which everybody reads.
      { name: "profiles", identity: "d", key: ["id"] },
    ]);
  });
});

describe("a bucket that a project has before the migrations", () => {
  it("becomes what they make of it: no file of a private salon is open to all", async () => {
    const migrations = await readMigrations(["community"]);
    const inserts = migrations.flatMap(({ text }) =>
      text.match(/^insert into storage\.buckets[^;]*;/gm) ?? []
    );
    const found = () =>
      sql`
      select id, public, file_size_limit, allowed_mime_types from storage.buckets
      where id in ('attachments', 'avatars', 'covers', 'salon-avatars') order by id`;
    const before = [...await found()];
    expect(before).toHaveLength(4);
    class Undo extends Error {}
    await expect(sql.begin(async (transaction) => {
      await transaction`
        update storage.buckets set public = not public, file_size_limit = null, allowed_mime_types = null
        where id = any(${before.map(({ id }) => id)})`;
      for (const insert of inserts) await transaction.unsafe(insert);
      const after = await transaction`
        select id, public, file_size_limit, allowed_mime_types from storage.buckets
        where id = any(${before.map(({ id }) => id)}) order by id`;
      expect([...after]).toEqual(before);
      throw new Undo();
    })).rejects.toThrow(Undo);
  });
});
