// Writes the tables of docs/security.md from their declaration, tests/security/matrix.ts.
import { join } from "node:path";

import { withTables } from "../tests/security/matrix_table.ts";
import { projectFolder } from "./local/paths.ts";

const file = join(projectFolder, "docs", "security.md");
await Deno.writeTextFile(file, withTables(await Deno.readTextFile(file)));
