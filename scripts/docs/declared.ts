import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { z } from "zod";

import type { Auth } from "../../supabase/functions/_shared/http/credentials.ts";
import type { CallLimit } from "../../supabase/functions/_shared/http/call_limits.ts";
import type { ErrorCode } from "../../supabase/functions/_shared/platform/errors.ts";
import type { Price } from "../../supabase/functions/_shared/ledger/price.ts";
import { functionsFolder } from "../local/paths.ts";

/** An endpoint's declaration; one with another protocol may have no schemas. */
export interface Declared {
  /** The folder, and the action where it has several: `otp/verify`. */
  name: string;
  /** `feature`: metered, with one response. `realtime`: a conversation over a WebSocket. `plain`: free of charge. */
  kind: "feature" | "conversation" | "plain";
  auths: Auth[];
  method: string;
  isAlsoPost?: boolean;
  price?: Price;
  input?: z.ZodType;
  output?: z.ZodType;
  /** The call limit, or what limits calls instead. */
  callLimit?: CallLimit | { instead: string };
  /** Whether a user may name a team's wallet in the header `Tessera-Wallet`. */
  takesWallet?: boolean;
  /** Its own error codes. */
  codes?: ErrorCode[];
  /** Also accepts multipart/form-data. */
  maxUploadBytes?: number;
  run?(tools: unknown): Promise<unknown>;
  /** The comment above the declaration. */
  description: string;
  /** Its first sentence, without the full stop. */
  summary: string;
}

/** Whether an app may call it with a user's token or its publishable key, and gets JSON. */
export function isForApps({ auths, kind, input, output }: Declared): boolean {
  return auths.some((auth) => auth === "user" || auth === "publishable") && kind !== "conversation" &&
    input !== undefined && output !== undefined;
}

/** Every endpoint, by name. */
export async function declaredFunctions(folder = functionsFolder): Promise<Declared[]> {
  const names = [...Deno.readDirSync(folder)]
    .filter(({ isDirectory, name }) => isDirectory && !/^[_.]/.test(name))
    .map(({ name }) => name)
    .toSorted();
  const endpoints = await Promise.all(names.map((name) => endpointsOf(join(folder, name), name)));
  return endpoints.flat();
}

async function endpointsOf(folder: string, name: string): Promise<Declared[]> {
  const [{ default: declaration }, source] = await Promise.all([
    import(/* @vite-ignore */ pathToFileURL(join(folder, "index.ts")).href),
    textOf(folder),
  ]);
  if (!declaration.actions) return [declared(declaration, name, commentAbove(source, "export default"))];
  return Object.entries<Declaration>(declaration.actions).map(([action, endpoint]) => {
    const named = new RegExp(`\\n\\s*"?${action}"?: (\\w+),`).exec(source)?.[1] ?? camelCase(action);
    const constantOf = (name: string) => new RegExp(`\\n(export )?const ${name} =`).exec(source)?.[0];
    const constant = constantOf(camelCase(action)) ?? constantOf(named) ?? "\n";
    return declared(endpoint, `${name}/${action}`, commentAbove(source, constant.slice(1)));
  });
}

type Declaration = Partial<Declared> & { auth?: Auth | Auth[] };

function declared(declaration: Declaration, name: string, description: string): Declared {
  return {
    method: "POST",
    ...declaration,
    auths: [declaration.auth ?? "user"].flat(),
    name,
    kind: declaration.price === undefined ? "plain" : declaration.run ? "feature" : "conversation",
    description,
    summary: description.split(/\.(?:\s|$)/)[0] || name,
  };
}

/** All sources of a function's folder, joined. */
async function textOf(folder: string): Promise<string> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".ts"));
  return (await Promise.all(names.map((name) => Deno.readTextFile(join(folder, name))))).join("\n");
}

/** The text of the documentation comment that ends right before a position. */
function commentAbove(source: string, what: string): string {
  const before = source.slice(0, source.indexOf(`\n${what}`));
  const comment = /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*$/.exec(before)?.[1] ?? "";
  return comment.replace(/^\s*\*? ?/gm, "").replace(/\s+/g, " ").trim();
}

/** `meal-analyzer` and `meal/analyzer` as a method: `mealAnalyzer`. */
export function camelCase(name: string): string {
  return name.replace(/[-/](\w)/g, (_separator, letter: string) => letter.toUpperCase());
}

/** `meal-analyzer` as a type: `MealAnalyzer`. */
export function pascalCase(name: string): string {
  const camel = camelCase(name);
  return camel[0]!.toUpperCase() + camel.slice(1);
}
