/**
 * Names the owner of a TCP port: the listening process, as "postgres (pid 12)", otherwise the process whose outgoing
 * connection uses the port. Undefined if unknown.
 */
export async function holderOf(port: number): Promise<string | undefined> {
  try {
    if (Deno.build.os !== "linux") return await fromLsof(port);
    const listeners = await socketsAt(port, { isListening: true });
    if (listeners.size > 0) return await ownerOf(listeners);
    const connections = await socketsAt(port, { isListening: false });
    if (connections.size === 0) return undefined;
    const owner = await ownerOf(connections);
    return owner ? `a connection of ${owner}` : "a connection of another user's process";
  } catch {
    return undefined;
  }
}

/** The sockets of a local port, in the form of links in /proc. */
async function socketsAt(port: number, wanted: { isListening: boolean }): Promise<Set<string>> {
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const text = await Deno.readTextFile(table).catch(() => "");
    for (const line of text.split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      const isListening = fields[3] === "0A";
      if (
        isListening === wanted.isListening && Number(fields[9]) > 0 &&
        parseInt(fields[1]?.split(":").at(-1) ?? "", 16) === port
      ) {
        inodes.add(`socket:[${fields[9]}]`);
      }
    }
  }
  return inodes;
}

async function ownerOf(sockets: Set<string>): Promise<string | undefined> {
  for await (const entry of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    try {
      for await (const descriptor of Deno.readDir(`/proc/${entry.name}/fd`)) {
        const target = await Deno.readLink(`/proc/${entry.name}/fd/${descriptor.name}`).catch(() => "");
        if (!sockets.has(target)) continue;
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
