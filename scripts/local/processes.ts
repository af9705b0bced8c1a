import { StackError } from "./errors.ts";
import { delay } from "./process_ids.ts";

/** A child process, and how it is kept running. */
export interface ProcessSpec {
  name: string;
  /** Evaluated at each start, so that a restart uses the newest values. */
  command: () => { command: string; args: string[]; env?: Record<string, string>; cwd?: string };
  user?: { uid: number; gid: number };
  logFile: string;
  /** How the child shows that it is ready: by a line that it prints, or by a check. */
  isReady: RegExp | (() => Promise<boolean>);
  readyTimeoutMs: number;
  stopSignal?: Deno.Signal;
  stopTimeoutMs: number;
  /** Receives each line that the child prints, besides its log file. */
  onLine?: (line: string) => void;
}

/** The events of a process. */
export interface ProcessEvents {
  /** One line for the person at the terminal: a death, a restart. */
  report(message: string): void;
  /** The set of running pids has changed. */
  onPidsChanged(): void;
}

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 10_000;
/** A child that lived this long was healthy: its next death restarts the backoff. */
const HEALTHY_AFTER_MS = 30_000;
const LOG_LIMIT_BYTES = 5_000_000;
const LAST_LINES = 20;
/** A single death may be bad luck: another program's connection had the port. */
const DEATH_LIMIT = 3;

interface Running {
  child: Deno.ChildProcess;
  startedAt: number;
  /** It has printed its line. */
  isReady: boolean;
  exited: Promise<Deno.CommandStatus>;
  /** It is being stopped: no restart follows. */
  isEnding: boolean;
}

/** A child process that is restarted when it dies, can be replaced without a gap, and is stopped for certain. */
export class ManagedProcess {
  #current?: Running;
  /** Earlier processes that still finish their work after a replacement. */
  readonly #leaving = new Set<Running>();
  #isStopped = false;
  #backoffMs = FIRST_BACKOFF_MS;
  /** How often it died since it was last ready. */
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

  /** Spawns the child, which may not be ready yet. */
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
      // A Ctrl-C in the terminal only reaches the supervisor, which ends the children in order.
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

  /** Waits until the child is ready. Throws with its last lines if it keeps dying or takes too long. */
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

  /** Replaces the child without a gap: once the new process is ready, the old one is asked to finish its work. */
  async replace(takeOver: () => Promise<void>): Promise<void> {
    if (this.#isStopped) return;
    const old = this.#current;
    if (old) this.#leaving.add(old);
    this.spawn();
    await this.ready();
    await takeOver();
    if (old) void this.#end(old);
  }

  /** Stops the child and its earlier processes; all are gone when this resolves. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([this.#current, ...this.#leaving].map((running) => running && this.#end(running)));
  }

  /** Kills the child, as a power cut would; it is not restarted. */
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
      `${this.name} ended with ${describe(status)}; it restarts in ${waitMs} ms (log: ${this.spec.logFile})`,
    );
    await delay(waitMs);
    if (!this.#isStopped && !this.#current) this.spawn();
  }

  /** Writes the child's output to its log, and keeps the last lines for an error message. */
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
