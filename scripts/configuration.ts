// Writes docs/configuration.md and .env.example from the settings of the modules; --check compares.
import { writeOrCheck } from "./docs/generated.ts";
import { printableFailure } from "./local/errors.ts";
import { envExample } from "./settings/env_example.ts";
import { configurationPage } from "./settings/page.ts";
import { settings } from "./settings/settings.ts";

try {
  await writeOrCheck({
    "docs/configuration.md": configurationPage(settings()),
    ".env.example": envExample(settings()),
  });
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}
