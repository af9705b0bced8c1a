import { join } from "node:path";
import { expect, test } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import { copyOfProject, deno } from "./copies.ts";

test(
  "deno task new makes a feature whose test and contract hold at once, and that the checks accept",
  async () => {
    const copy = await copyOfProject();
    try {
      const made = await deno(copy, "task", "new", "pun-maker");
      expect(made).toMatchObject({ code: 0, printed: expect.stringContaining("/functions/v1/pun-maker") });

      const files = [
        "supabase/functions/pun-maker",
        "tests/http/bodies/pun-maker.ts",
        "tests/features/pun_maker.test.ts",
      ];
      for (const args of [["fmt", "--check"], ["lint"], ["check"]]) {
        expect(await deno(copy, ...args, ...files)).toMatchObject({ code: 0 });
      }
      expect(await deno(copy, "fmt", "--check", "supabase/modules.json")).toMatchObject({ code: 0 });
      expect(await deno(copy, "task", "modules", "--check")).toMatchObject({ code: 0 });
      expect(await Deno.readTextFile(join(copy, "docs/api.md"))).toContain("### pun-maker");
      expect(await Deno.readTextFile(join(copy, "client/features.ts"))).toContain("punMaker");

      const tests = ["tests/features/pun_maker.test.ts", "tests/http/features.test.ts"];
      const run = await deno(copy, "run", "-A", "npm:vitest@5.1.1", "run", "-t", "pun-maker", ...tests);
      expect(run).toMatchObject({ code: 0, printed: expect.stringMatching(/Tests .*\d+ passed/) });

      const again = await deno(copy, "task", "new", "pun-maker");
      expect(again).toMatchObject({ code: 1, printed: expect.stringContaining("it exists") });
    } finally {
      await Deno.remove(copy, { recursive: true });
    }
  },
  300_000,
);

test.each(["", "PunMaker", "../pun", "pun_maker", "pun-"])(
  "deno task new refuses the name %j",
  async (name) => {
    const refused = await deno(projectFolder, "run", "-A", "scripts/new.ts", name);
    expect(refused).toMatchObject({ code: 1, printed: expect.stringContaining("expected one name") });
  },
);
