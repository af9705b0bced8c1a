import type { z } from "zod";

import type { DeclaredSettings } from "../../supabase/functions/_shared/platform/env.ts";
import { broughtBy } from "../modules/brought.ts";
import { readManifest } from "../modules/manifest.ts";

/** When a setting without a default is required. */
export interface Need {
  /** In words, for the table. */
  when: string;
  /** Functions that partly answer 500 without it. */
  functions: string[];
}

/** A module's settings, in scripts/settings/modules/<module>.ts. */
export interface ModuleSettings {
  declared: DeclaredSettings<z.ZodRawShape>[];
  /**
   * When each optional setting that the module reads is needed, also if a required module declares it. A setting that
   * is not listed and has no default is always required.
   */
  needs: Record<string, Need>;
}

const modules = Object.values(await broughtBy<ModuleSettings>(await readManifest(), "settings"));

/** The settings of every module, in the order of docs/configuration.md: first those that everything needs. */
export const DECLARED = modules.flatMap(({ declared }) => declared)
  .toSorted((one, other) => Number(isRequired(other)) - Number(isRequired(one)));

/** When each optional setting is needed, by any of the modules. */
export const NEEDS: Record<string, Need> = {};
for (const [name, { when, functions }] of modules.flatMap(({ needs }) => Object.entries(needs))) {
  const known = NEEDS[name];
  NEEDS[name] = known === undefined
    ? { when, functions }
    : { when: `${known.when}, or ${when}`, functions: [...known.functions, ...functions] };
}

function isRequired({ schema }: DeclaredSettings<z.ZodRawShape>): boolean {
  return !schema.safeParse({}).success;
}
