import process from "node:process";

const WIDTH = 30;
const encoder = new TextEncoder();

/** A progress bar on the terminal; prints nothing without a terminal. */
export class ProgressBar {
  private readonly isShown = process.stderr.isTTY === true;

  constructor(private readonly what: string) {}

  /** Draws the share that is done; a total of 0 means unknown. */
  show(done: number, total: number): void {
    if (this.isShown) write(`\r\x1b[K${barOf(this.what, done, total)}`);
  }

  /** Removes the bar. */
  end(): void {
    if (this.isShown) write("\r\x1b[K");
  }
}

/** The line of a bar. */
export function barOf(what: string, done: number, total: number): string {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const filled = Math.round(share * WIDTH);
  const amount = total > 0
    ? `${number(Math.min(done, total))} of ${number(total)} (${Math.floor(share * 100)} %)`
    : number(done);
  return `${what} [${"█".repeat(filled)}${"░".repeat(WIDTH - filled)}] ${amount}`;
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}

function write(text: string): void {
  Deno.stderr.writeSync(encoder.encode(text));
}
