import { type Plan, short } from "./plan.ts";

/** A plan as lines of text, for the person who confirms it. */
export function* describePlan(plan: Plan): Generator<string> {
  const { project, commit, previous, changed, functions } = plan;
  yield `Project     ${project.ref} (${project.url})`;
  yield `Commit      ${short(commit)}${plan.isReturn ? ", a return" : ""}; deployed is ${
    previous ? `${short(previous.commitId)} since ${previous.deployedAt.toISOString()}` : "nothing yet"
  }`;
  if (plan.isReturn) {
    yield "Migrations  stay as they are: functions go back, the database never does";
  } else {
    yield `Migrations  ${
      plan.pendingMigrations.length === 0 ? "none to apply" : "to apply, before the functions:"
    }`;
    for (const name of plan.pendingMigrations) yield `              ${name}`;
  }
  if (changed.length === 0) yield "Functions   none changed";
  else if (changed.length === functions.length) yield `Functions   all ${functions.length}: ${plan.reason}`;
  else yield `Functions   ${changed.length} of ${functions.length}, ${plan.reason}: ${changed.join(", ")}`;
  for (const name of plan.removed) {
    yield `            ${name} is not in this commit and stays deployed. To delete it: supabase functions delete ${name} --project-ref ${project.ref}`;
  }
  for (const { name, description, need } of plan.neededSettings) {
    yield `Secret      ${name} is not set, which ${need!.functions.join(", ")} need: ${description}`;
  }
  for (const name of plan.unknownSecrets) {
    yield `Secret      ${name} is set and read by nothing. A typing error?`;
  }
  if (plan.uncommitted.length > 0) {
    yield `Left out    ${plan.uncommitted.length} files that are in no commit: ${
      plan.uncommitted.slice(0, 5).join(", ")
    }${plan.uncommitted.length > 5 ? ", …" : ""}`;
  }
  for (const obstacle of plan.obstacles) yield `IMPOSSIBLE  ${obstacle}`;
}
