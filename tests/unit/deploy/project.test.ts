import { expect, it } from "vitest";

import { findProject } from "../../../scripts/deploy/project.ts";

const REF = "abcdefghijklmnopqrst";
const OTHER = "zzzzzzzzzzzzzzzzzzzz";

it.each([
  `postgresql://postgres.${OTHER}:secret@aws-0-eu-central-1.pooler.supabase.com:5432/postgres`,
  `postgresql://postgres:secret@db.${OTHER}.supabase.co:5432/postgres`,
])("the database of another project is refused, without its password: %s", async (databaseUrl) => {
  const refused = findProject({ projectRef: REF, databaseUrl });
  await expect(refused).rejects.toThrow(`is of the project ${OTHER}, and the linked one is ${REF}`);
  await expect(refused).rejects.not.toThrow("secret");
});

it("a project's own database is taken, and its functions' address follows from its ref", async () => {
  const databaseUrl = `postgresql://postgres.${REF}:secret@pooler.supabase.com:5432/postgres`;
  expect(await findProject({ projectRef: REF, databaseUrl })).toEqual({
    ref: REF,
    databaseUrl,
    url: `https://${REF}.supabase.co`,
  });
});

it("says what a project ref looks like", async () => {
  await expect(findProject({ projectRef: "My Project" })).rejects.toThrow("20 lowercase letters");
});
