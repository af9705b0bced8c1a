import { describe, expect, it } from "vitest";

import { connect, serviceClient, type SignedInUser, signUp, stack } from "../../support/stack.ts";
import { call } from "../support/calls.ts";

const sql = connect({ connections: 2 });

// deno-lint-ignore no-explicit-any -- what a function answers
async function rpc({ client }: SignedInUser, name: string, args: Record<string, unknown>): Promise<any> {
  const { data, error } = await client.rpc(name, args);
  if (error) throw error;
  return data;
}

async function salonOf(owner: SignedInUser, ...members: SignedInUser[]): Promise<string> {
  const { salon_id, share_code } = await rpc(owner, "create_salon_with_code", {
    p_name: "Room",
    p_visibility: "private",
  });
  for (const member of members) {
    expect(await rpc(member, "join_salon_via_code", { p_code: share_code })).toMatchObject({ success: true });
  }
  return salon_id;
}

async function send(user: SignedInUser, p_salon_id: string, more = {}) {
  const args = { p_salon_id, p_content: "hello", p_client_id: crypto.randomUUID(), ...more };
  return await rpc(user, "send_message", args);
}

function upload({ id, client }: SignedInUser, salonId: string, text: string, contentType = "text/plain") {
  const path = `${id}/${salonId}/${crypto.randomUUID()}`;
  return client.storage.from("attachments").upload(path, text, { contentType })
    .then(({ error }) => ({ path, error }));
}

async function textOf({ client }: SignedInUser, path: string): Promise<string | undefined> {
  const { data } = await client.storage.from("attachments").download(path);
  return await data?.text();
}

describe("messages by REST", () => {
  it("are sent, read through the view, reacted to and deleted with supabase-js as it is", async () => {
    const [owner, member] = [await signUp(), await signUp()];
    const salonId = await salonOf(owner, member);
    const { id } = await send(owner, salonId, { p_content: "Bonjour" });
    await rpc(member, "toggle_message_reaction", { p_message_id: id, p_emoji: "👍" });
    const view = () =>
      member.client.from("chat_messages_with_profiles").select("id, content, user_id, seq").eq(
        "salon_id",
        salonId,
      );
    expect((await view()).data).toEqual([{ id, content: "Bonjour", user_id: owner.id, seq: 1 }]);
    expect(await rpc(member, "get_message_reactions_summary", { p_message_id: id }))
      .toEqual([{ emoji: "👍", count: 1, has_reacted: true }]);
    expect(await rpc(owner, "unread_counts", {})).toMatchObject([{ salon_id: salonId, unread: 0 }]);
    expect(await rpc(member, "unread_counts", {})).toMatchObject([{ salon_id: salonId, unread: 1 }]);
    await rpc(owner, "delete_message", { p_message_id: id });
    expect((await view()).data).toEqual([]);
  });

  it("are not there for who is no member, in whatever way it asks (community 6, 9)", async () => {
    const [owner, stranger] = [await signUp(), await signUp()];
    const salonId = await salonOf(owner);
    const { id } = await send(owner, salonId);
    for (
      const table of ["chat_messages", "chat_messages_with_profiles", "message_reactions", "message_pins"]
    ) {
      expect((await stranger.client.from(table).select("*")).data).toEqual([]);
    }
    const embedded = await stranger.client.from("salons").select("id, chat_messages(content)").eq(
      "id",
      salonId,
    );
    expect(embedded.data).toEqual([]);
    for (
      const [name, args] of [
        ["messages_after", { p_salon_id: salonId, p_after: 0 }],
        ["search_messages", { p_query: "hello", p_salon_id: salonId }],
        ["edit_message", { p_message_id: id, p_content: "x" }],
        ["delete_message", { p_message_id: id }],
        ["pin_message", { p_message_id: id }],
      ] as const
    ) {
      expect(await rpc(stranger, name, args)).toMatchObject({ success: false, error: "not_found" });
    }
  });
});

describe("attachments through Storage", () => {
  it("are uploaded by a member, sent, and read by the salon alone (community 16, platform 16)", async () => {
    const [owner, member, stranger] = [await signUp(), await signUp(), await signUp()];
    const salonId = await salonOf(owner, member);
    const { path, error } = await upload(owner, salonId, "the list");
    expect(error).toBeNull();
    expect(await textOf(member, path)).toBeUndefined();
    expect(await send(owner, salonId, { p_attachments: [path] })).toMatchObject({ success: true });
    expect([await textOf(member, path), await textOf(stranger, path)]).toEqual(["the list", undefined]);
    const page = await rpc(member, "messages_after", { p_salon_id: salonId, p_after: 0 });
    expect(page.messages[0].attachments).toEqual([{ path, content_type: "text/plain", size_bytes: 8 }]);
  });

  it("are refused of a type that a browser would run, in another's folder, and for another's salon", async () => {
    const [owner, stranger] = [await signUp(), await signUp()];
    const salonId = await salonOf(owner);
    for (const type of ["text/html", "image/svg+xml", "application/javascript"]) {
      expect((await upload(owner, salonId, "<script>", type)).error).not.toBeNull();
    }
    expect((await upload(stranger, salonId, "x")).error).not.toBeNull();
    expect((await upload({ ...owner, client: stranger.client }, salonId, "x")).error).not.toBeNull();
  });
});

