import { count, table } from "../markdown.ts";
import { input, inputsTable, MACHINES } from "./inputs.ts";
import { busiest, capacity, type Resource, type Result, simulate, type World } from "./simulation.ts";
import {
  HANDOVER_MS,
  isolatesFor,
  OPERATION_CPU_MS,
  runningRequests,
  type Transport,
  worldOf,
} from "./worlds.ts";

const MAX_P99_MS = 50;
const DISTANCES_MS = [1, 20, 80, 160];
const STAGES = [100, 1_000, 10_000, 100_000];
const DAY_S = 86_400;
const PAGE_BYTES = 8_192;

const NAMES: Record<Resource, string> = {
  cores: "cores",
  connections: "connections",
  hottestRow: "hottest row",
  log: "log bandwidth",
};

/** The tables of docs/scale.md, by the names of their placeholders. */
export const TABLES: Record<string, () => string> = {
  inputs: inputsTable,
  derived: derivedTable,
  check: checkTable,
  capacity: capacityTable,
  row: rowTable,
  share: shareTable,
  stages: stagesTable,
  bytes: bytesTable,
  limits: limitsTable,
  regions: regionsTable,
  cold: coldTable,
};

function derivedTable(): string {
  return table(
    ["derived", "µs"],
    [
      ["a hold or a settlement alone: processor", input("pairCpuUs") / 2],
      ["of it the transaction's, which a batch shares", OPERATION_CPU_MS.transaction * 1_000],
      ["of it the operation's", OPERATION_CPU_MS.operation * 1_000],
      ["from the release of a row to the next in line", HANDOVER_MS * 1_000],
    ].map(([name, value]) => [String(name), Number(value).toFixed(0)]),
  );
}

/** The measured machine, with more load than it can process. */
function checkTable(): string {
  const measured: Partial<World> = {
    seconds: 2,
    isolates: 1,
    callsAtOnce: Infinity, // Clients of pgbench send single calls: there are no batches.
    connections: 16,
    cores: input("measuredCores"),
    roundTripMs: 0,
    flushMs: input("measuredFlushUs") / 1_000,
    walMegabytesPerSecond: 1_000,
  };
  const rows = ([
    ["10,000 users", input("spreadPairsPerSecond"), { ...measured, users: 10_000, hottestShare: 0 }],
    ["one user", input("hotPairsPerSecond"), { ...measured, users: 1 }],
  ] as const).map(([name, pairsPerSecond, changes]) => {
    const result = simulate(worldOf(MACHINES.small, "postgres", 2 * pairsPerSecond, changes));
    const simulated = result.callsPerSecond / 2;
    return [
      name,
      count(pairsPerSecond),
      count(simulated),
      (simulated / pairsPerSecond).toFixed(2),
      percent(result.utilisation.cores),
      percent(result.utilisation.hottestRow),
    ];
  });
  return table(["hold + settle", "measured pairs/s", "simulated", "ratio", "cores", "hottest row"], rows);
}

function capacityTable(): string {
  const rows = Object.values(MACHINES).flatMap((machine) =>
    (["rest", "postgres"] as const).map((transport) => {
      const { requestsPerSecond, result } = capacity(
        (rate) => worldOf(machine, transport, rate),
        { maxMs: MAX_P99_MS, most: maxPairsOf(machine.cores) },
      );
      const connections = transport === "rest" ? input("restConnections") : machine.connections;
      return [
        `${machine.name}, ${transport}`,
        `${connections}`,
        rounded(requestsPerSecond),
        ...utilisationCells(result),
        result.callsPerFlush.toFixed(1),
        NAMES[busiest(result)],
      ];
    })
  );
  return table(
    [
      "",
      "connections",
      "requests/s",
      "cores",
      "connections used",
      "hottest row",
      "log",
      "calls a flush",
      "first",
    ],
    rows,
  );
}

