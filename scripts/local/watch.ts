import { exists } from "./paths.ts";

/** Editors write a file in several steps; one reload is enough. */
const QUIET_MS = 150;

/** Calls back once a folder has changed and no further change follows. Returns a function that stops watching. */
export async function watchFolder(folder: string, onChange: () => void): Promise<() => void> {
  if (!await exists(folder)) return () => {};
  const watcher = Deno.watchFs(folder, { recursive: true });
  let timer: ReturnType<typeof setTimeout> | undefined;
  (async () => {
    for await (const event of watcher) {
      if (event.kind === "access") continue;
      clearTimeout(timer);
      timer = setTimeout(onChange, QUIET_MS);
    }
  })();
  return () => {
    clearTimeout(timer);
    watcher.close();
  };
}
