import { StackError } from "./errors.ts";
import { delay } from "./process_ids.ts";

/** What a child is and how it is kept running. */
export interface ProcessSpec {
  name: string;
  /** Asked again at each start, so that a restart sees what changed. */
  command: () => { command: string; args: string[]; env?: Record<string, string>; cwd?: string };
  user?: { uid: number; gid: number };
  logFile: string;
  /** Tells whether it serves: by a line that it prints then, or by what it is asked for. */
  isReady: RegExp | (() => Promise<boolean>);
  readyTimeoutMs: number;
  stopSignal?: Deno.Signal;
  stopTimeoutMs: number;
  /** Gets each line that the child prints, besides its log file. */
  onLine?: (line: string) => void;
}

/** What a process tells those around it. */
export interface ProcessEvents {
  /** One line for the person who watches: a death, a restart. */
  report(message: string): void;
  /** The set of living process ids changed. */
  onPidsChanged(): void;
}

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 10_000;
/** A child that lived this long was healthy: its next death starts the backoff again. */
const HEALTHY_AFTER_MS = 30_000;
const LOG_LIMIT_BYTES = 5_000_000;
const LAST_LINES = 20;
/** One death may be bad luck: a passing connection of another program had the port. */
const DEATH_LIMIT = 3;

interface Running {
  child: Deno.ChildProcess;
  startedAt: number;
  /** It printed the line that says so. */
  isReady: boolean;
  exited: Promise<Deno.CommandStatus>;
  /** Its end is wanted: no restart follows. */
  isEnding: boolean;
}

/** A child that is started again when it dies, restarted without a gap, and stopped for certain. */
export class ManagedProcess {
  #current?: Running;
  /** Earlier ones that still finish their work after a restart. */
  readonly #leaving = new Set<Running>();
  #isStopped = false;
  #backoffMs = FIRST_BACKOFF_MS;
  /** How often it ended unasked since it last served. */
  #deaths = 0;
  readonly #lastLines: string[] = [];

  constructor(readonly spec: ProcessSpec, readonly events: ProcessEvents) {}

  get name(): string {
    return this.spec.name;
  }

  get pid(): number | undefined {
    return this.#current?.child.pid;
  }

  get pids(): number[] {
    return [this.#current, ...this.#leaving].flatMap((running) => running ? [running.child.pid] : []);
  }

  /** Spawns the child; it may not serve yet. */
  spawn(): void {
    const { command, args, env, cwd } = this.spec.command();
    const child = new Deno.Command(command, {
      args,
      env,
      cwd,
      ...this.spec.user,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      // A Ctrl-C in the terminal reaches the supervisor alone, which ends the children in order.
      detached: true,
    }).spawn();
    const running: Running = {
      child,
      startedAt: Date.now(),
      isReady: false,
      exited: child.status,
      isEnding: false,
    };
    this.#current = running;
    this.events.onPidsChanged();
    this.#keepLog(running);
    child.status.then((status) => this.#onExit(running, status));
  }

  /** Waits until the child serves; fails with its last lines when it keeps ending or takes too long. */
  async ready(signal?: AbortSignal): Promise<void> {
    const end = Date.now() + this.spec.readyTimeoutMs;
    while (!await this.#isReady()) {
      signal?.throwIfAborted();
      if (this.#deaths >= DEATH_LIMIT || Date.now() > end) {
        const why = this.#deaths >= DEATH_LIMIT
          ? "it keeps ending"
          : `it takes more than ${this.spec.readyTimeoutMs} ms`;
        throw new StackError(
          [`Cannot start ${this.name}: ${why}. Its log (${this.spec.logFile}) ends with:`]
            .concat(this.#lastLines.map((line) => `  ${line}`)).join("\n"),
        );
      }
      await delay(10);
    }
    this.#deaths = 0;
  }

  /** Ends the child and starts it again. */
  async restart(): Promise<void> {
    const old = this.#current;
    if (this.#isStopped || !old) return;
    await this.#end(old);
    this.spawn();
    await this.ready();
  }

  /** Replaces the child without a gap: the old one is asked to finish what it has once the new one took over. */
  async replace(takeOver: () => Promise<void>): Promise<void> {
    if (this.#isStopped) return;
    const old = this.#current;
    if (old) this.#leaving.add(old);
    this.spawn();
    await this.ready();
    await takeOver();
    if (old) void this.#end(old);
  }

  /** Stops the child and all that still leave; the process is gone when this resolves. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([this.#current, ...this.#leaving].map((running) => running && this.#end(running)));
  }

  /** Ends the child without a chance to finish, as a power cut would; it is not started again. */
  async kill(): Promise<void> {
    this.#isStopped = true;
    const running = this.#current;
    if (!running) return;
    running.isEnding = true;
    signalTo(running, "SIGKILL");
    await running.exited;
  }

  async #isReady(): Promise<boolean> {
    const { isReady } = this.spec;
    return isReady instanceof RegExp ? this.#current?.isReady ?? false : await isReady();
  }

  #read(running: Running, line: string): void {
    if (this.spec.isReady instanceof RegExp && this.spec.isReady.test(line)) {
      running.isReady = true;
      return;
    }
    this.#lastLines.push(line);
    if (this.#lastLines.length > LAST_LINES) this.#lastLines.shift();
    this.spec.onLine?.(line);
  }

  async #end(running: Running): Promise<void> {
    running.isEnding = true;
    signalTo(running, this.spec.stopSignal ?? "SIGTERM");
    const timer = setTimeout(() => signalTo(running, "SIGKILL"), this.spec.stopTimeoutMs);
    await running.exited;
    clearTimeout(timer);
  }

  async #onExit(running: Running, status: Deno.CommandStatus): Promise<void> {
    this.#leaving.delete(running);
    const isReplaced = this.#current !== running;
    if (!isReplaced) this.#current = undefined;
    this.events.onPidsChanged();
    if (isReplaced || running.isEnding || this.#isStopped) return;
    this.#deaths++;
    if (Date.now() - running.startedAt > HEALTHY_AFTER_MS) this.#backoffMs = FIRST_BACKOFF_MS;
    const waitMs = this.#backoffMs;
    this.#backoffMs = Math.min(this.#backoffMs * 2, MAX_BACKOFF_MS);
    this.events.report(
      `${this.name} ended with ${
        describe(status)
      }; it is started again in ${waitMs} ms (log: ${this.spec.logFile})`,
    );
    await delay(waitMs);
    if (!this.#isStopped && !this.#current) this.spawn();
  }

  /** Writes what the child prints to its log, and remembers the last lines for an error message. */
  async #keepLog(running: Running): Promise<void> {
    const size = (await Deno.stat(this.spec.logFile).catch(() => undefined))?.size ?? 0;
    const log = await Deno.open(this.spec.logFile, {
      create: true,
      write: true,
      mode: 0o600,
      ...(size > LOG_LIMIT_BYTES ? { truncate: true } : { append: true }),
    });
    const keep = async (output: ReadableStream<Uint8Array<ArrayBuffer>>) => {
      let rest = "";
      const decoder = new TextDecoder();
      for await (const bytes of output) {
        log.writeSync(bytes);
        const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) this.#read(running, line);
      }
    };
    await Promise.allSettled([keep(running.child.stdout), keep(running.child.stderr)]);
    log.close();
  }
}

function signalTo(running: Running, signal: Deno.Signal): void {
  try {
    running.child.kill(signal);
  } catch {
    // It has ended already.
  }
}

function describe(status: Deno.CommandStatus): string {
  return status.signal ? `signal ${status.signal}` : `exit code ${status.code}`;
}
