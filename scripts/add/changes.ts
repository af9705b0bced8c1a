import { namedDifference } from "./difference.ts";
import type { Offer } from "./offer.ts";
import type { Given } from "./record.ts";
import type { Target } from "./target.ts";

/** The planned changes of a project. */
export interface Plan {
  /** Complete new texts, by their path in the project. */
  writes: Map<string, string>;
  removals: string[];
  /** One line per change. */
  steps: string[];
  /** Files that keep their owner's changes, each with its difference. */
  kept: { path: string; why: string; difference: string }[];
  /** Conflicts: a single one prevents writing. */
  conflicts: string[];
  notes: string[];
}

/** What each part of the planning works with. */
export interface Planning {
  target: Target;
  offer: Offer;
  /** Changed to its new content. */
  record: Given;
  plan: Plan;
}

/** Reports a file that differs from Tessera's and is kept. */
export function keep(plan: Plan, path: string, why: string, current: string, offered: string): void {
  plan.kept.push({ path, why, difference: namedDifference(path, current, offered) });
}
