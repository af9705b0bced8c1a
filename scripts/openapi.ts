// Writes docs/openapi.json, docs/api.md and client/features.ts from the functions' declarations; --check compares.
import { apiPage } from "./docs/api_page.ts";
import { clientTypes } from "./docs/client_types.ts";
import { declaredFunctions } from "./docs/declared.ts";
import { writeOrCheck } from "./docs/generated.ts";
import { openApi } from "./docs/openapi.ts";
import { printableFailure } from "./local/errors.ts";

try {
  const functions = await declaredFunctions();
  await writeOrCheck({
    "docs/openapi.json": JSON.stringify(await openApi(functions), null, 2),
    "docs/api.md": await apiPage(functions),
    "client/features.ts": clientTypes(functions),
  });
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}
