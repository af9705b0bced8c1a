import { dirname, join } from "node:path";

import { runSupabaseCli } from "../../scripts/local/migrate.ts";
import { run } from "../../scripts/local/run.ts";

/** A foreign Supabase project, in a git repository. */
export interface OwnProject {
  /** Its path has a space. */
  folder: string;
  read(path: string): Promise<string>;
  write(path: string, text: string): Promise<void>;
  /** Commits all there is. */
  commit(): Promise<void>;
  /** Paths that are not as they were committed. */
  changed(): Promise<string[]>;
  remove(): Promise<void>;
}

/** Its own table, and a function with its own import map. */
export const NOTES = {
  migration: "supabase/migrations/20260301120000_notes.sql",
  files: {
    "supabase/migrations/20260301120000_notes.sql":
      `create table public.notes (id bigint primary key, note text);
create role note_reader;
insert into storage.buckets (id, name) values ('note-pictures', 'note-pictures');
grant select on public.notes to anon;
`,
    "supabase/functions/notes/index.ts": `import { greeting } from "words";

Deno.serve(() => new Response(greeting));
`,
    "supabase/functions/notes/deno.json": '{ "imports": { "words": "./greeting.ts" } }\n',
    "supabase/functions/notes/greeting.ts": 'export const greeting = "hello from notes";\n',
  },
  config: '\n# Mine\n[functions.notes]\nverify_jwt = false\nimport_map = "./functions/notes/deno.json"\n',
};

/** Makes one as its owner does: \`supabase init\`, then files. */
export async function newProject(files: Record<string, string> = NOTES.files): Promise<OwnProject> {
  const parent = await Deno.realPath(await Deno.makeTempDir({ prefix: "tessera-own-" }));
  const folder = join(parent, "my app");
  await Deno.mkdir(folder);
  await runSupabaseCli(["init"], join(parent, "home"), undefined, folder);
  const git = (...args: string[]) => run("git", { args: ["-C", folder, ...args] });
  const write = async (path: string, text: string) => {
    await Deno.mkdir(dirname(join(folder, path)), { recursive: true });
    await Deno.writeTextFile(join(folder, path), text);
  };
  const read = (path: string) => Deno.readTextFile(join(folder, path));
  const commit = async () => {
    await git("add", "-A");
    const who = ["-c", "user.name=Test", "-c", "user.email=test@example.com"];
    await git(...who, "commit", "-q", "--allow-empty", "-m", "A state");
  };
  await git("init", "-q");
  for (const [path, text] of Object.entries(files)) await write(path, text);
  if (files === NOTES.files) {
    await write("supabase/config.toml", await read("supabase/config.toml") + NOTES.config);
  }
  await commit();
  return {
    folder,
    read,
    write,
    commit,
    async changed() {
      const status = await git("status", "--porcelain", "--untracked-files=all");
      return status.split("\n").filter((line) => line !== "").map((line) =>
        line.slice(3).replaceAll('"', "")
      );
    },
    remove: () => Deno.remove(parent, { recursive: true }),
  };
}