/** A single user on a machine with plenty of every other resource. */
function rowTable(): string {
  const isolates = [1, 10, 100, Infinity];
  const rows = [0.13, 0.5, 1, 2].map((flushMs) => [
    `${flushMs} ms`,
    ...isolates.map((isolates) =>
      rounded(
        capacity(
          (rate) =>
            worldOf(MACHINES.large, "postgres", rate, {
              users: 1,
              flushMs,
              isolates: Math.min(isolates, 100),
              callsAtOnce: isolates === Infinity ? Infinity : 1,
              seconds: Math.min(10, Math.max(1, 4_000 / rate)),
            }),
          { maxMs: MAX_P99_MS, most: 8_000 },
        ).requestsPerSecond,
      )
    ),
  ]);
  const head = isolates.map((isolates) =>
    isolates === Infinity ? "no batches" : `${isolates} isolate${isolates > 1 ? "s" : ""}`
  );
  return table(["a flush takes", ...head], rows);
}

/** The load at which a single user's share is the limit. */
function shareTable(): string {
  const rows = [0.0001, 0.001, 0.01, 0.05, 0.2].map((hottestShare) => {
    const { requestsPerSecond, result } = capacity(
      (rate) => worldOf(MACHINES.large, "postgres", rate, { hottestShare }),
      { maxMs: MAX_P99_MS, most: maxPairsOf(MACHINES.large.cores) },
    );
    return [
      `${hottestShare * 100} %`,
      rounded(requestsPerSecond),
      rounded(requestsPerSecond * hottestShare),
      percent(result.utilisation.cores),
      percent(result.utilisation.hottestRow),
      NAMES[busiest(result)],
    ];
  });
  return table(
    ["hottest user's share", "requests/s", "of them theirs", "cores", "hottest row", "first"],
    rows,
  );
}

function stagesTable(): string {
  const [base, tenfold, hundredfold, thousandfold] = STAGES as [number, number, number, number];
  const hot = input("hottestShare");
  const shards = 16;
  const perShard = thousandfold / shards;
  const stages: [string, World][] = [
    [`${count(base)}: 2 cores, rest`, worldOf(MACHINES.small, "rest", base)],
    [`${count(tenfold)}: the same`, worldOf(MACHINES.small, "rest", tenfold)],
    [`${count(tenfold)}: 2 cores, postgres`, worldOf(MACHINES.small, "postgres", tenfold)],
    [`${count(hundredfold)}: 2 cores, postgres`, worldOf(MACHINES.small, "postgres", hundredfold)],
    [`${count(hundredfold)}: 16 cores, rest`, worldOf(MACHINES.large, "rest", hundredfold)],
    [
      `${count(hundredfold)}: 16 cores, rest with ${MACHINES.large.connections} connections`,
      worldOf(MACHINES.large, "rest", hundredfold, { connections: MACHINES.large.connections }),
    ],
    [`${count(hundredfold)}: 16 cores, postgres`, worldOf(MACHINES.large, "postgres", hundredfold)],
    [`${count(thousandfold)}: 64 cores, postgres`, worldOf(MACHINES.largest, "postgres", thousandfold)],
    [
      `${count(thousandfold)}: the hottest of ${shards} shards of 16 cores`,
      worldOf(MACHINES.large, "postgres", perShard, { hottestShare: hot * shards }),
    ],
    [
      `${count(thousandfold)}: the same, hottest user ${hot * 10} %`,
      worldOf(MACHINES.large, "postgres", perShard, { hottestShare: hot / 10 * shards }),
    ],
    [
      `${count(thousandfold)}: a shard without the hottest user`,
      worldOf(MACHINES.large, "postgres", perShard, { hottestShare: 0.001 }),
    ],
  ];
  const rows = stages.map(([name, world]) => {
    const result = simulate(world);
    const isCarried = result.callsPerSecond > 1.95 * world.requestsPerSecond && result.p99Ms <= 1_000;
    return [
      name,
      isCarried ? result.p50Ms.toFixed(1) : "grows",
      isCarried ? result.p99Ms.toFixed(1) : "grows",
      ...utilisationCells(result),
      NAMES[busiest(result)],
    ];
  });
  return table(
    ["requests/s", "p50 ms", "p99 ms", "cores", "connections", "hottest row", "log", "busiest"],
    rows,
  );
}

