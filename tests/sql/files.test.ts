import { afterAll, describe, expect, it } from "vitest";
import postgres from "postgres";

import { createDatabase, newId, range, until } from "./support.ts";

const { url, sql } = await createDatabase();

const LIMITS = { count: 5, bytes: 1_000 };
await sql`update private.file_settings set uploads_per_user = ${LIMITS.count}, upload_bytes_per_user = ${LIMITS.bytes}`;
// As hosted projects have them; the suite's Storage makes the tables alone.
await sql.unsafe(
  "grant usage on schema storage to authenticated; grant select, insert on storage.objects to authenticated",
);

const crowd = postgres(url, { max: 12, onnotice: () => {} });
afterAll(() => crowd.end());

/** Enters a file as Storage does: for a user with the user's rights, or with its own after the bytes have come. */
async function enter(
  user: string,
  { bytes = 10, role = "authenticated", bucket = "uploads" }: {
    bytes?: number;
    role?: string;
    bucket?: string;
  } = {},
): Promise<"entered" | "refused"> {
  try {
    await crowd.begin(async (transaction) => {
      await transaction`select set_config('request.jwt.claims', ${
        JSON.stringify({ sub: user, role })
      }, true)`;
      await transaction.unsafe(`set local role ${role}`);
      await transaction`
        insert into storage.objects (bucket_id, name, metadata)
        values (${bucket}, ${`${user}/${newId()}`}, ${transaction.json({ size: bytes })})`;
    });
    return "entered";
  } catch (error) {
    expect(error).toMatchObject({ code: "42501" });
    return "refused";
  }
}

async function countOf(user: string): Promise<number> {
  return (await sql`select from storage.objects where starts_with(name, ${`${user}/`})`).length;
}

/** Does something while a transaction of an uploader, or of forget_user, is open. */
async function untilWaiting(count: number): Promise<void> {
  await until(async () =>
    (await sql`select from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`)
      .length === count
  );
}

describe("the files of a user who is forgotten", () => {
  it.each(["authenticated", "postgres"])("get no further files, entered as %s", async (role) => {
    const user = newId();
    expect(await enter(user, { role })).toBe("entered");
    await sql`select public.forget_user(${user})`;
    expect(await enter(user, { role })).toBe("refused");
    expect(await enter(newId(), { role })).toBe("entered");
  });

  it("are complete: a concurrent upload is admitted before, or refused", async () => {
    const user = newId();
    const [uploader, deletion] = await Promise.all([sql.reserve(), sql.reserve()]);
    try {
      await uploader`begin`;
      await uploader`insert into storage.objects (bucket_id, name, metadata)
        values ('uploads', ${`${user}/first`}, '{"size": 10}')`;
      const forgotten = deletion`select public.forget_user(${user})`.then(() => {});
      await untilWaiting(1);
      const late = enter(user, { role: "postgres" });
      await untilWaiting(2);
      await uploader`commit`;
      await forgotten;
      expect((await sql`select path from public.files_of_user(${user})`).map(({ path }) => path))
        .toEqual([`${user}/first`]);
      expect(await late).toBe("refused");
    } finally {
      await uploader`rollback`;
      uploader.release();
      deletion.release();
    }
  });
});

describe("the bucket for uploads", () => {
  it.each(["authenticated", "postgres"])(
    "lets a user have so many files and no more, when all of them come at once, entered as %s",
    async (role) => {
      const [user, other] = [newId(), newId()];
      // All of them are at the place where they are counted, before the first is let in.
      const gate = await sql.reserve();
      await gate`begin`;
      await gate`select pg_advisory_xact_lock(hashtextextended('uploads of ' || ${user}::text, 0))`;
      const uploads = range(10).map(() => enter(user, { role }));
      await until(async () =>
        (await sql`select from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`)
          .length === 10
      );
      expect(await enter(other, { role })).toBe("entered"); // Nobody waits for another user.
      await gate`rollback`;
      gate.release();
      expect((await Promise.all(uploads)).filter((outcome) => outcome === "entered")).toHaveLength(
        LIMITS.count,
      );
      expect(await countOf(user)).toBe(LIMITS.count);
    },
  );

  it("lets them be so large together, and makes room when one is removed", async () => {
    const user = newId();
    expect(await enter(user, { bytes: 600 })).toBe("entered");
    expect(await enter(user, { bytes: 401 })).toBe("refused");
    expect(await enter(user, { bytes: 400 })).toBe("entered");
    expect(await enter(user, { bytes: 1 })).toBe("refused");
    await sql`delete from storage.objects where starts_with(name, ${`${user}/`}) and metadata ->> 'size' = '600'`;
    expect(await enter(user, { bytes: 1 })).toBe("entered");
  });

  it("counts nothing of other buckets", async () => {
    const user = newId();
    for (const _ of range(7)) await enter(user, { bucket: "generated", role: "postgres" });
    expect(await enter(user)).toBe("entered");
  });
});

describe("files_to_remove", () => {
  it("names what is past its retention, of both buckets and of no other", async () => {
    const user = newId();
    await sql`insert into storage.buckets (id, name) values ('theirs', 'theirs')`;
    const insert = (bucket: string, days: number) =>
      sql`
        insert into storage.objects (bucket_id, name, created_at)
        values (${bucket}, ${`${user}/${days}`}, now() - make_interval(days => ${days}))`;
    for (const days of [1, 29, 31]) await insert("uploads", days);
    for (const days of [31, 89, 91]) await insert("generated", days);
    await insert("theirs", 1_000);
    expect([...await sql`select * from files_to_remove() order by path`].map((row) => ({ ...row }))).toEqual([
      { bucket: "uploads", path: `${user}/31` },
      { bucket: "generated", path: `${user}/91` },
    ]);
    expect(await sql`select * from files_to_remove(1)`).toHaveLength(1);
  });
});
