import { join } from "node:path";
import { parse } from "@std/yaml";
import { describe, expect, it } from "vitest";

import { projectFolder } from "../../../scripts/local/paths.ts";

const read = (path: string) => Deno.readTextFile(join(projectFolder, path));
const FORMS = join(".github", "ISSUE_TEMPLATE");
const forms = [...Deno.readDirSync(join(projectFolder, FORMS))].map(({ name }) => name)
  .filter((name) => name !== "config.yml");

interface Form {
  name: string;
  description: string;
  body: { type: string; id?: string; attributes: { label?: string; options?: string[]; value?: string } }[];
}

describe("the issue form", () => {
  it.each(forms)("%s is one that GitHub accepts", async (name) => {
    const form = parse(await read(join(FORMS, name))) as Form;
    expect(form.name).toMatch(/\w/);
    expect(form.description).toMatch(/\w/);
    const fields = form.body.filter(({ type }) => type !== "markdown");
    expect(fields.length).toBeGreaterThan(1);
    expect(new Set(fields.map(({ id }) => id)).size).toBe(fields.length);
    for (const { type, id, attributes } of fields) {
      expect(["textarea", "input", "dropdown", "checkboxes"]).toContain(type);
      expect(id).toMatch(/^[\w-]+$/);
      expect(attributes.label).toMatch(/\w/);
      if (type === "dropdown") expect(attributes.options!.length).toBeGreaterThan(1);
    }
  });
});

describe("CHANGELOG.md", () => {
  it("has its versions with dates, the newest first, in the sections of Keep a Changelog", async () => {
    const text = await read("CHANGELOG.md");
    const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading!);
    expect(headings[0]).toBe("[Unreleased]");
    const versions = headings.slice(1).map((heading) =>
      /^\[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$/.exec(heading)
    );
    expect(versions).not.toContain(null);
    const dates = versions.map((version) => version![2]!);
    expect(dates).toEqual(dates.toSorted().toReversed());
    const sections = [...text.matchAll(/^### (.+)$/gm)].map(([, section]) => section);
    const known = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];
    expect(sections.filter((section) => !known.includes(section!))).toEqual([]);
  });

  it("knows the version that the security policy and the README name", async () => {
    const [, newest] = /^## \[(\d+\.\d+)\.\d+\]/m.exec(await read("CHANGELOG.md"))!;
    expect(await read("SECURITY.md")).toContain(`| ${newest}     | yes        |`);
    expect(await read("README.md")).toContain(`Tessera ${newest}`);
  });
});

describe("LICENSE", () => {
  it("is the whole Apache License 2.0, as the README says", async () => {
    const text = await read("LICENSE");
    expect(text).toMatch(/^\s*Apache License\s+Version 2\.0, January 2004/);
    for (const section of Array.from({ length: 9 }, (_, at) => `   ${at + 1}. `)) {
      expect(text).toContain(section);
    }
    expect(text).toContain("END OF TERMS AND CONDITIONS");
    expect(await read("README.md")).toContain("[Apache 2.0](LICENSE)");
  });
});
