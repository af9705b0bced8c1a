import { z } from "zod";

import { jsonIn } from "../_shared/platform/setting_texts.ts";

/** Providers are called over TLS; plain HTTP is only for a provider on this machine. */
export function isSafeProviderUrl(url: URL): boolean {
  const isLoopback = ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  const isPlain = url.username === "" && url.password === "" && url.hash === "";
  return isPlain && (url.protocol === "https:" || (url.protocol === "http:" && isLoopback));
}

const ProviderUrl = z.url().refine(
  (text) => URL.canParse(text) && isSafeProviderUrl(new URL(text)),
  "Expected an https URL; http is only possible on a loopback address",
);

const Parameters = z.record(z.string().max(100), z.string().max(2_000)).default({});

const Provider = z.strictObject({
  issuer: ProviderUrl,
  client_id: z.string().min(1),
  client_secret: z.string().min(1).optional(),
  client_authentication: z.enum(["basic", "post", "none"]).optional(),
  grants: z.array(z.enum(["client_credentials", "authorization_code"])).min(1),
  discovery: z.enum(["openid", "oauth", "none"]).default("openid"),
  authorization_endpoint: ProviderUrl.optional(),
  token_endpoint: ProviderUrl.optional(),
  revocation_endpoint: ProviderUrl.optional(),
  jwks_uri: ProviderUrl.optional(),
  scope: z.string().max(2_000).optional(),
  user_scope: z.string().max(2_000).optional(),
  token_parameters: Parameters,
  authorize_parameters: Parameters,
  refresh_token_days: z.number().int().min(1).max(3_650).optional(),
}).superRefine((provider, context) => {
  const report = (path: string, message: string) =>
    context.addIssue({ code: "custom", path: [path], message });
  const authentication = provider.client_authentication ?? (provider.client_secret ? "basic" : "none");
  if (authentication !== "none" && !provider.client_secret) report("client_secret", "Expected a secret");
  if (provider.discovery !== "none") return;
  if (!provider.token_endpoint) report("token_endpoint", "Required, because discovery is none");
  if (provider.grants.includes("authorization_code") && !provider.authorization_endpoint) {
    report("authorization_endpoint", "Required, because discovery is none");
  }
});

/** The settings of one provider: everything that differs between providers. */
export type ProviderSettings = z.output<typeof Provider>;

const Providers = z.record(
  z.string().regex(/^[a-z][a-z0-9_-]{0,49}$/, "Expected a name of lower case letters, digits, - and _"),
  Provider,
);

/** OAuth providers as a setting: JSON with one object for each, by name. Messages never repeat the value. */
export const ProvidersText = z.string().transform((text, context): ReadonlyMap<string, ProviderSettings> => {
  const json = jsonIn(text);
  if (json === undefined) {
    context.addIssue({ code: "custom", message: "Expected JSON" });
    return z.NEVER;
  }
  const parsed = Providers.safeParse(json);
  if (parsed.success) return new Map(Object.entries(parsed.data));
  for (const { path, message } of parsed.error.issues) {
    context.addIssue({ code: "custom", message: `${path.join(".")}: ${message}` });
  }
  return z.NEVER;
});

/** Where a browser may be sent after an authorization: exact addresses, separated by white space or commas. */
export const RedirectUrlsText = z.string().transform((text, context): string[] => {
  const urls = text.split(/[\s,]+/).filter(Boolean);
  const isFine = (url: string) =>
    URL.canParse(url) && isSafeProviderUrl(new URL(url)) && !new URL(url).search;
  if (urls.every(isFine)) return urls.map((url) => new URL(url).href);
  const number = urls.findIndex((url) => !isFine(url)) + 1;
  context.addIssue({
    code: "custom",
    message: `Expected https URLs without query and fragment (http on loopback); entry ${number} is not`,
  });
  return z.NEVER;
});
