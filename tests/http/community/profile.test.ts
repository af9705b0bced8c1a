import { Buffer } from "node:buffer";
import { describe, expect, it } from "vitest";

import { connect, serviceClient, type SignedInUser, signUp, stack } from "../../support/stack.ts";
import { FORMATS, ofCamera, plain, SECRET } from "../../support/pictures.ts";
import { call, eventually, expectRefusal } from "../support/calls.ts";

const sql = connect({ connections: 2 });

const pathIn = (bucket: string, url: string) => url.split(`/${bucket}/`).at(-1)!;
const shown = async ({ id }: SignedInUser) =>
  (await sql`select avatar_url as avatar, cover_url as cover from public.profiles where id = ${id}`)[0]!;
const filesOf = async ({ id }: SignedInUser, bucket = "avatars") =>
  (await sql`select name from storage.objects where bucket_id = ${bucket} and starts_with(name, ${`${id}/`})`)
    .map(({ name }) => String(name));

/** A PNG whose head says that it has so many pixels. */
function pngOf(width: number, height: number): Buffer {
  const png = Buffer.from(plain("png"));
  png.writeUInt32BE(width, 16);
  png.writeUInt32BE(height, 20);
  return png;
}

describe("profile/ensure", () => {
  it("returns the profile that sign-up made, and makes one that is missing", async () => {
    const user = await signUp();
    const first = await call("profile/ensure", { user, body: {} });
    expect(first).toMatchObject({
      status: 200,
      body: { is_new: false, profile: { id: user.id, status: "offline" } },
    });
    await sql`delete from public.profiles where id = ${user.id}`;
    expect(await call("profile/ensure", { user, body: {} })).toMatchObject({
      status: 200,
      body: { is_new: true },
    });
    expect(await call("profile/ensure", { user, body: { action: "x" } })).toMatchObject({
      body: { is_new: false },
    });
    expectRefusal(await call("profile/ensure", { body: {} }), 401, "unauthorized");
  });
});

