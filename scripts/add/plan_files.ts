import { messageOf, StackError } from "../local/errors.ts";
import { keep, type Planning } from "./changes.ts";
import { digestOf } from "./record.ts";
import { readText } from "./target.ts";

interface Parts extends Planning {
  isForced: (path: string) => boolean;
}

/** Missing files are added, unchanged ones are updated, and changed ones are kept. */
export async function planFiles({ target, offer, record, plan, isForced }: Parts): Promise<void> {
  const taken = offer.functions.filter((name) =>
    target.functions.includes(name) && !target.record.functions.includes(name)
  );
  for (const name of taken) plan.conflicts.push(`function folder supabase/functions/${name} exists`);

  for (const [path, text] of offer.files) {
    if (taken.some((name) => path.startsWith(`supabase/functions/${name}/`))) continue;
    const recorded = target.record.files[path];
    const digest = await digestOf(text);
    let current: string | undefined;
    try {
      current = await readText(target.folder, path);
    } catch (error) {
      if (!(error instanceof StackError)) throw error;
      plan.conflicts.push(messageOf(error));
      continue;
    }
    const write = (verb: string) => {
      plan.writes.set(path, text);
      plan.steps.push(`${verb}  ${path}`);
      record.files[path] = digest;
    };
    if (current === text) record.files[path] = digest;
    else if (current === undefined && !recorded) write("add   ");
    else if (!recorded) plan.conflicts.push(`file ${path} exists`);
    else if (current !== undefined && await digestOf(current) === recorded) write("update");
    else if (isForced(path)) write("force ");
    else if (current === undefined) {
      plan.notes.push(`${path} was removed by you, and stays removed; --force ${path} restores it`);
    } else {
      const also = recorded === digest ? "" : ", and Tessera changed it too";
      keep(plan, path, `changed by you${also}`, current, text);
    }
  }

  for (const [path, digest] of Object.entries(target.record.files)) {
    if (offer.files.has(path)) continue;
    delete record.files[path];
    const current = await readText(target.folder, path);
    if (current === undefined) continue;
    if (await digestOf(current) === digest) {
      plan.removals.push(path);
      plan.steps.push(`remove  ${path}`);
    } else {plan.notes.push(
        `${path} is gone from Tessera, and you changed it: from now on it is yours`,
      );}
  }
}
