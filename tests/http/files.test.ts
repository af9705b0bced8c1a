import { afterAll, describe, expect, it } from "vitest";

import { connect, serviceClient, signUp, stack } from "../support/stack.ts";
import { call, expectRefusal } from "./support/calls.ts";

const sql = connect();
afterAll(() => sql.end());

const PNG = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

describe("a user whose uploads are as many as they may be", () => {
  it("cannot upload another file through Storage, even many at once, until one is removed", async () => {
    const { id, client } = await signUp();
    const [settings] = await sql`select uploads_per_user as most from private.file_settings`;
    await sql`
      insert into storage.objects (bucket_id, name, metadata)
      select 'uploads', ${id} || '/' || number, '{"size": 1}' from generate_series(1, ${
      settings!.most - 2
    }) as number`;
    const bucket = client.storage.from("uploads");
    const upload = (name: string) => bucket.upload(`${id}/${name}.png`, PNG, { contentType: "image/png" });
    const answers = await Promise.all(["a", "b", "c", "d", "e", "f"].map(upload));
    expect(answers.filter(({ error }) => error === null)).toHaveLength(2);
    const kept = answers.find(({ error }) => error === null)!.data!.path;
    expect((await upload("g")).error).not.toBeNull();
    await bucket.remove([kept]);
    expect((await upload("h")).error).toBeNull();
    await sql`delete from storage.objects where bucket_id = 'uploads' and starts_with(name, ${`${id}/`})`;
  });
});

describe("account/clean-up-files", () => {
  it("removes files past their retention, with their bytes, and nothing else", async () => {
    const { id } = await signUp();
    for (const bucket of ["uploads", "generated"]) {
      for (const name of ["old", "young"]) {
        const { error } = await serviceClient().storage.from(bucket)
          .upload(`${id}/${name}.png`, PNG, { contentType: "image/png" });
        expect(error).toBeNull();
      }
    }
    await sql`
      update storage.objects set created_at = now() - interval '91 days'
      where starts_with(name, ${`${id}/old`})`;
    const answer = await call("account/clean-up-files", { headers: { apikey: stack.secretKey }, body: {} });
    expect(answer.status).toBe(200);
    expect(answer.body.files).toBeGreaterThanOrEqual(2);
    for (const bucket of ["uploads", "generated"]) {
      const { data } = await serviceClient().storage.from(bucket).list(id);
      expect(data!.map(({ name }) => name)).toEqual([expect.stringMatching(/(^|\/)young\.png$/)]);
      expect((await serviceClient().storage.from(bucket).download(`${id}/old.png`)).error).not.toBeNull();
    }
    await serviceClient().storage.from("uploads").remove([`${id}/young.png`]);
    await serviceClient().storage.from("generated").remove([`${id}/young.png`]);
  });

  it("is for the schedule, and for no user", async () => {
    const user = await signUp();
    expectRefusal(await call("account/clean-up-files", { user, body: {} }), 401, "unauthorized");
  });
});
