// Writes docs/pricing.md from the features' declared prices and the provider's; --check compares.
import { declaredFunctions } from "./docs/declared.ts";
import { writeOrCheck } from "./docs/generated.ts";
import { pricingPage } from "./docs/pricing_page.ts";
import { printableFailure } from "./local/errors.ts";

try {
  await writeOrCheck({ "docs/pricing.md": await pricingPage(await declaredFunctions()) });
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}