describe("messages/attachment-links", () => {
  it("links for a minute to what the caller sees, and nobody else signs what is not its own", async () => {
    const [owner, member, stranger] = [await signUp(), await signUp(), await signUp()];
    const salonId = await salonOf(owner, member);
    const { path } = await upload(owner, salonId, "the list");
    await send(owner, salonId, { p_attachments: [path] });
    const linksFor = (user: SignedInUser) =>
      call("messages/attachment-links", { user, body: { paths: [path] } });
    const answer = await linksFor(member);
    expect(answer).toMatchObject({ status: 200, body: { links: [{ path, url: expect.any(String) }] } });
    const { url } = (answer.body as { links: { url: string }[] }).links[0]!;
    expect(await (await fetch(url)).text()).toBe("the list");
    const { exp, iat } = JSON.parse(atob(new URL(url).searchParams.get("token")!.split(".")[1]!));
    expect(exp - (iat ?? Math.floor(Date.now() / 1_000))).toBeLessThanOrEqual(60);
    expect(await linksFor(stranger)).toMatchObject({ status: 200, body: { links: [] } });
    const signs = async ({ client }: SignedInUser) =>
      (await client.storage.from("attachments").createSignedUrl(path, 315_360_000)).data?.signedUrl !==
        undefined;
    expect([await signs(owner), await signs(member), await signs(stranger)]).toEqual([true, false, false]);
    expect(await textOf(member, path), "it is read all the same").toBe("the list");
  });
});

describe("messages/remove-attachments", () => {
  it("removes files of a message that was deleted and of an account that is gone, so that no link opens them", async () => {
    const [owner, member] = [await signUp(), await signUp()];
    const salonId = await salonOf(owner, member);
    const sendFile = async (user: SignedInUser) => {
      const { path } = await upload(user, salonId, "the list");
      const { id } = await send(user, salonId, { p_attachments: [path] });
      const { data } = await user.client.storage.from("attachments").createSignedUrl(path, 3_600);
      return { path, id, url: data!.signedUrl };
    };
    const [deleted, kept, gone] = [await sendFile(owner), await sendFile(owner), await sendFile(member)];
    const opened = () =>
      Promise.all([deleted, kept, gone].map(({ url }) =>
        fetch(url).then(async (answer) => {
          await answer.body?.cancel();
          return answer.ok;
        })
      ));
    expect(await opened()).toEqual([true, true, true]);
    await rpc(owner, "delete_message", { p_message_id: deleted.id });
    await sql`delete from auth.users where id = ${member.id}`;
    const secret = { headers: { apikey: stack.secretKey }, body: {} };
    expect(await call("messages/remove-attachments", secret)).toMatchObject({ status: 200 });
    expect(await opened()).toEqual([false, true, false]);
    expect(await call("messages/remove-attachments", { user: owner, body: {} })).toMatchObject({
      status: 401,
    });
  });
});

describe("messages/clean-up-attachments", () => {
  it("removes files that no message has, with their bytes, and no others", async () => {
    const owner = await signUp();
    const salonId = await salonOf(owner);
    const files = [await upload(owner, salonId, "sent"), await upload(owner, salonId, "left")];
    await send(owner, salonId, { p_attachments: [files[0]!.path] });
    await sql`
      update storage.objects set created_at = now() - interval '25 hours'
      where bucket_id = 'attachments' and starts_with(name, ${`${owner.id}/`})`;
    const answer = await call("messages/clean-up-attachments", {
      headers: { apikey: stack.secretKey },
      body: {},
    });
    expect(answer).toMatchObject({ status: 200, body: { files: expect.any(Number) } });
    const { data } = await serviceClient().storage.from("attachments").list(`${owner.id}/${salonId}`);
    expect(data!.map(({ name }) => `${owner.id}/${salonId}/${name}`)).toEqual([files[0]!.path]);
    expect(await textOf(owner, files[0]!.path)).toBe("sent");
    expect(await call("messages/clean-up-attachments", { user: owner, body: {} })).toMatchObject({
      status: 401,
    });
  });
});
