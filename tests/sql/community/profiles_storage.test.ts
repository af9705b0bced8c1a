import type postgres from "postgres";
import { describe, expect, it } from "vitest";

import { picturesExamination } from "../../../scripts/doctor/modules/community/pictures.ts";
import { profilesExamination } from "../../../scripts/doctor/modules/community/profiles.ts";
import { testRoutesExamination } from "../../../scripts/doctor/modules/community/test_routes.ts";
import { stack } from "../../support/stack.ts";
import { createDatabase, newId, readMigrations, until } from "../support.ts";
import { People } from "./people.ts";

const { sql } = await createDatabase();
const people = new People(sql);
// As hosted projects have them; the suite's Storage makes the tables alone.
await sql.unsafe(
  "grant usage on schema storage to authenticated, anon; grant all on storage.objects to authenticated, anon",
);

const TYPES = ["image/jpeg", "image/png", "image/webp"];
const BUCKETS = ["avatars", "covers"] as const;
const ALL_BUCKETS = [...BUCKETS, "salon-avatars"];
const addressOf = (bucket: string, path: string) =>
  `https://x.supabase.co/storage/v1/object/public/${bucket}/${path}`;
const show = async (user: string, bucket: string, url: string | null) =>
  (await sql`select public.set_profile_picture(${user}, ${bucket}, ${url}) as it`)[0]!.it;

describe("the buckets of pictures", () => {
  it("are public, for pictures of 2 MB and 5 MB, as Storage itself keeps them", async () => {
    const rows = await sql`
      select id, public, file_size_limit::integer as bytes, allowed_mime_types as types from storage.buckets
      where id = any(${ALL_BUCKETS}) order by id`;
    expect([...rows]).toEqual([
      { id: "avatars", public: true, bytes: 2_097_152, types: TYPES },
      { id: "covers", public: true, bytes: 5_242_880, types: TYPES },
      { id: "salon-avatars", public: true, bytes: 2_097_152, types: TYPES },
    ]);
  });

  it("get these limits where a project has them already", async () => {
    const { sql } = await createDatabase();
    await sql`update storage.buckets set file_size_limit = null, allowed_mime_types = null, public = false where id = 'avatars'`;
    const { text } = (await readMigrations(["community"])).find(({ name }) =>
      name.includes("profile_storage")
    )!;
    await sql.unsafe(text.slice(text.indexOf("insert into storage.buckets"), text.indexOf("-- Functions")));
    const [row] =
      await sql`select public, file_size_limit::integer as bytes from storage.buckets where id = 'avatars'`;
    expect(row).toEqual({ public: true, bytes: 2_097_152 });
  });

  it.each(ALL_BUCKETS)(
    "let no user write into %s, nor change or remove, whoever's folder (community 16; platform 16)",
    async (bucket) => {
      const [user, other] = await people.newUsers(2) as [string, string];
      await sql`insert into storage.objects (bucket_id, name) values (${bucket}, ${`${user}/1.png`})`;
      for (const folder of [user, other]) {
        for (const caller of [user, null]) {
          expect(
            await people.refusal(
              caller,
              `insert into storage.objects (bucket_id, name) values ('${bucket}', '${folder}/${newId()}.png')`,
            ),
          ).toBe("42501");
        }
      }
      const touched = await people.as(user, async (transaction) => [
        ...await transaction`update storage.objects set name = 'x' where bucket_id = ${bucket} returning name`,
        ...await transaction`delete from storage.objects where bucket_id = ${bucket} returning name`,
      ]);
      expect(touched).toEqual([]);
    },
  );
});

