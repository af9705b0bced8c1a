// Writes the tables of docs/security.md from what the modules declare in tests/security/permissions.
import { join } from "node:path";

import { withTables } from "../tests/security/matrix_table.ts";
import { projectFolder } from "./local/paths.ts";

const file = join(projectFolder, "docs", "security.md");
await Deno.writeTextFile(file, withTables(await Deno.readTextFile(file)));
