import { declaration } from "../../scripts/new/templates.ts";

/** The feature's price per call. */
export const FEATURE_PRICE = 3;

/** One small file, as docs/add.md has it. */
export const FEATURE = [
  "supabase/functions/pun-maker/index.ts",
  declaration("pun-maker", `{ per_call: ${FEATURE_PRICE} }`),
] as const;

export const FEATURE_CONFIG = `
[functions.pun-maker]
verify_jwt = false
import_map = "./functions/deno.json"
`;