function bytesTable(): string {
  const gigabytes = (bytes: number) =>
    bytes >= 1e12 ? `${trimmed(bytes / 1e12)} TB` : `${trimmed(bytes / 1e9)} GB`;
  const row = (name: string, bytesOf: (requestsPerSecond: number) => number) => [
    name,
    ...STAGES.map((requestsPerSecond) => gigabytes(bytesOf(requestsPerSecond))),
  ];
  return table(["at requests/s", ...STAGES.map(count)], [
    row("history, a day", (rate) => rate * DAY_S * input("entryBytes")),
    row("history, a year", (rate) => rate * DAY_S * 365 * input("entryBytes")),
    row("history, a year, no metadata", (rate) => rate * DAY_S * 365 * input("plainEntryBytes")),
    row("requests of 24 h, no answers", (rate) => rate * DAY_S * input("requestBytes")),
    row(
      `requests of 24 h, answers of ${count(input("answerBytes"))} B`,
      (rate) => rate * DAY_S * (input("requestBytes") + input("answerBytes")),
    ),
    row("WAL, a day, no answers", (rate) => rate * DAY_S * input("pairWalBytes")),
    row("WAL, a day, with answers", (rate) => rate * DAY_S * (input("pairWalBytes") + input("answerBytes"))),
  ]);
}

/** What grows with the load besides queues, by arithmetic. */
function limitsTable(): string {
  const row = (
    name: string,
    valueOf: (requestsPerSecond: number) => string,
  ) => [name, ...STAGES.map(valueOf)];
  const withAnswer = input("requestBytes") + input("answerBytes");
  const pagesPerMinute = (rate: number, bytes: number) => rate * 60 * bytes / PAGE_BYTES;
  const running = (rate: number) => runningRequests(worldOf(MACHINES.small, "postgres", rate));
  return table(["at requests/s", ...STAGES.map(count)], [
    row("requests with the model at a moment", (rate) => count(running(rate))),
    row("clients of the pooler, 1 request an isolate", (rate) => count(running(rate))),
    row(
      `clients of the pooler, ${input("requestsPerIsolate")} requests an isolate`,
      (rate) => count(isolatesFor(worldOf(MACHINES.small, "postgres", rate))),
    ),
    row("cores at 100 %, no batches", (rate) => `${trimmed(rate * input("pairCpuUs") / 1e6)}`),
    row("WAL, MB/s, no answers, no page images", (rate) => trimmed(rate * input("pairWalBytes") / 1e6)),
    row(
      "WAL, MB/s, with answers",
      (rate) => trimmed(rate * (input("pairWalBytes") + input("answerBytes")) / 1e6),
    ),
    row(
      "page images, MB/s, at most",
      (rate) => trimmed(pageImagesMegabytes(rate, input("checkpointSeconds"))),
    ),
    row("page images, a checkpoint in 30 min", (rate) => trimmed(pageImagesMegabytes(rate, 1_800))),
    row("hours until 200 M transactions (freeze)", (rate) => trimmed(200e6 / (2 * rate) / 3_600)),
    row("hours until 2^31 transactions (stop)", (rate) => trimmed(2 ** 31 / (2 * rate) / 3_600)),
    row(
      "cleanup: new pages a minute, no answers",
      (rate) => count(pagesPerMinute(rate, input("requestBytes"))),
    ),
    row("cleanup: new pages a minute, with answers", (rate) => count(pagesPerMinute(rate, withAnswer))),
    row(
      "cleanup: hours for a round, no answers",
      (rate) => roundHours(pagesPerMinute(rate, input("requestBytes"))),
    ),
    row("cleanup: hours for a round, with answers", (rate) => roundHours(pagesPerMinute(rate, withAnswer))),
    row("hottest user's pairs/s", (rate) => count(rate * input("hottestShare"))),
  ]);
}

