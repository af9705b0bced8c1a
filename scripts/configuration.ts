// Writes docs/configuration.md from the settings of the modules; --check compares.
import { writeOrCheck } from "./docs/generated.ts";
import { printableFailure } from "./local/errors.ts";
import { configurationPage } from "./settings/page.ts";
import { settings } from "./settings/settings.ts";

try {
  await writeOrCheck({ "docs/configuration.md": configurationPage(settings()) });
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}
