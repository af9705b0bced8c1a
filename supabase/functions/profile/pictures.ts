import { z } from "zod";

import { change } from "../_community/outcome.ts";
import {
  addressOf,
  checkedPicture,
  PictureFile,
  removeAt,
  removeFiles,
  storePicture,
} from "../_community/pictures.ts";
import { PICTURE_BYTES, type PictureBucket } from "../_community/picture_buckets.ts";
import { defineEndpoint, type EndpointContext } from "../_shared/endpoint.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { AppError } from "../_shared/platform/errors.ts";
import { describeCause } from "../_shared/platform/log.ts";

/** What surrounds the file in a form. */
const FORM_BYTES = 16 * 1024;

/** Shows a picture of the signed-in user, up to 2 MB: JPEG, PNG or WebP by its bytes. The one before is removed. */
export const avatar = pictureEndpoint("profile/avatar", "avatars");

/** Shows a wide picture above the profile, up to 5 MB: JPEG, PNG or WebP by its bytes. The one before is removed. */
export const cover = pictureEndpoint("profile/cover", "covers");

function pictureEndpoint(name: string, bucket: PictureBucket) {
  return defineEndpoint({
    name,
    auth: "user",
    method: "POST",
    callLimit: { quota: 20, window_s: 3_600 },
    maxUploadBytes: PICTURE_BYTES[bucket] + FORM_BYTES,
    input: z.object({ file: PictureFile }),
    output: z.object({ url: z.string() }),
    codes: ["not_found"],
    async handle({ caller, input, log }) {
      const picture = checkedPicture(input.file, PICTURE_BYTES[bucket]);
      const path = await storePicture(bucket, caller.userId, picture);
      const url = addressOf(bucket, path);
      try {
        await show(caller.userId, bucket, url, log);
      } catch (error) {
        // Where the database's answer was lost, the file may be shown: then it stays, or the nightly job removes it.
        if (error instanceof AppError && error.code === "not_found") {
          await removeFiles(bucket, [path]).catch(noteIn(log));
        }
        throw error;
      }
      return Response.json({ url });
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
  async handle({ caller, input, log }) {
    await show(caller.userId, input.picture === "avatar" ? "avatars" : "covers", null, log);
    return Response.json({ success: true });
  },
});

/** Shows a picture, or none, and removes the one before. What cannot be removed now, the nightly job removes. */
async function show(
  userId: string,
  bucket: PictureBucket,
  url: string | null,
  log: EndpointContext<unknown>["log"],
): Promise<void> {
  const { replaced } = await change<{ replaced: string | null }>("set_profile_picture", {
    p_user_id: userId,
    p_bucket: bucket,
    p_url: url,
  });
  if (replaced !== null) await removeAt(bucket, userId, replaced).catch(noteIn(log));
}

function noteIn(log: EndpointContext<unknown>["log"]): (error: unknown) => void {
  return (error) => log.cause = describeCause(error);
}

/**
 * Removes pictures that no profile shows any more: of users who are gone, and those that could not be removed when they
 * were replaced. The schedule calls it every night; the next call removes the rest.
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
    let before = new Set<string>();
    while (performance.now() < endsAtMs) {
      const found = await callDatabase("pictures_to_remove", {});
      const listed = new Set(found.map(({ bucket, path }) => `${bucket}/${path}`));
      if (found.length === 0 || [...listed].every((name) => before.has(name))) break;
      for (const [bucket, group] of Map.groupBy(found, (one) => one.bucket)) {
        await removeFiles(bucket, group.map(({ path }) => path));
      }
      before = listed;
      files += found.length;
    }
    return Response.json({ files });
  },
});
