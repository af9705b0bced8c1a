import { defineActions } from "../_shared/actions.ts";
import { hook } from "./hook.ts";
import { request } from "./request.ts";
import { verify } from "./verify.ts";

export default defineActions("otp", { request, verify, hook }) satisfies Deno.ServeDefaultExport;
