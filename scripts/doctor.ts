import { parseArgs } from "node:util";

import { connectTo } from "./local/connect.ts";
import { postgresUrl } from "./local/database_url.ts";
import { findProjectRef, secretNames } from "./deploy/project.ts";
import { examine, type Report } from "./doctor/examine.ts";
import type { KnownSettings } from "./doctor/finding.ts";
import { printableFailure, StackError } from "./local/errors.ts";
import { functionsEnvironment } from "./local/functions_environment.ts";
import { functionsFolder, projectFolder } from "./local/paths.ts";
import { findRunningStack } from "./local/running.ts";
import { explainWhenAsked } from "./local/usage.ts";

const USAGE = `deno task doctor [--json] [--models]                         looks at the running local stack
deno task doctor --db-url URL [--url URL] [--project-ref REF]  looks at another project

Finds what is missing: settings, signing keys, extensions, jobs, migrations, config.toml, partitions, Realtime, limits, grants, and what
the platform of the functions does: with --url that needs SUPABASE_SECRET_KEY. It changes nothing. Exits with 1 when something is missing.
--models also asks the text model a small thing, which its provider bills. --db-url is the database as role postgres; --url is where the
project answers; with the linked project or --project-ref the names of its secrets are asked for.`;

explainWhenAsked("doctor", USAGE);

try {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      "db-url": { type: "string" },
      "url": { type: "string" },
      "project-ref": { type: "string" },
      "json": { type: "boolean" },
      "models": { type: "boolean" },
    },
  });
  if (positionals.length > 0) throw new StackError(USAGE);
  const { databaseUrl, ...target } = await findTarget(
    values["db-url"],
    values.url,
    values["project-ref"],
  );
  const sql = connectTo(databaseUrl);
  try {
    const reports = await examine({ sql, ...target, asksModels: values.models });
    print(reports, values.json ?? false);
    const isComplete = reports.every(({ findings }) => findings.every(({ severity }) => severity === "note"));
    if (!isComplete) Deno.exitCode = 1;
  } finally {
    await sql.end();
  }
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(2);
}

async function findTarget(givenDatabaseUrl?: string, givenUrl?: string, givenRef?: string) {
  if (!givenDatabaseUrl) {
    const { databaseUrl, url, ports, secrets } = await findRunningStack();
    const settings: KnownSettings = {
      kind: "values",
      values: functionsEnvironment(ports, secrets, functionsFolder),
    };
    return { databaseUrl, url: givenUrl ?? url, isLocal: true, secretKey: secrets.secretKey, settings };
  }
  const databaseUrl = postgresUrl(givenDatabaseUrl).href;
  const ref = await findProjectRef(givenRef);
  const settings: KnownSettings | undefined = ref
    ? { kind: "names", names: await secretNames(projectFolder, ref) }
    : undefined;
  return {
    databaseUrl,
    url: givenUrl ?? (ref && `https://${ref}.supabase.co`),
    secretKey: Deno.env.get("SUPABASE_SECRET_KEY"),
    settings,
  };
}

function print(reports: Report[], isJson: boolean): void {
  if (isJson) {
    console.log(JSON.stringify(reports, null, 2));
    return;
  }
  for (const { name, findings } of reports) {
    if (findings.length === 0) console.log(`good     ${name}`);
    for (const { severity, what, why, fix } of findings) {
      console.log(`${severity.padEnd(8)} ${what}\n           why  ${why}\n           fix  ${fix}`);
    }
  }
  const missing = reports.flatMap(({ findings }) => findings).filter(({ severity }) =>
    severity === "missing"
  );
  console.log(missing.length === 0 ? "Nothing is missing" : `${missing.length} to mend`);
}
