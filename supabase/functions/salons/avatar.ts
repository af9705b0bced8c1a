import { z } from "zod";

import { change } from "../_community/outcome.ts";
import { PICTURE_BYTES } from "../_community/picture_buckets.ts";
import { checkedPicture, FORM_BYTES, PictureFile, showNew, showNone } from "../_community/pictures.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { AppError } from "../_shared/platform/errors.ts";

const BUCKET = "salon-avatars";

const SalonId = z.uuid();

/** Shows a picture of a salon, up to 2 MB: JPEG, PNG or WebP by its bytes. The one before is removed. For the owner. */
export const avatar = defineEndpoint({
  name: "salons/avatar",
  auth: "user",
  method: "POST",
  callLimit: { quota: 20, window_s: 3_600 },
  maxUploadBytes: PICTURE_BYTES[BUCKET] + FORM_BYTES,
  input: z.object({ salon_id: SalonId, file: PictureFile }),
  output: z.object({ url: z.string() }),
  codes: ["not_found"],
  async handle({ caller, input: { salon_id, file }, log }) {
    const mayPresent = await callDatabase("may_present_salon", {
      p_user_id: caller.userId,
      p_salon_id: salon_id,
    });
    if (!mayPresent) throw new AppError("not_found", "You own no such salon, or it is archived");
    const picture = await checkedPicture(file, PICTURE_BYTES[BUCKET]);
    const url = await showNew(BUCKET, salon_id, picture, showAs(caller.userId, salon_id), log);
    return Response.json({ url });
  },
});

/** Takes the picture of a salon away. For the owner. */
export const removeAvatar = defineEndpoint({
  name: "salons/remove-avatar",
  auth: "user",
  method: "POST",
  callLimit: { quota: 60, window_s: 3_600 },
  input: z.object({ salon_id: SalonId }),
  output: z.object({ success: z.literal(true) }),
  codes: ["not_found"],
  async handle({ caller, input: { salon_id }, log }) {
    await showNone(BUCKET, salon_id, showAs(caller.userId, salon_id), log);
    return Response.json({ success: true });
  },
});

function showAs(userId: string, salonId: string) {
  return (url: string | null) =>
    change<{ replaced: string | null }>("set_salon_avatar", {
      p_user_id: userId,
      p_salon_id: salonId,
      p_url: url,
    });
}
