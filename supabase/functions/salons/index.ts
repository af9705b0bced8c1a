import { defineActions } from "../_shared/http/actions.ts";
import { avatar, removeAvatar } from "./avatar.ts";

export default defineActions("salons", {
  avatar,
  "remove-avatar": removeAvatar,
}) satisfies Deno.ServeDefaultExport;
