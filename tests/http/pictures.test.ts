import { Buffer } from "node:buffer";
import { beforeAll, describe, expect, it } from "vitest";

import { FORMATS, ofCamera, pictureUrl, SECRET } from "../support/pictures.ts";
import { serviceClient, type SignedInUser } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { PIXEL_URL } from "./support/bodies.ts";
import { call, expectCharged, expectRefusal } from "./support/calls.ts";
import { logLines, openFunctions } from "./support/functions.ts";
import { openScriptedProvider } from "./support/scripted_provider.ts";

const TOKENS = 10_000;
const PIXEL = Buffer.from(PIXEL_URL.split(",")[1]!, "base64");
const SOUP = {
  dishes: [{
    name: "soup",
    mass_g: 300,
    confidence: 0.8,
    energy_kcal: 300,
    protein_g: 18,
    carbohydrate_g: 40,
    fat_g: 7.5,
  }],
};

const { newUser, accountOf, expectUntouched } = openAccounts();
const provider = await openScriptedProvider();
let user: SignedInUser;

beforeAll(async () => {
  user = await newUser(TOKENS);
});

/** Puts a file into the bucket with a user's own rights, and gives its path as features take it. */
async function upload(owner: SignedInUser, file: Uint8Array | string = PIXEL, contentType = "image/png") {
  const path = `${owner.id}/${crypto.randomUUID()}.png`;
  const { error } = await owner.client.storage.from("uploads").upload(path, file, { contentType });
  if (error) throw error;
  return `uploads/${path}`;
}

describe("a picture in the bucket for uploads", () => {
  it("reaches the model with the type that its bytes have, whatever Storage was told", async () => {
    const photo = await upload(user, PIXEL, "image/webp");
    const answer = await provider.call("meal-analyzer", { user, body: { photo } }, [SOUP]);
    expectCharged(answer);
    expect(provider.asked[0]).toContain(PIXEL_URL);
    expect(provider.asked[0]).not.toContain("uploads/");
  });

  it("costs what the same picture costs in the body", async () => {
    const [one, other] = [await newUser(TOKENS), await newUser(TOKENS)];
    const photo = await upload(one);
    await provider.call("meal-analyzer", { user: one, body: { photo } }, [SOUP]);
    await provider.call("meal-analyzer", { user: other, body: { photo: PIXEL_URL } }, [SOUP]);
    const amounts = await Promise.all(
      [one, other].map(async (each) => (await accountOf(each)).locks.at(-1)!.amount),
    );
    expect(amounts[0]).toBe(amounts[1]);
  });

  it("is read among others, each in its place", async () => {
    const photos = [await upload(user), PIXEL_URL, await upload(user)];
    const answer = await provider.call("fridge-scan-vision", { user, body: { photos } }, [{ items: [] }]);
    expectCharged(answer);
    expect(provider.asked[0]!.split(PIXEL_URL)).toHaveLength(4);
  });

  it("is not needed for a replay: the stored answer is given when the file is gone", async () => {
    const [photo, key] = [await upload(user), crypto.randomUUID()];
    const first = await provider.call("meal-analyzer", { user, key, body: { photo } }, [SOUP]);
    expectCharged(first);
    await user.client.storage.from("uploads").remove([photo.slice("uploads/".length)]);
    const again = await provider.call("meal-analyzer", { user, key, body: { photo } }, []);
    expect({ text: again.text, replayed: again.headers.get("Idempotent-Replayed") })
      .toEqual({ text: first.text, replayed: "true" });
    const other = await provider.call(
      "meal-analyzer",
      { user, key, body: { photo: await upload(user) } },
      [],
    );
    expectRefusal(other, 422, "idempotency_key_reused");
  });

  it("that does not exist is the caller's mistake; the same key works once it does", async () => {
    const one = await newUser(TOKENS);
    const [photo, key] = [`uploads/${one.id}/later.png`, crypto.randomUUID()];
    const early = await provider.call("meal-analyzer", { user: one, key, body: { photo } }, []);
    expectRefusal(early, 400, "invalid_request");
    expect(early.body.details).toMatchObject([{ path: "photo", code: "custom" }]);
    expect(provider.asked).toEqual([]);
    await expectUntouched(one, TOKENS);

    const { error } = await one.client.storage.from("uploads").upload(`${one.id}/later.png`, PIXEL, {
      contentType: "image/png",
    });
    expect(error).toBeNull();
    expectCharged(await provider.call("meal-analyzer", { user: one, key, body: { photo } }, [SOUP]));
  });

  it("of another user looks as if it did not exist", async () => {
    const [one, owner] = [await newUser(TOKENS), await newUser()];
    const photos = [PIXEL_URL, await upload(owner)];
    const answers = await Promise.all(
      [photos[1], `uploads/${owner.id}/none.png`].map((photo) =>
        call("fridge-scan-vision", { user: one, body: { photos: [PIXEL_URL, photo] } })
      ),
    );
    for (const answer of answers) {
      expectRefusal(answer, 400, "invalid_request");
      expect(answer.body.details).toMatchObject([{ path: "photos.1" }]);
    }
    expect(answers[0]!.body.message).toBe(answers[1]!.body.message);
    await expectUntouched(one, TOKENS);
  });

  it.each([
    ["HTML", "<script>alert(1)</script>"],
    ["SVG", `<svg xmlns="http://www.w3.org/2000/svg"/>`],
    ["a GIF", "GIF89a\x01\x00\x01\x00"],
    ["a picture with something before it", Buffer.concat([Buffer.from("x"), PIXEL])],
  ])("that is %s and says it is a PNG, is refused by its bytes", async (_what, file) => {
    const one = await newUser(TOKENS);
    const photo = await upload(one, file);
    expectRefusal(await call("meal-analyzer", { user: one, body: { photo } }), 400, "invalid_request");
    await expectUntouched(one, TOKENS);
  });

  it("may have 5 MB, and all of a request 15 MB", async () => {
    const one = await newUser(TOKENS);
    const file = (byteCount: number) => Buffer.concat([PIXEL, Buffer.alloc(byteCount - PIXEL.length)]);
    const tooLarge = await upload(one, file(5_000_001));
    // In a process of this file: in the suite's own other tests may take all the memory that there is for large requests.
    const refused = await provider.call("meal-analyzer", { user: one, body: { photo: tooLarge } }, []);
    expectRefusal(refused, 400, "invalid_request");
    expect(refused.body.message).toMatch(/5 MB/);

    const large = await upload(one, file(5_000_000));
    const many = await provider.call("fridge-scan-vision", {
      user: one,
      body: { photos: Array(4).fill(large) },
    }, []);
    expectRefusal(many, 400, "invalid_request");
    expect(many.body.message).toMatch(/15 MB/);
    await expectUntouched(one, TOKENS);
    expectCharged(await provider.call("meal-analyzer", { user: one, body: { photo: large } }, [SOUP]));
  });

  it("is not read for a user who cannot pay", async () => {
    const [poor] = [await newUser()];
    const answer = await call("meal-analyzer", {
      user: poor,
      body: { photo: `uploads/${poor.id}/none.png` },
    });
    expectRefusal(answer, 402, "insufficient_tokens");
  });
});

