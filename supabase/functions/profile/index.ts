import { defineActions } from "../_shared/http/actions.ts";
import { ensure } from "./ensure.ts";
import { avatar, cleanUpPictures, cover, removePicture } from "./pictures.ts";

export default defineActions("profile", {
  ensure,
  avatar,
  cover,
  "remove-picture": removePicture,
  "clean-up-pictures": cleanUpPictures,
}) satisfies Deno.ServeDefaultExport;
