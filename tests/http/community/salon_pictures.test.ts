import { describe, expect, it } from "vitest";

import { plain } from "../../support/pictures.ts";
import { connect, type SignedInUser, signUp } from "../../support/stack.ts";
import { call, expectRefusal } from "../support/calls.ts";

const sql = connect({ connections: 2 });

async function newSalon({ client }: SignedInUser): Promise<string> {
  const { data, error } = await client.rpc("create_salon_with_code", { p_name: "Kitchen" });
  if (!data?.success) throw error ?? new Error(data.error);
  return data.salon_id;
}

const send = (user: SignedInUser, salon_id: string) =>
  call("salons/avatar", { user, body: { salon_id, file: plain("png") } });
const filesOf = async (salon: string) =>
  (await sql`select name from storage.objects where bucket_id = 'salon-avatars' and starts_with(name, ${`${salon}/`})`)
    .map(({ name }) => String(name));

describe("a salon's picture", () => {
  it("is shown to everybody, takes the place of the one before, and can be taken away", async () => {
    const owner = await signUp();
    const salon = await newSalon(owner);
    const [first, second] = [await send(owner, salon), await send(owner, salon)];
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(await filesOf(salon)).toEqual([second.body.url.split("/salon-avatars/")[1]]);
    expect((await fetch(second.body.url)).headers.get("Content-Type")).toBe("image/png");
    const { data } = await owner.client.from("my_salons").select("avatar_url").eq("id", salon).single();
    expect(data).toEqual({ avatar_url: second.body.url });
    expect(await call("salons/remove-avatar", { user: owner, body: { salon_id: salon } }))
      .toMatchObject({ status: 200, body: { success: true } });
    expect(await filesOf(salon)).toEqual([]);
  });

  it("is the owner's to change: for members, others and in Storage itself it is refused (community 16)", async () => {
    const [owner, member] = [await signUp(), await signUp()];
    const salon = await newSalon(owner);
    const joined = await member.client.rpc("join_salon", { p_salon_id: salon });
    expect(joined.data).toMatchObject({ success: true });
    for (const user of [member, await signUp()]) {
      expectRefusal(await send(user, salon), 404, "not_found");
      expectRefusal(
        await call("salons/remove-avatar", { user, body: { salon_id: salon } }),
        404,
        "not_found",
      );
    }
    const { error } = await owner.client.storage.from("salon-avatars")
      .upload(`${salon}/${crypto.randomUUID()}.png`, plain("png"), { contentType: "image/png" });
    expect(error).not.toBeNull();
    expect(
      (await owner.client.from("salons").update({ avatar_url: "https://example.com/x.png" }).eq("id", salon))
        .error,
    )
      .toMatchObject({ code: "42501" });
    expect(await filesOf(salon)).toEqual([]);
  });

  it("is a picture by its bytes", async () => {
    const owner = await signUp();
    const body = { salon_id: await newSalon(owner), file: new TextEncoder().encode("<svg/>") };
    expectRefusal(await call("salons/avatar", { user: owner, body }), 415, "unsupported_media_type");
  });
});