describe("a picture of a profile", () => {
  it.each(FORMATS)("in %s is shown to everybody by its bytes, whatever it is called", async (format) => {
    const user = await signUp();
    const answer = await call("profile/avatar", { user, body: { file: plain(format) } });
    expect(answer.status).toBe(200);
    const { url } = answer.body;
    expect(await shown(user)).toEqual({ avatar: url, cover: null });
    expect(pathIn("avatars", url)).toMatch(new RegExp(`^${user.id}/[0-9a-f-]{36}\\.(jpg|png|webp)$`));
    const file = await fetch(url);
    expect(file.headers.get("Content-Type")).toBe(`image/${format}`);
    expect((await file.arrayBuffer()).byteLength).toBeGreaterThan(100);
  });

  it.each(FORMATS)(
    "in %s does not say where it was taken, and hides nothing behind its end",
    async (format) => {
      const user = await signUp();
      const hiding = Buffer.concat([ofCamera(format), Buffer.from("<script>alert(1)</script>")]);
      const { body } = await call("profile/cover", { user, body: { file: hiding } });
      const text = Buffer.from(await (await fetch(body.url)).arrayBuffer()).toString("latin1");
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain("<script>");
    },
  );

  it("takes the place of the one before, whose file is removed", async () => {
    const user = await signUp();
    const other = await signUp();
    const first = await call("profile/avatar", { user, body: { file: plain("png") } });
    const another = await call("profile/avatar", { user: other, body: { file: plain("png") } });
    const second = await call("profile/avatar", { user, body: { file: plain("png") } });
    expect(second.body.url).not.toBe(first.body.url);
    expect(await filesOf(user)).toEqual([pathIn("avatars", second.body.url)]);
    expect((await fetch(first.body.url)).ok).toBe(false);
    expect((await fetch(another.body.url)).ok).toBe(true);
    const removed = await call("profile/remove-picture", { user, body: { picture: "avatar" } });
    expect(removed).toMatchObject({ status: 200, body: { success: true } });
    expect([await filesOf(user), await shown(user)]).toEqual([[], { avatar: null, cover: null }]);
  });

  it("is one, however many are sent at once", async () => {
    const user = await signUp();
    const answers = await Promise.all(
      [1, 2, 3, 4, 5].map(() => call("profile/avatar", { user, body: { file: plain("png") } })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const { avatar } = await shown(user);
    await eventually("one file", async () => (await filesOf(user)).length === 1);
    expect(await filesOf(user)).toEqual([pathIn("avatars", avatar)]);
  });

  it.each(
    [
      [
        "a page that is called a picture",
        Buffer.from("<!doctype html><script>alert(1)</script>"),
        415,
        "unsupported_media_type",
      ],
      ["SVG", Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 415, "unsupported_media_type"],
      ["a head without a picture", plain("png").subarray(0, 20), 400, "invalid_request"],
      ["a picture that is cut off", plain("png").subarray(0, 60), 400, "invalid_request"],
      ["more pixels than a screen's memory holds", pngOf(30_000, 30_000), 400, "invalid_request"],
      ["no pixels", pngOf(0, 8), 400, "invalid_request"],
      ["an empty file", Buffer.alloc(0), 415, "unsupported_media_type"],
      [
        "more than 2 MB",
        Buffer.concat([plain("png"), Buffer.alloc(2 * 1024 * 1024)]),
        413,
        "payload_too_large",
      ],
    ] as const,
  )("is not %s", async (_, file, status, code) => {
    const user = await signUp();
    expectRefusal(await call("profile/avatar", { user, body: { file } }), status, code);
    expect([await filesOf(user), (await shown(user)).avatar]).toEqual([[], null]);
  });

  it("of a wide kind may have 5 MB", async () => {
    const user = await signUp();
    const file = Buffer.concat([plain("jpeg"), Buffer.alloc(4 * 1024 * 1024)]);
    expect((await call("profile/cover", { user, body: { file } })).status).toBe(200);
  });

  it("is written by the function alone: Storage lets no user write, whoever's folder (community 16)", async () => {
    const [user, other] = [await signUp(), await signUp()];
    for (const bucket of ["avatars", "covers"]) {
      for (const { id } of [user, other]) {
        const { error } = await user.client.storage.from(bucket)
          .upload(`${id}/${crypto.randomUUID()}.png`, plain("png"), {
            contentType: "image/png",
            upsert: true,
          });
        expect(error).not.toBeNull();
      }
    }
    const { error } = await user.client.from("profiles").update({
      avatar_url: "https://example.com/track.png",
    })
      .eq("id", user.id);
    expect(error).toMatchObject({ code: "42501" });
    expect(await filesOf(user)).toEqual([]);
  });

  it("is not stored for an account that was forgotten", async () => {
    const user = await signUp();
    await sql`delete from public.profiles where id = ${user.id}`;
    expectRefusal(await call("profile/avatar", { user, body: { file: plain("png") } }), 404, "not_found");
    expect(await filesOf(user)).toEqual([]);
  });
});

describe("profile/clean-up-pictures", () => {
  it("removes what no profile shows, with its bytes, and nothing else", async () => {
    const user = await signUp();
    const { body: { url } } = await call("profile/avatar", { user, body: { file: plain("png") } });
    const { error } = await serviceClient().storage.from("avatars")
      .upload(`${user.id}/left.png`, plain("png"), { contentType: "image/png" });
    expect(error).toBeNull();
    await sql`
      update storage.objects set created_at = now() - interval '2 hours'
      where bucket_id = 'avatars' and starts_with(name, ${`${user.id}/`})`;
    const answer = await call("profile/clean-up-pictures", {
      headers: { apikey: stack.secretKey },
      body: {},
    });
    expect(answer).toMatchObject({ status: 200, body: { files: expect.any(Number) } });
    expect(await filesOf(user)).toEqual([pathIn("avatars", url)]);
    expect((await fetch(url)).ok).toBe(true);
    expectRefusal(await call("profile/clean-up-pictures", { user, body: {} }), 401, "unauthorized");
  });
});

describe("a profile by REST", () => {
  it("is read by everybody, and its columns are changed by its owner as declared (community 1)", async () => {
    const [user, other] = [await signUp(), await signUp()];
    const change = (by: SignedInUser, set: Record<string, unknown>) =>
      by.client.from("profiles").update(set).eq("id", user.id).select("full_name");
    expect((await change(user, { full_name: " Ada  " })).data).toEqual([{ full_name: "Ada" }]);
    expect((await change(other, { full_name: "Eve" })).data).toEqual([]);
    for (
      const column of ["role", "subscription_type", "stripe_customer_id", "presence_status", "created_at"]
    ) {
      expect((await change(user, { [column]: "2020-01-01" })).error).not.toBeNull();
    }
    const { data } = await other.client.from("profiles").select("*").eq("id", user.id).single();
    expect(data).toMatchObject({ id: user.id, full_name: "Ada", status: "offline" });
    expect(JSON.stringify(data)).not.toContain("@example.com");
  });
});
