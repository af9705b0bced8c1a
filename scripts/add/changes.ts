import { namedDifference } from "./difference.ts";

/** What would be done to a project. */
export interface Plan {
  /** Whole texts, by the path in the project. */
  writes: Map<string, string>;
  removals: string[];
  /** One line for each thing that is done. */
  steps: string[];
  /** What stays as its owner has it, and how that differs. */
  kept: { path: string; why: string; difference: string }[];
  /** Why nothing may be written; one is enough. */
  conflicts: string[];
  notes: string[];
}

/** Says that a file is not as Tessera has it and stays so. */
export function keep(plan: Plan, path: string, why: string, current: string, offered: string): void {
  plan.kept.push({ path, why, difference: namedDifference(path, current, offered) });
}
