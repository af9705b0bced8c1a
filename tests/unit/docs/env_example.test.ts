import { join } from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, it } from "vitest";

import { projectFolder } from "../../../scripts/local/paths.ts";
import { envExample } from "../../../scripts/settings/env_example.ts";
import { settings } from "../../../scripts/settings/settings.ts";
import { Settings } from "../../../supabase/functions/_shared/env.ts";

const text = await Deno.readTextFile(join(projectFolder, ".env.example"));

describe(".env.example", () => {
  it("is what the settings say", () => {
    expect(text).toBe(envExample(settings()));
  });

  it("changes nothing as it is", () => {
    expect(parseEnv(text)).toEqual({});
  });

  it("names every setting once, and each default that it shows is the one that counts", () => {
    const given = parseEnv(text.replaceAll(/^# ([A-Z][A-Z0-9_]+=)/gm, "$1"));
    expect(Object.keys(given).toSorted()).toEqual(Object.keys(Settings.shape).toSorted());
    const written = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
    expect(Object.keys(written).length).toBeGreaterThan(20);
    expect(Settings.parse({ ...written, AI_API_KEY: "any" })).toEqual(Settings.parse({ AI_API_KEY: "any" }));
  });

  it("shows a new setting, and when it is needed, in lines that fit a screen", () => {
    const need = { when: "parrots are charged", functions: [] };
    const made = envExample([{
      name: "AI_PARROT",
      description: "Which words a parrot says ".repeat(8).trim(),
      values: "1 to 9",
      isRequired: false,
      need,
    }]);
    expect(made).toContain("Values: 1 to 9. Needed when parrots are charged.\n# AI_PARROT=\n");
    expect(made.split("\n").filter((line) => line.length > 110)).toEqual([]);
  });
});
