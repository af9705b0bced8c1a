import { dirname, join } from "node:path";
import { parse } from "@std/yaml";
import { describe, expect, it } from "vitest";

import { exists, projectFolder } from "../../../scripts/local/paths.ts";
import { missingSettings, settings } from "../../../scripts/settings/settings.ts";
import { ALERT_TYPES } from "../../support/alert_data.ts";
import { pages } from "../../support/markdown.ts";

const texts = new Map(
  await Promise.all((await pages()).map(async (page) => {
    return [page, await Deno.readTextFile(join(projectFolder, page))] as const;
  })),
);

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  const headings = [...text.replaceAll(/^ *```[^]*?^ *```$/gm, "").matchAll(/^#+ (.+)$/gm)];
  return headings.map(([, heading]) =>
    heading!.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(/\s/g, "-")
  );
}

describe("links between pages", () => {
  it.each([...texts.keys()])("%s: every one leads somewhere", async (page) => {
    const broken: string[] = [];
    for (const [, target] of texts.get(page)!.matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)) {
      const [path, anchor] = target!.split("#");
      const file = path ? join(dirname(page), path) : page;
      const isThere = await exists(join(projectFolder, file));
      const isAnchor = !anchor || !file.endsWith(".md") || anchorsOf(texts.get(file) ?? "").includes(anchor);
      if (!isThere || !isAnchor) broken.push(target!);
    }
    expect(broken).toEqual([]);
  });
});

/** What a reader makes in a clone, or has in a project of its own, and no clone has. */
const MADE_BY_READERS =
  /pun-maker|\.env$|^supabase\/(tessera\.json|import_map\.json|functions\/deno\.json|schemas)$/;

describe("files that pages name", () => {
  it.each([...texts.keys()])("%s: every one exists", async (page) => {
    const named = [...texts.get(page)!.replaceAll(/^ *```[^]*?^ *```$/gm, "").matchAll(/`([^`\n]+)`/g)]
      .map(([, code]) => code!)
      .map((code) => code.replace(/^(?=_[a-z]+\/)/, "supabase/functions/"))
      .filter((code) => /^(bench|client|ops|scripts|supabase|tests)\/[\w./-]*$/.test(code))
      .filter((code) => !MADE_BY_READERS.test(code));
    const missing: string[] = [];
    for (const path of named) if (!await exists(join(projectFolder, path))) missing.push(path);
    expect(missing).toEqual([]);
  });
});

describe("the runbook", () => {
  const runbook = texts.get("docs/runbook.md")!;

  it("has a section for each type of alert", () => {
    expect(anchorsOf(runbook)).toEqual(expect.arrayContaining([...ALERT_TYPES]));
  });

  it("names each alert of Prometheus", async () => {
    const rules = parse(await Deno.readTextFile(join(projectFolder, "ops/prometheus/alerts.yml"))) as {
      groups: { rules: { alert: string }[] }[];
    };
    const alerts = rules.groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
    expect(alerts.length).toBeGreaterThan(10);
    expect(alerts.filter((alert) => !runbook.includes(`\`${alert}\``))).toEqual([]);
  });

  it("says how each key is rotated", () => {
    const keys = settings().map(({ name }) => name).filter((name) =>
      /(_KEYS?|_PEPPERS|_HOOK_SECRET)$/.test(name)
    );
    const rows = runbook.slice(runbook.indexOf("## Rotation of keys"));
    // A vendor's own key is changed as AI_API_KEY is.
    const ours = keys.filter((name) => !name.startsWith("VONAGE_"));
    expect(ours.length).toBeGreaterThan(3);
    expect(ours.filter((name) => !rows.includes(`\`${name}\``))).toEqual([]);
  });
});

describe("the settings that are described", () => {
  it("know what nothing works without", () => {
    expect(settings().filter(({ isRequired }) => isRequired).map(({ name }) => name)).toEqual(["AI_API_KEY"]);
  });

  it("are missing by name, where a function that is deployed needs them", () => {
    const { required, needed } = missingSettings(["AI_API_KEY", "OTP_PROOF_KEY"], ["otp", "balance"]);
    expect([required, needed.map(({ name }) => name)]).toEqual([[], ["OTP_PEPPERS"]]);
    expect(missingSettings([], []).required.map(({ name }) => name)).toEqual(["AI_API_KEY"]);
  });
});
