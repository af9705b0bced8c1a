import { describe, expect, it } from "vitest";

import { createDatabase, newId } from "./support.ts";

// With core alone, as for a module that is yet to come.
const { sql } = await createDatabase({ modules: ["core"] });
await sql.unsafe(`
  create table private.notes (user_id uuid, note text);
  create function private.forget_notes(p_user_id uuid) returns void language sql security definer set search_path = '' as $$
    delete from private.notes where user_id = p_user_id $$;
  create function private.export_notes(p_user_id uuid) returns jsonb language sql stable set search_path = '' as $$
    select jsonb_agg(note order by note) from private.notes where user_id = p_user_id $$;
  create function private.refuse_to_forget(p_user_id uuid) returns void language plpgsql set search_path = '' as $$
    begin raise exception 'not now'; end $$;
  insert into private.user_data (name, forget, export, description) values ('notes', 'forget_notes', 'export_notes', 'Notes')`);

async function write(user: string, ...notes: string[]): Promise<void> {
  for (const note of notes) await sql`insert into private.notes (user_id, note) values (${user}, ${note})`;
}

const notesOf = async (user: string) =>
  (await sql`select note from private.notes where user_id = ${user}`).map(({ note }) => note);

describe("a module that keeps something of users", () => {
  it("deletes it when the user is forgotten, for that user only", async () => {
    const [one, other] = [newId(), newId()];
    await write(one, "mine");
    await write(other, "hers");
    await sql`select public.forget_user(${one})`;
    expect([await notesOf(one), await notesOf(other)]).toEqual([[], ["hers"]]);
    await sql`select public.forget_user(null)`;
    expect(await notesOf(other)).toEqual(["hers"]);
  });

  it("forgets it when Auth deletes the user", async () => {
    const user = newId();
    await write(user, "mine");
    await sql`insert into auth.users ${sql({ id: user })}`;
    await sql`delete from auth.users where id = ${user}`;
    expect(await notesOf(user)).toEqual([]);
  });

  it("exports it under its name", async () => {
    const user = newId();
    await write(user, "a", "b");
    const [row] =
      await sql`select public.export_user_data(${user}) as it, public.export_user_data(null) as nobody`;
    expect(row).toEqual({ it: { caller_networks: [], notes: ["a", "b"] }, nobody: null });
  });

  it("exports it part by part, too, each after the name of the previous one", async () => {
    const user = newId();
    await write(user, "a");
    const after = async (name: string | null, who: string | null = user) =>
      (await sql`select public.export_next_user_data(${who}, ${name}) as part`)[0]!.part;
    expect(await after("")).toEqual({ name: "caller_networks", data: [] });
    expect(await after("caller_networks")).toEqual({ name: "notes", data: ["a"] });
    expect([await after("notes"), await after(null), await after("", null)]).toEqual([null, null, null]);
    await write(user, "x".repeat(17_000_000));
    await expect(after("caller_networks")).rejects.toThrow("The part notes of an export has more than");
  });

  it("that cannot delete it now stops the others, too: all or nothing", async () => {
    const user = newId();
    await write(user, "mine");
    await sql`
      insert into private.user_data (name, forget, description) values ('refuser', 'refuse_to_forget', 'Anything')`;
    await expect(sql`select public.forget_user(${user})`).rejects.toThrow("not now");
    expect(await notesOf(user)).toEqual(["mine"]);
    await sql`delete from private.user_data where name = 'refuser'`;
  });

  it("is called by a plain name, and by nothing else", async () => {
    await expect(sql`
      insert into private.user_data (name, forget, description) values ('bad', 'f(); drop table x; --', 'Bad')`)
      .rejects.toThrow("user_data_forget_a_name");
  });
});

describe("an alert where nobody delivers any", () => {
  it("is forgotten after 90 days", async () => {
    await sql`insert into public.alert_types (alert_type, description) values ('noted', 'Something was noted')`;
    const emit = async (age: string) => {
      const [row] = await sql`select private.emit_alert('noted', 'k', '{}') ->> 'alert_id' as id`;
      await sql`update private.alert_outbox set created_at = now() - ${age}::interval where id = ${row!.id}`;
      return Number(row!.id);
    };
    const [, young] = [await emit("91 days"), await emit("89 days")];
    expect((await sql`select public.run_job('cleanup_alert_outbox') as it`)[0]!.it.result).toMatchObject({
      count: 1,
    });
    const left = await sql`select id::integer from private.alert_outbox`;
    expect(left.map(({ id }) => id)).toEqual([young]);
  });
});
