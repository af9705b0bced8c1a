import { StackError } from "./errors.ts";

/** Runs a short command to its end; an error contains its output. */
export async function run(
  command: string,
  options: Omit<Deno.CommandOptions, "stdout" | "stderr" | "stdin">,
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { ...options, stdin: "null" }).output();
  const printed = new TextDecoder().decode(stdout);
  if (success) return printed;
  throw new StackError(
    `Cannot run ${command.split("/").at(-1)}: it failed with\n${printed}${new TextDecoder().decode(stderr)}`
      .trim(),
  );
}