describe("a picture", () => {
  it("is shown in its owner's profile, and what was shown before is told", async () => {
    const user = await people.newUser();
    const [one, two] = [addressOf("avatars", `${user}/one.png`), addressOf("avatars", `${user}/two.png`)];
    expect(await show(user, "avatars", one)).toMatchObject({ success: true, replaced: null });
    expect(await show(user, "avatars", one)).toMatchObject({ success: true, replaced: null });
    expect(await show(user, "avatars", two)).toMatchObject({ success: true, replaced: one });
    const cover = addressOf("covers", `${user}/one.png`);
    expect(await show(user, "covers", cover)).toMatchObject({ success: true, replaced: null });
    const [row] = await sql`select avatar_url, cover_url from public.profiles where id = ${user}`;
    expect(row).toEqual({ avatar_url: two, cover_url: cover });
    expect(await show(user, "covers", null)).toMatchObject({ success: true, replaced: cover });
  });

  it("is of its owner's folder in that bucket", async () => {
    const [user, other] = await people.newUsers(2) as [string, string];
    for (
      const [bucket, url] of [
        ["avatars", addressOf("avatars", `${other}/one.png`)],
        ["avatars", addressOf("covers", `${user}/one.png`)],
        ["avatars", addressOf("avatars", `${user}/../x.png`)],
        ["avatars", "https://example.com/track.png"],
        ["avatars", addressOf("avatars", `${user}/${"x".repeat(500)}.png`)],
        ["uploads", addressOf("uploads", `${user}/one.png`)],
      ] as const
    ) {
      expect(await show(user, bucket, url)).toMatchObject({ success: false, error: "invalid_request" });
    }
    expect(await show(newId(), "avatars", null)).toMatchObject({ success: false, error: "not_found" });
  });

  it("that nothing shows is to be removed after an hour, and no other", async () => {
    const { sql } = await createDatabase();
    const people = new People(sql);
    const [user, gone] = await people.newUsers(2) as [string, string];
    const enter = (bucket: string, path: string, age: string) =>
      sql`insert into storage.objects (bucket_id, name, created_at) values (${bucket}, ${path}, now() - ${age}::interval)`;
    for (const bucket of BUCKETS) {
      await enter(bucket, `${user}/shown.png`, "2 days");
      await enter(bucket, `${user}/own.png`, "2 hours");
      await enter(bucket, `${user}/new.png`, "50 minutes");
      await sql`select public.set_profile_picture(${user}, ${bucket}, ${
        addressOf(bucket, `${user}/shown.png`)
      })`;
    }
    await enter("avatars", `${gone}/one.png`, "2 hours");
    await enter("avatars", "elsewhere/one.png", "2 hours");
    await enter("uploads", `${user}/own.png`, "2 hours");
    await sql`select public.set_profile_picture(${gone}, 'avatars', ${
      addressOf("avatars", `${gone}/one.png`)
    })`;
    await sql`select public.forget_user(${gone})`;
    // Page after page, each of so many files looked at, whether or not one is to be removed: each file is looked at once.
    const pages: string[][] = [];
    for (let after = null as { bucket: string; path: string } | null;;) {
      const [row]: postgres.Row[] = await sql`
        select public.pictures_to_remove(${after?.bucket ?? null}, ${after?.path ?? null}, 2) as page`;
      pages.push(row!.page.files.map(({ bucket, path }: Record<string, string>) => `${bucket}/${path}`));
      after = row!.page.next_after;
      if (after === null) break;
    }
    expect(pages).toHaveLength(5);
    expect(pages.flat().toSorted()).toEqual([
      `avatars/${gone}/one.png`,
      `avatars/${user}/own.png`,
      "avatars/elsewhere/one.png",
      `covers/${user}/own.png`,
    ].toSorted());
  });
});