describe.each(FORMATS)("a %s that carries its place", (format) => {
  const camera = ofCamera(format);

  it.each([
    ["in the body", () => Promise.resolve(pictureUrl(format, camera))],
    ["in the bucket for uploads", () => upload(user, camera, `image/${format}`)],
  ])("%s, reaches the provider without it, and turned as it was", async (_where, give) => {
    const photo = await give();
    const other = pictureUrl(format, camera);
    const answer = await provider.call("fridge-scan-vision", { user, body: { photos: [photo, other] } }, [
      { items: [] },
    ]);
    expectCharged(answer);
    const received = [...provider.asked[0]!.matchAll(/data:image\/\w+;base64,([\w+/=]+)/g)]
      .map(([, base64]) => Buffer.from(base64!, "base64"));
    expect(received).toHaveLength(2);
    for (const bytes of received) {
      expect(bytes.includes(SECRET)).toBe(false);
      expect(bytes.includes(Buffer.from("01120003000000010006", "hex"))).toBe(true);
    }
  });

  it("and ends too early is refused by name, before anybody is asked", async () => {
    const one = await newUser(TOKENS);
    const photo = pictureUrl(format, camera.subarray(0, 60));
    const answer = await provider.call("meal-analyzer", { user: one, body: { photo } }, []);
    expectRefusal(answer, 400, "invalid_request");
    expect(answer.body.message).toMatch(/^photo: The picture is damaged: /);
    expect(provider.asked).toEqual([]);
    await expectUntouched(one, TOKENS);
  });
});

describe("the bucket for uploads", () => {
  it("takes no other types and nothing in another's folder, whose file stays what it was", async () => {
    const [one, owner] = [await newUser(), await newUser()];
    const path = (await upload(owner)).slice("uploads/".length);
    const bucket = one.client.storage.from("uploads");
    const html = await bucket.upload(`${one.id}/a.html`, "<script>", { contentType: "text/html" });
    expect(html.error).not.toBeNull();
    for (const upsert of [false, true]) {
      const { error } = await bucket.upload(path, "other bytes", { contentType: "image/png", upsert });
      expect(error).not.toBeNull();
    }
    const own = await owner.client.storage.from("uploads").upload(path, "other bytes", {
      contentType: "image/png",
      upsert: true,
    });
    expect(own.error).not.toBeNull();
    const { data } = await serviceClient().storage.from("uploads").download(path);
    expect(Buffer.from(await data!.arrayBuffer()).equals(PIXEL)).toBe(true);
  });
});

describe("a picture on the web", () => {
  it("whose host is unknown or private is refused with the same message; the log has the reason", async () => {
    const one = await newUser(TOKENS);
    const functions = await openFunctions();
    const messages = new Set<string>();
    for (const host of ["nobody.invalid", "localhost.localdomain.invalid"]) {
      const answer = await call("meal-analyzer", {
        base: functions.url,
        user: one,
        body: { photo: `https://${host}/a.png` },
      });
      expectRefusal(answer, 400, "invalid_request");
      expect(answer.body.details).toMatchObject([{ path: "photo", code: "custom" }]);
      messages.add(answer.body.message);
      const [line] = await logLines(functions, answer.body.request_id);
      expect(line?.cause).toContain(host);
    }
    expect(messages.size).toBe(1);
    await expectUntouched(one, TOKENS);
  });
});