/**
 * A page is written to the log as a whole when it changes for the first time after a checkpoint. Ids and users are
 * random, so the expected number of such pages is that of drawing with replacement.
 */
function pageImagesMegabytes(requestsPerSecond: number, checkpointSeconds: number): number {
  const draws = requestsPerSecond * checkpointSeconds;
  const requests = requestsPerSecond * DAY_S;
  const users = requestsPerSecond * input("usersPerRequest");
  const pages = [
    requests * input("idIndexBytes") / PAGE_BYTES, // The primary key of token_consumption_locks.
    requests * input("userIndexBytes") / PAGE_BYTES,
    users * input("balanceBytes") / PAGE_BYTES,
    users, // Each user's newest entry is at a different place in the history's primary key.
  ];
  const images = pages.reduce((sum, count) => sum + count * (1 - Math.exp(-draws / count)), 0);
  return images * PAGE_BYTES / checkpointSeconds / 1e6;
}

/** The table grows until a cleanup round R keeps up: pages = new · (24 h + R), and R = pages / pages per minute. */
function roundHours(newPagesPerMinute: number): string {
  const share = newPagesPerMinute / input("cleanupPages");
  return share >= 1 ? "never" : trimmed(24 * share / (1 - share));
}

function regionsTable(): string {
  const rows = DISTANCES_MS.map((distanceMs) => {
    const ledgerBy = (transport: Transport, roundTripMs: number) =>
      simulate(worldOf(MACHINES.small, transport, STAGES[0]!, { roundTripMs }));
    const near = ledgerBy("postgres", input("roundTripMs"));
    const rest = ledgerBy("rest", distanceMs);
    const straight = ledgerBy("postgres", distanceMs);
    // A metered request is two ledger calls, and one trip between the user and the function.
    return [
      `${distanceMs} ms`,
      (distanceMs + 2 * near.meanMs).toFixed(0),
      (input("roundTripMs") + 2 * rest.meanMs).toFixed(0),
      (input("roundTripMs") + 2 * straight.meanMs).toFixed(0),
      `${rest.p50Ms.toFixed(0)} / ${rest.p99Ms.toFixed(0)}`,
      `${straight.p50Ms.toFixed(0)} / ${straight.p99Ms.toFixed(0)}`,
      straight.callsPerTransaction.toFixed(2),
    ];
  });
  return table([
    "user to database",
    "function by the database",
    "by the user, rest",
    "by the user, postgres",
    "a call by rest, p50 / p99",
    "by postgres, p50 / p99",
    "calls a transaction",
  ], rows);
}

function coldTable(): string {
  const rows = DISTANCES_MS.map((distanceMs) => [
    `${distanceMs} ms`,
    `${input("coldRestTrips") * distanceMs}`,
    `${input("coldPostgresTrips") * distanceMs}`,
  ]);
  return table(["round trip", "first call by rest, more ms", "first call straight, more ms"], rows);
}

/** The number of pairs that the cores could process if they did nothing else, plus 10 %. */
function maxPairsOf(cores: number): number {
  return 1.1 * cores * 1_000 / (2 * (OPERATION_CPU_MS.transaction + OPERATION_CPU_MS.operation));
}

function utilisationCells({ utilisation }: Result): string[] {
  const { cores, connections, hottestRow, log } = utilisation;
  return [cores, connections, hottestRow, log].map(percent);
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Two significant digits: more would suggest a precision that is not there. */
function rounded(value: number): string {
  if (value < 1) return value.toPrecision(1);
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return count(Math.round(value / unit) * unit);
}

function trimmed(value: number): string {
  return value >= 100 ? count(value) : String(Number(value.toPrecision(2)));
}
