import { afterEach, describe, expect, it } from "vitest";

import { createDatabase, newId, range } from "../support.ts";
import { Community, type Salon, upload } from "./message_support.ts";

const { sql } = await createDatabase();
const community = await Community.of(sql);
await sql`update private.message_settings set user_quota = 1000, attachments_per_user = 6, attachment_bytes_per_user = 1000`;
// As hosted projects have them; the suite's Storage makes the tables alone.
await sql.unsafe(
  "grant usage on schema storage to authenticated; grant select, insert, delete on storage.objects to authenticated",
);

afterEach(async () => {
  expect(await community.verify()).toEqual([]);
});

function pathOf(user: string, salon: Salon): string {
  return `${user}/${salon.id}/${newId()}`;
}

/** Uploads with the user's rights: whether Storage would take it. */
async function enter(user: string, path: string, bytes = 10): Promise<boolean> {
  try {
    await community.as(user, (transaction) =>
      transaction`
      insert into storage.objects (bucket_id, name, metadata)
      values ('attachments', ${path}, ${transaction.json({ size: bytes, mimetype: "image/png" })})`);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: "42501" });
    return false;
  }
}

/** What the job that removes files is told. */
async function taken(): Promise<string[]> {
  const rows = await sql`select path from public.take_removed_attachments()`;
  return rows.map(({ path }) => path as string).toSorted();
}

async function sees(user: string, path: string): Promise<boolean> {
  return (await community.as(
    user,
    (transaction) =>
      transaction`select from storage.objects where bucket_id = 'attachments' and name = ${path}`,
  )).length === 1;
}

describe("the bucket for attachments", () => {
  it("takes files in one's own folder for a salon of one's own, and in no other path (community 16, platform 16)", async () => {
    const [salon, other] = [await community.salon({ members: 1 }), await community.salon()];
    const [member] = salon.members as [string];
    expect(await enter(member, pathOf(member, salon))).toBe(true);
    for (
      const path of [
        pathOf(salon.owner, salon),
        pathOf(member, other),
        `${member}/${salon.id}/folder/x`,
        `${member}/x`,
        `${member}/not-a-salon/x`,
        "x",
      ]
    ) {
      expect(await enter(member, path)).toBe(false);
    }
    const replaced = await community.as(
      member,
      (transaction) => transaction.unsafe("select has_table_privilege('storage.objects', 'update') as may"),
    );
    expect(replaced[0]!.may).toBe(false);
  });

  it("gives each user so many files and bytes", async () => {
    const salon = await community.salon({ members: 2 });
    const [one, two] = salon.members as [string, string];
    const entered = [];
    for (const _ of range(8)) entered.push(await enter(one, pathOf(one, salon)));
    expect(entered.filter(Boolean)).toHaveLength(6);
    expect(await enter(two, pathOf(two, salon), 900)).toBe(true);
    expect(await enter(two, pathOf(two, salon), 101)).toBe(false);
    expect(await enter(two, pathOf(two, salon), 100)).toBe(true);
  });

  it("shows a file to its owner alone until a message has it, then to the salon, until that is deleted", async () => {
    const salon = await community.salon({ members: 2 });
    const [author, reader] = salon.members as [string, string];
    const stranger = await community.user();
    const path = pathOf(author, salon);
    await enter(author, path);
    const seen = async () => [await sees(author, path), await sees(reader, path), await sees(stranger, path)];
    expect(await seen()).toEqual([true, false, false]);
    const id = await salon.say(author, "", { p_attachments: [path] });
    expect(await seen()).toEqual([true, true, false]);
    expect((await salon.after(reader)).messages[0]!.attachments)
      .toEqual([{ path, content_type: "image/png", size_bytes: 10 }]);
    await community.call(salon.owner, "kick_salon_member", { p_salon_id: salon.id, p_member_id: reader });
    expect(await sees(reader, path)).toBe(false);
    await community.call(author, "delete_message", { p_message_id: id });
    expect(await sees(salon.owner, path)).toBe(false);
  });
});

