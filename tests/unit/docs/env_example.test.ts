import { join } from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, it } from "vitest";

import { projectFolder } from "../../../scripts/local/paths.ts";
import { envExample } from "../../../scripts/settings/env_example.ts";
import { settings } from "../../../scripts/settings/settings.ts";

const text = await Deno.readTextFile(join(projectFolder, ".env.example"));

describe(".env.example", () => {
  it("is what the settings say", () => {
    expect(text).toBe(envExample(settings()));
  });

  it("changes nothing as it is", () => {
    expect(parseEnv(text)).toEqual({});
  });

  it("names every setting once, and shows the default that counts when its line is taken in", () => {
    const lines = [...text.matchAll(/^# [A-Z][A-Z0-9_]+=/gm)].map(([line]) => line);
    expect(lines.length).toBe(new Set(lines).size);
    const given = parseEnv(text.replaceAll(/^# ([A-Z][A-Z0-9_]+=)/gm, "$1"));
    const defaults = settings().map(({ name, defaultText = "" }) => [name, defaultText]);
    expect(defaults.length).toBeGreaterThan(20);
    expect(given).toEqual(Object.fromEntries(defaults));
  });

  it("shows a new setting, and when it is needed, in lines that fit a screen", () => {
    const need = { when: "parrots are charged", functions: [] };
    const made = envExample([{
      title: "One-time codes",
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
