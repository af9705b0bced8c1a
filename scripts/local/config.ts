import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "@std/toml";
import { supabaseFolder } from "./paths.ts";

/** The settings that the local stack reads from supabase/config.toml. */
export interface ProjectConfig {
  api: { port: number; schemas?: string[]; max_rows?: number };
  db: { port: number };
  studio: { port: number };
  realtime?: { enabled?: boolean };
  auth?: Record<string, unknown>;
  storage?: Record<string, unknown>;
  functions?: Record<string, { import_map?: string }>;
}

/** Reads supabase/config.toml, which the Supabase CLI reads too; from another project if its folder is given. */
export function readProjectConfig(folder: string = supabaseFolder): ProjectConfig {
  return parse(readFileSync(join(folder, "config.toml"), "utf8")) as unknown as ProjectConfig;
}
