import { z } from "zod";

import { change } from "../_community/outcome.ts";
import { PICTURE_BYTES } from "../_community/picture_buckets.ts";
import {
  checkedPicture,
  FORM_BYTES,
  PictureFile,
  removeFiles,
  showNew,
  showNone,
} from "../_community/pictures.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";

/** Shows a picture of the signed-in user, up to 2 MB: JPEG, PNG or WebP by its bytes. The one before is removed. */
export const avatar = pictureEndpoint("profile/avatar", "avatars");

/** Shows a wide picture above the profile, up to 5 MB: JPEG, PNG or WebP by its bytes. The one before is removed. */
export const cover = pictureEndpoint("profile/cover", "covers");

function pictureEndpoint(name: string, bucket: "avatars" | "covers") {
  return defineEndpoint({
    name,
    auth: "user",
    method: "POST",
    callLimit: { quota: 20, window_s: 3_600 },
    maxUploadBytes: PICTURE_BYTES[bucket] + FORM_BYTES,
    input: z.object({ file: PictureFile }),
    output: z.object({ url: z.string() }),
    codes: ["not_found"],
    async handle({ caller: { userId }, input, log }) {
      const picture = await checkedPicture(input.file, PICTURE_BYTES[bucket]);
      return Response.json({ url: await showNew(bucket, userId, picture, showAs(userId, bucket), log) });
    },
  });
}

/** Takes one of the signed-in user's pictures away. */
export const removePicture = defineEndpoint({
  name: "profile/remove-picture",
  auth: "user",
  method: "POST",
  callLimit: { quota: 60, window_s: 3_600 },
  input: z.object({ picture: z.enum(["avatar", "cover"]) }),
  output: z.object({ success: z.literal(true) }),
  codes: ["not_found"],
  async handle({ caller: { userId }, input, log }) {
    const bucket = input.picture === "avatar" ? "avatars" : "covers";
    await showNone(bucket, userId, showAs(userId, bucket), log);
    return Response.json({ success: true });
  },
});

function showAs(userId: string, bucket: string) {
  return (url: string | null) =>
    change<{ replaced: string | null }>("set_profile_picture", {
      p_user_id: userId,
      p_bucket: bucket,
      p_url: url,
    });
}

interface StoredPicture {
  bucket: string;
  path: string;
}

interface PageToRemove {
  files: StoredPicture[];
  next_after: StoredPicture | null;
}

/**
 * Removes pictures that no profile and no salon shows any more: of who is gone, and those that could not be removed when
 * they were replaced. The schedule calls it every night; the next call removes the rest.
 */
export const cleanUpPictures = defineEndpoint({
  name: "profile/clean-up-pictures",
  auth: "secret",
  method: "POST",
  input: z.object({
    budget_ms: z.coerce.number().int().min(1_000).max(120_000).default(100_000).describe(
      "No new batch of a thousand files starts after this time",
    ),
  }),
  output: z.object({ files: z.int().describe("How many files were removed") }),
  async handle({ input }) {
    const endsAtMs = performance.now() + input.budget_ms;
    let files = 0;
    let after: StoredPicture | null = null;
    do {
      const page: PageToRemove = await change<PageToRemove>("pictures_to_remove", {
        p_after_bucket: after?.bucket ?? null,
        p_after_path: after?.path ?? null,
      });
      for (const [bucket, group] of Map.groupBy(page.files, (one) => one.bucket)) {
        await removeFiles(bucket, group.map(({ path }) => path));
      }
      files += page.files.length;
      after = page.next_after;
    } while (after !== null && performance.now() < endsAtMs);
    return Response.json({ files });
  },
});
