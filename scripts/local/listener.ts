/** Names the process that listens on a TCP port, "postgres (pid 12)", or undefined where it cannot be told. */
export async function listenerOf(port: number): Promise<string | undefined> {
  try {
    return Deno.build.os === "linux" ? await fromProc(port) : await fromLsof(port);
  } catch {
    return undefined;
  }
}

async function fromProc(port: number): Promise<string | undefined> {
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const text = await Deno.readTextFile(table).catch(() => "");
    for (const line of text.split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      const isListening = fields[3] === "0A";
      if (isListening && fields[9] && parseInt(fields[1]?.split(":").at(-1) ?? "", 16) === port) {
        inodes.add(`socket:[${fields[9]}]`);
      }
    }
  }
  if (inodes.size === 0) return undefined;
  for await (const entry of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    try {
      for await (const descriptor of Deno.readDir(`/proc/${entry.name}/fd`)) {
        const target = await Deno.readLink(`/proc/${entry.name}/fd/${descriptor.name}`).catch(() => "");
        if (!inodes.has(target)) continue;
        const name = (await Deno.readTextFile(`/proc/${entry.name}/comm`)).trim();
        return `${name} (pid ${entry.name})`;
      }
    } catch {
      continue; // The process ended meanwhile or belongs to another user.
    }
  }
  return undefined;
}

async function fromLsof(port: number): Promise<string | undefined> {
  const { stdout } = await new Deno.Command("lsof", {
    args: ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"],
    stderr: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  const pid = /^p(\d+)$/m.exec(text)?.[1];
  return pid ? `${/^c(.+)$/m.exec(text)?.[1] ?? "a process"} (pid ${pid})` : undefined;
}
