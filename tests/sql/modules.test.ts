import { beforeAll, describe, expect, it } from "vitest";

import { readManifest, withRequirements } from "../../scripts/modules/manifest.ts";
import type { Examination } from "../../scripts/doctor/finding.ts";
import { broughtBy } from "../../scripts/modules/brought.ts";
import { advise } from "./advisors.ts";
import { createDatabase, type Database, newId } from "./support.ts";

const manifest = await readManifest();
const examinations = await broughtBy<Examination[]>(manifest, "doctor");

describe.each(Object.keys(manifest.modules))(
  "the module %s, with what it requires and nothing else",
  (name) => {
    const modules = withRequirements(manifest, name);
    let database: Database;

    beforeAll(async () => {
      database = await createDatabase({ modules });
    });

    it("has its migrations in an empty database", async () => {
      const [row] = await database.sql`select to_regclass('private.jobs') as jobs`;
      expect(row!.jobs).toBe("private.jobs");
    });

    it("has every function that its lists name, and each does its work", async () => {
      const { sql } = database;
      const jobs = await sql`select name from private.jobs where kind = 'sql' order by name`;
      expect(jobs.length).toBeGreaterThan(0);
      for (const job of jobs) {
        const [row] = await sql`select public.run_job(${job.name}) as it`;
        expect({ job: job.name, ...row!.it }).toMatchObject({ job: job.name, success: true, message: null });
      }
      const scans = await sql`select alert_type, scan from public.alert_types where scan is not null`;
      for (const { alert_type, scan } of scans) {
        const [row] = await sql.unsafe(`select private.${scan}() as count`);
        expect({ alert_type, ...row }).toEqual({ alert_type, count: 0 });
      }
      for (const { samples } of await sql`select samples from metrics.sources`) {
        const [row] = await sql.unsafe(`select metrics.${samples}() as it`);
        expect(row!.it).toBeInstanceOf(Array);
      }
    });

    it("calls no function of another module over HTTP", async () => {
      const functions = modules.flatMap((one) => manifest.modules[one]!.functions);
      const asked = await database.sql`select command from private.jobs where kind = 'http'`;
      for (const { command } of asked) expect(functions).toContain(command.split(/[/?]/)[0]);
    });

    it("exports a user's data, and deletes it", async () => {
      const { sql } = database;
      const user = newId();
      const parts = await sql`select name from private.user_data where export is not null order by name`;
      const [row] = await sql`select public.export_user_data(${user}) as it`;
      expect(Object.keys(row!.it).toSorted()).toEqual(parts.map((part) => part.name));
      await sql`select public.forget_user(${user})`;
      await sql`select public.forget_user(${user})`;
    });

    it("has what its checks for the doctor look at", async () => {
      for (const { name: check, examine } of modules.flatMap((one) => examinations[one] ?? [])) {
        const findings = await examine({ sql: database.sql });
        for (const { what, why, fix } of findings) expect([what, why, fix], check).not.toContain("");
      }
    });

    it("leaves the linter silent", async () => {
      expect((await advise(database.url)).filter((one) => one.name !== "unused_index")).toEqual([]);
    });
  },
);