describe("a salon's picture", () => {
  const showOf = async (user: string, salon: string, url: string | null) =>
    (await sql`select public.set_salon_avatar(${user}, ${salon}, ${url}) as it`)[0]!.it;
  const newSalon = async (owner: string) =>
    (await people.call(owner, "create_salon_with_code", { p_name: "Kitchen" })).salon_id as string;

  it("is its owner's to change, of the salon's folder, until it is archived", async () => {
    const [owner, member] = await people.newUsers(2) as [string, string];
    const salon = await newSalon(owner);
    await people.call(member, "join_salon", { p_salon_id: salon });
    const url = addressOf("salon-avatars", `${salon}/one.png`);
    for (const user of [member, newId()]) {
      expect(await showOf(user, salon, url)).toMatchObject({ success: false, error: "not_found" });
    }
    expect(await showOf(owner, newId(), null)).toMatchObject({ error: "not_found" });
    expect(await showOf(owner, salon, addressOf("salon-avatars", `${newId()}/one.png`)))
      .toMatchObject({ error: "invalid_request" });
    expect(await showOf(owner, salon, url)).toMatchObject({ success: true, replaced: null });
    expect((await sql`select avatar_url from public.salons where id = ${salon}`)[0]).toEqual({
      avatar_url: url,
    });
    await people.call(owner, "archive_salon", { p_salon_id: salon });
    expect(await showOf(owner, salon, null)).toMatchObject({ error: "not_found" });
  });

  it("is another owner's once the salon was handed over while it was sent", async () => {
    const [owner, heir] = await people.newUsers(2) as [string, string];
    const salon = await newSalon(owner);
    const url = addressOf("salon-avatars", `${salon}/one.png`);
    await people.call(heir, "join_salon", { p_salon_id: salon });
    const [one, two] = await Promise.all([sql.reserve(), sql.reserve()]);
    try {
      await one`begin`;
      await one`select set_config('request.jwt.claims', ${JSON.stringify({ sub: owner })}, true)`;
      const [handed] = await one`select public.transfer_salon(${salon}, ${heir}) as it`;
      expect(handed!.it).toMatchObject({ success: true });
      const [{ pid }] = await two<[{ pid: number }]>`select pg_backend_pid() as pid`;
      const shown = two`select public.set_salon_avatar(${owner}, ${salon}, ${url}) as it`.execute();
      await until(async () =>
        (await sql`select from pg_locks where pid = ${pid} and not granted`).length > 0
      );
      await one`commit`;
      expect((await shown)[0]!.it).toMatchObject({ success: false, error: "not_found" });
    } finally {
      await one`rollback`;
      one.release();
      two.release();
    }
  });

  it("is to be removed once the salon shows another, or is deleted", async () => {
    const owner = await people.newUser();
    const [kept, deleted] = [await newSalon(owner), await newSalon(owner)];
    for (const salon of [kept, deleted]) {
      for (const name of ["old", "new"]) {
        await sql`
          insert into storage.objects (bucket_id, name, created_at)
          values ('salon-avatars', ${`${salon}/${name}.png`}, now() - interval '2 hours')`;
      }
      await showOf(owner, salon, addressOf("salon-avatars", `${salon}/new.png`));
    }
    expect(await people.call(owner, "delete_salon", { p_salon_id: deleted })).toMatchObject({
      success: true,
    });
    const [row] = await sql`select public.pictures_to_remove('salon-avatars') as page`;
    expect(row!.page.files.map(({ path }: { path: string }) => path).toSorted()).toEqual(
      [`${kept}/old.png`, `${deleted}/old.png`, `${deleted}/new.png`].toSorted(),
    );
  });
});

describe("the doctor", () => {
  it("finds test routes of the earlier backend that answer, with or without credentials", async () => {
    const answers: Record<string, number> = { "test-config": 200, "test-webhook": 401 };
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, ({ url }) => {
      return new Response("", { status: answers[url.split("/functions/v1/")[1]!] ?? 404 });
    });
    try {
      const url = `http://127.0.0.1:${server.addr.port}`;
      const findings = await testRoutesExamination.examine({ sql, url });
      expect(findings.map(({ what }) => what)).toEqual([
        "The function test-config answers",
        "The function test-webhook answers",
      ]);
      expect(await testRoutesExamination.examine({ sql, url: stack.url })).toEqual([]);
    } finally {
      await server.shutdown();
    }
  });

  it("finds nothing in a project as the migrations make it", async () => {
    const { sql } = await createDatabase();
    expect(await picturesExamination.examine({ sql })).toEqual([]);
    expect(await profilesExamination.examine({ sql })).toEqual([]);
  });

  it("finds users without a profile and a trigger that is missing, and what it says mends both", async () => {
    const { sql } = await createDatabase();
    await sql`drop trigger handle_new_user on auth.users`;
    await new People(sql).newUsers(2);
    const findings = await profilesExamination.examine({ sql });
    expect(findings.map(({ what }) => what)).toEqual([
      "auth.users has no trigger that makes profiles",
      "2 users have no complete profile",
    ]);
    await sql.unsafe(findings[0]!.fix.replace("In the SQL editor: ", ""));
    await sql.unsafe(findings[1]!.fix);
    expect(await profilesExamination.examine({ sql })).toEqual([]);
  });

  it("finds a bucket with other limits, and a policy that lets users write pictures", async () => {
    const { sql } = await createDatabase();
    await sql`update storage.buckets set file_size_limit = null where id = 'avatars'`;
    await sql`delete from storage.buckets where id = 'covers'`;
    await sql.unsafe(
      `create policy "insert avatars" on storage.objects for insert to authenticated with check (bucket_id = 'avatars')`,
    );
    await sql.unsafe(
      `create policy "own files" on storage.objects for all to public using (owner = auth.uid())`,
    );
    const findings = await picturesExamination.examine({ sql });
    expect(findings.map(({ what }) => what)).toEqual([
      "The bucket avatars has other limits than its migration gave it",
      "There is no bucket covers",
      'The policy "insert avatars" lets users write into a bucket of pictures',
      'The policy "own files" lets users write into a bucket of pictures',
    ]);
    for (const { fix } of findings.slice(2)) await sql.unsafe(fix);
    expect(await picturesExamination.examine({ sql })).toHaveLength(2);
  });
});
