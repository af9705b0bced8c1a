import { defineActions } from "../_shared/http/actions.ts";
import { callback } from "./callback.ts";
import { confirm } from "./confirm.ts";

export default defineActions("auth", { callback, confirm }) satisfies Deno.ServeDefaultExport;