describe("an attachment", () => {
  it("is neither removed nor replaced by its sender while a message has it", async () => {
    const salon = await community.salon();
    const path = pathOf(salon.owner, salon);
    await enter(salon.owner, path);
    const remove = () =>
      community.as(salon.owner, (transaction) =>
        transaction`
        delete from storage.objects where bucket_id = 'attachments' and name = ${path} returning name`);
    const id = await salon.say(salon.owner, "", { p_attachments: [path] });
    expect(await remove()).toHaveLength(0);
    await sql`delete from storage.objects where name = ${path}`; // As a server may.
    expect(await enter(salon.owner, path)).toBe(false);
    await community.call(salon.owner, "delete_message", { p_message_id: id });
    expect(await enter(salon.owner, path)).toBe(true);
    expect(await remove()).toHaveLength(1);
  });

  it("is a file that its sender has uploaded for this salon, of a known type, in one message", async () => {
    const [salon, other] = [await community.salon({ members: 1 }), await community.salon()];
    await other.join("member", salon.owner);
    const sendWith = (...p_attachments: string[]) => salon.send(salon.owner, "see", { p_attachments });
    const own = await upload(sql, pathOf(salon.owner, salon), { type: "text/plain;charset=UTF-8" });
    for (
      const path of [
        pathOf(salon.owner, salon),
        await upload(sql, pathOf(salon.owner, other)),
        await upload(sql, pathOf(salon.members[0]!, salon)),
        await upload(sql, pathOf(salon.owner, salon), { type: "image/svg+xml" }),
        await upload(sql, pathOf(salon.owner, salon), { bucket: "uploads" }).catch(() => "refused"),
      ]
    ) {
      expect(await sendWith(path)).toMatchObject({ error: "attachment_not_found" });
    }
    expect(await sendWith(own, own)).toMatchObject({ error: "attachment_not_found" });
    expect(await sendWith(own)).toMatchObject({ success: true });
    expect(await sendWith(own)).toMatchObject({ error: "attachment_not_found" });
    expect(await sendWith(...range(11).map(() => own))).toMatchObject({ error: "invalid_request" });
    expect((await salon.after(salon.owner)).messages[0]!.attachments).toMatchObject([{
      content_type: "text/plain",
    }]);
  });

  it("is removed at once when its message, its author's account or its salon is deleted (platform 16)", async () => {
    const [salon, purged] = [await community.salon({ members: 2 }), await community.salon()];
    const [author, other] = salon.members as [string, string];
    const sendFile = async (user: string, where: Salon) => {
      const path = await upload(sql, pathOf(user, where));
      return { path, id: await where.say(user, "", { p_attachments: [path] }) };
    };
    const [deleted, kept, gone] = [
      await sendFile(other, salon),
      await sendFile(other, salon),
      await sendFile(author, salon),
    ];
    const unsent = await upload(sql, pathOf(author, salon));
    const inPurged = await sendFile(purged.owner, purged);
    await sql`delete from private.removed_attachments`;
    await community.call(other, "delete_message", { p_message_id: deleted.id });
    await sql`delete from auth.users where id = ${author}`;
    await community.call(purged.owner, "delete_salon", { p_salon_id: purged.id });
    while ((await sql`select private.purge_deleted_salons() as count`)[0]!.count > 0) continue;
    const removed = [deleted.path, gone.path, unsent, inPurged.path].toSorted();
    expect(await taken()).toEqual(removed);
    expect(removed).not.toContain(kept.path);

    expect(await taken(), "is being removed").toEqual([]);
    const again = () => sql`update private.removed_attachments set due_at = now()`;
    await again();
    expect(await taken(), "Storage has not removed it").toEqual(removed);
    await sql`delete from storage.objects where name = any(${removed})`;
    await again();
    expect(await taken()).toEqual([]);
    expect(await sql`select from private.removed_attachments`).toHaveLength(0);
  });

  it("that was removed is neither sent again nor mistaken for a later file at its path", async () => {
    const salon = await community.salon();
    const path = await upload(sql, pathOf(salon.owner, salon));
    const sendIt = () => salon.send(salon.owner, "", { p_attachments: [path] });
    const { id } = await sendIt();
    await community.call(salon.owner, "delete_message", { p_message_id: id });
    expect(await sendIt()).toMatchObject({ error: "attachment_not_found" });
    await sql`delete from storage.objects where name = ${path}`;
    await upload(sql, path);
    expect(await sendIt()).toMatchObject({ success: true });
    expect(await taken()).toEqual([]);
  });

  it("is signed by its owner alone: a link asks nobody any more, and others could make it last for years", async () => {
    const salon = await community.salon({ members: 1 });
    const path = await upload(sql, pathOf(salon.owner, salon));
    await salon.say(salon.owner, "", { p_attachments: [path] });
    const isOpenFor = async (user: string, operation: string) =>
      (await community.as(user, async (transaction) => {
        await transaction`select set_config('storage.operation', ${operation}, true)`;
        return await transaction`select from storage.objects where name = ${path}`;
      })).length === 1;
    for (const operation of ["storage.object.sign", "storage.object.sign_many"]) {
      expect(await isOpenFor(salon.members[0]!, operation)).toBe(false);
      expect(await isOpenFor(salon.owner, operation)).toBe(true);
    }
    expect(await isOpenFor(salon.members[0]!, "object.get_authenticated")).toBe(true);
  });

  it("is removed once no message has it, after a day", async () => {
    const salon = await community.salon();
    const [unsent, fresh, sent, deleted] = await Promise.all(
      range(4).map(() => upload(sql, pathOf(salon.owner, salon))),
    ) as [string, string, string, string];
    await salon.say(salon.owner, "", { p_attachments: [sent] });
    const id = await salon.say(salon.owner, "", { p_attachments: [deleted] });
    await community.call(salon.owner, "delete_message", { p_message_id: id });
    await sql`
      update storage.objects set created_at = now() - interval '25 hours' where name = any(${[
      unsent,
      sent,
      deleted,
    ]})`;
    const rows =
      await sql`select path from public.attachments_to_remove() where path like ${`${salon.owner}/%`}`;
    expect(rows.map(({ path }) => path).toSorted()).toEqual([unsent, deleted].toSorted());
    expect(fresh).not.toBe(unsent);
  });
});
