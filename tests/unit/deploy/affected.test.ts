import { expect, it } from "vitest";

import { affectedFunctions } from "../../../scripts/deploy/affected.ts";

const FUNCTIONS = ["balance", "meal-analyzer", "otp"];

it.each([
  "supabase/functions/_shared/platform/env.ts",
  "supabase/functions/_app/kitchen/units.ts",
  "supabase/functions/deno.json",
  "supabase/config.toml",
  "deno.json",
  "deno.lock",
])("%s is a part of every function", (path) => {
  const { functions, reason } = affectedFunctions(FUNCTIONS, ["supabase/functions/otp/index.ts", path]);
  expect(functions).toEqual(FUNCTIONS);
  expect(reason).toContain(path);
});

it("a function's own folder means this function, however deep", () => {
  const paths = ["supabase/functions/otp/request.ts", "supabase/functions/balance/parts/one.ts"];
  expect(affectedFunctions(FUNCTIONS, paths).functions).toEqual(["balance", "otp"]);
});

it.each(["supabase/migrations/1_a.sql", "supabase/tests/a.sql", "supabase/functions/gone/index.ts"])(
  "%s means no function",
  (path) => expect(affectedFunctions(FUNCTIONS, [path]).functions).toEqual([]),
);
