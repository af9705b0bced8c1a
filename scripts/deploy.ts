import { parseArgs } from "node:util";

import { deploy } from "./deploy/deploy.ts";
import { findProject } from "./deploy/project.ts";
import { printableFailure, StackError } from "./local/errors.ts";
import { projectFolder } from "./local/paths.ts";
import { explainWhenAsked } from "./local/usage.ts";

const USAGE =
  `deno task deploy                    says what would be deployed to the linked project, and changes nothing
deno task deploy --yes              migrations, then the functions that changed since the last time, then a smoke test
deno task deploy --to COMMIT        the functions go back to a commit; migrations never do. With --yes it is done

The project is the linked one, or SUPABASE_PROJECT_REF (--project-ref). SUPABASE_DB_URL (--db-url) is its database, with
the password; a session pooler will do. With SUPABASE_SECRET_KEY, the project's secret key, the smoke test also has the
functions try their platform. SUPABASE_ACCESS_TOKEN where nobody has run supabase login. What is deployed is
the commit HEAD, never a file that is not committed.`;

explainWhenAsked("deploy", USAGE);

try {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      "yes": { type: "boolean" },
      "to": { type: "string" },
      "project-ref": { type: "string" },
      "db-url": { type: "string" },
      "url": { type: "string" },
    },
  });
  if (positionals.length > 0) throw new StackError(USAGE);
  const project = await findProject({
    projectRef: values["project-ref"],
    databaseUrl: values["db-url"],
    url: values.url,
  });
  const isDone = await deploy({
    project,
    repositoryFolder: projectFolder,
    commit: values.to,
    isReturn: values.to !== undefined,
    isConfirmed: values.yes,
    say: (line) => console.log(line),
  });
  if (!isDone) Deno.exitCode = 1;
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(2);
}
