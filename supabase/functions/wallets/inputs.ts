import { z } from "zod";

export const WalletId = z.uuid().describe("The team's wallet");
export const UserId = z.uuid();
export const Name = z.string().trim().min(1).max(100)
  .regex(/^\P{Cc}*$/u, "Expected a name without control characters").meta({ examples: ["Kitchen"] });
export const Tokens = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
export const Cap = Tokens.nullable().describe(
  "The most that the member may spend in a month (UTC); null for no cap",
);
export const Role = z.enum(["owner", "admin", "member", "viewer"]);
export const Done = z.object({ success: z.literal(true) });
