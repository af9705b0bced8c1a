import { defineActions } from "../_shared/http/actions.ts";
import { accept, invitations, invite, withdraw } from "./invitations.ts";
import { cap, leave, members, remove, role, transfer } from "./members.ts";
import { close, create, list, rename, usage } from "./wallets.ts";

export default defineActions("wallets", {
  create,
  list,
  rename,
  close,
  usage,
  invite,
  invitations,
  withdraw,
  accept,
  members,
  role,
  cap,
  remove,
  leave,
  transfer,
}) satisfies Deno.ServeDefaultExport;
