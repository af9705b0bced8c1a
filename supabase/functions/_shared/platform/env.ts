import { resolveEnv } from "@supabase/server/core";
import { z } from "zod";

import { AppError } from "./errors.ts";

/** The settings of one module, read and checked at the first call. Throws `internal` for an invalid setting. */
export interface DeclaredSettings<Shape extends z.ZodRawShape> {
  (): z.output<z.ZodObject<Shape>>;
  /** The title of the table in docs/configuration.md. */
  title: string;
  schema: z.ZodObject<Shape>;
}

/**
 * Declares the settings of one module, in a `settings.ts` that scripts/settings/modules/<module>.ts names. An invalid setting stops only what needs its module.
 */
export function defineSettings<Shape extends z.ZodRawShape>(
  title: string,
  shape: Shape,
): DeclaredSettings<Shape> {
  const schema = z.object(shape);
  let known: z.output<typeof schema> | undefined;
  return Object.assign(() => known ??= readSettings(schema), { title, schema });
}

/** The error for a setting that is missing or contradicts another. Only the log gets the cause. */
export function misconfigured(cause: string | Error): AppError {
  return new AppError("internal", "This server is not configured completely", {
    cause: typeof cause === "string" ? new Error(cause) : cause,
  });
}

function readSettings<Shape extends z.ZodRawShape>(schema: z.ZodObject<Shape>): z.output<z.ZodObject<Shape>> {
  const given = Object.keys(schema.shape).map((name) => [name, Deno.env.get(name) || undefined]);
  const parsed = schema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  throw misconfigured(`Invalid settings:\n${z.prettifyError(parsed.error)}`);
}

let supabaseEnv: ReturnType<typeof readSupabaseEnv> | undefined;

/** Address and keys of the project, as Supabase provides them. */
export function supabase(): ReturnType<typeof readSupabaseEnv> {
  supabaseEnv ??= readSupabaseEnv();
  return supabaseEnv;
}

function readSupabaseEnv() {
  const { data, error } = resolveEnv();
  if (error) throw misconfigured(error);
  return { ...data, publicUrl: Deno.env.get("SUPABASE_PUBLIC_URL") || data.url };
}
