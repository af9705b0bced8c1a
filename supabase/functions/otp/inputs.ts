import { z } from "zod";

export const PhoneInput = z.string().min(1).max(100)
  .describe("With its calling code, in any spelling: +33 6 12 34 56 78; or a tel: URI")
  .meta({ examples: ["+33612345678", "+44 7400 123456", "0032470123456", "tel:+33-6-12-34-56-78"] });

export const PurposeInput = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/)
  .default("verify_phone")
  .describe("What the code is for; a code works only for its purpose")
  .meta({ examples: ["verify_phone", "sign_in"] });
