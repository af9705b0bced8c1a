/** The oldest Deno that the commands are tested with; README.md names it. */
export const OLDEST_DENO = "2.9.6";

/** Why a Deno version is not supported, and which one is; undefined for a supported one. */
export function tooOldText(version: string, task: string): string | undefined {
  const numbers = (text: string) => text.split(/[.+-]/).slice(0, 3).map(Number);
  const [given, oldest] = [numbers(version), numbers(OLDEST_DENO)];
  const at = oldest.findIndex((number, index) => given[index] !== number);
  if (at < 0 || given[at]! > oldest[at]!) return undefined;
  return `This is Deno ${version}, and the commands need ${OLDEST_DENO} or later: deno upgrade
Without installing one: npx -y deno@${OLDEST_DENO} task ${task}`;
}
