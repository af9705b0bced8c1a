import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { INPUTS } from "../../bench/scale/inputs.ts";
import { withTable } from "../../bench/scale/part.ts";
import { Chance, Popularity } from "../../bench/scale/random.ts";
import { modelMeanMs, simulate, type World } from "../../bench/scale/simulation.ts";
import { TABLES } from "../../bench/scale/tables.ts";
import { projectFolder } from "../../scripts/local/paths.ts";

/** A database that costs nothing, so that a test adds the one thing it looks at. */
const FREE: World = {
  seed: 1,
  requestsPerSecond: 500,
  seconds: 20,
  users: 100_000,
  hottestShare: 0,
  modelMedianMs: 2_000,
  modelSigma: 0.7,
  isolates: 10,
  callsAtOnce: Infinity,
  roundTripMs: 0,
  connections: Infinity,
  cores: Infinity,
  transactionCpuMs: 0,
  operationCpuMs: 0,
  cpuLaw: "fixed",
  commitDelayMs: 0,
  handoverMs: 0,
  flushMs: 0,
  walBytesPerOperation: 0,
  walMegabytesPerSecond: 1,
};

/** 1,000 calls a second on one core, at 70 % of what it can do. */
const ONE_CORE: World = { ...FREE, cores: 1, operationCpuMs: 0.7 };

describe("the simulation", () => {
  it("plays the same with the same seed and another with another", () => {
    const world = { ...ONE_CORE, seconds: 2 };
    expect(simulate(world)).toEqual(simulate(world));
    expect(simulate({ ...world, seed: 2 })).not.toEqual(simulate(world));
  });

  it("answers each request's hold and settlement, from the first moment on", () => {
    const { callsPerSecond } = simulate(FREE);
    expect(callsPerSecond / 1_000).toBeCloseTo(1, 1);
  });

  it.each(
    [
      ["exponential", 0.7 / (1 - 0.7)], // M/M/1: service / (1 - utilisation)
      ["fixed", 0.7 * (1 + 0.7 / (2 * (1 - 0.7)))], // M/D/1: Pollaczek and Khinchine
    ] as const,
  )("agrees with the theory of one server with %s service", (cpuLaw, meanMs) => {
    const result = simulate({ ...ONE_CORE, cpuLaw, seconds: 60 });
    expect(result.utilisation.cores).toBeCloseTo(0.7, 1);
    expect(result.meanMs / meanMs).toBeGreaterThan(0.93);
    expect(result.meanMs / meanMs).toBeLessThan(1.07);
  });

  it.each([
    ["one core", ONE_CORE],
    ["a hot row, a small pool and flushes", {
      ...ONE_CORE,
      cores: 2,
      connections: 8,
      hottestShare: 0.3,
      roundTripMs: 20,
      flushMs: 1,
      isolates: 50,
      callsAtOnce: 1,
    }],
  ])("obeys Little's law: %s", (_name, world) => {
    const { callsUnderWay, callsPerSecond, meanMs } = simulate(world);
    expect(callsUnderWay / (callsPerSecond * meanMs / 1_000)).toBeCloseTo(1, 2);
  });

  it("carries on one row what its lock allows, and no more", () => {
    const lockMs = 0.25 + 0.5 + 0.1 + 0.15; // Processor, flush, commit's delay and handover.
    const { callsPerSecond, utilisation } = simulate({
      ...FREE,
      users: 1,
      seconds: 5,
      requestsPerSecond: 1_000,
      operationCpuMs: 0.25,
      flushMs: 0.5,
      commitDelayMs: 0.1,
      handoverMs: 0.15,
    });
    expect(callsPerSecond * lockMs / 1_000).toBeCloseTo(1, 2);
    expect(utilisation.hottestRow).toBeCloseTo(1, 2);
  });

  it("lets a row carry as much with a longer way to it, as no lock is held over the way", () => {
    const row = {
      ...FREE,
      users: 1,
      seconds: 5,
      requestsPerSecond: 1_000,
      operationCpuMs: 0.25,
      flushMs: 0.75,
    };
    const near = simulate({ ...row, roundTripMs: 1 });
    const far = simulate({ ...row, roundTripMs: 160 });
    expect(far.callsPerSecond / near.callsPerSecond).toBeCloseTo(1, 2);
  });

  it("lets calls of one user travel together when the way to the row is taken", () => {
    const row = { ...FREE, users: 1, isolates: 1, seconds: 5, requestsPerSecond: 1_000, flushMs: 1 };
    const alone = simulate(row);
    const together = simulate({ ...row, callsAtOnce: 1 });
    expect(alone.callsPerSecond).toBeLessThan(1_100);
    expect(together.callsPerSecond).toBeGreaterThan(1_900);
    expect(together.callsPerTransaction).toBeGreaterThan(1.9);
  });

  it("flushes once for all who ask while a flush is under way", () => {
    const { callsPerSecond, callsPerFlush, p99Ms } = simulate({ ...FREE, flushMs: 10, seconds: 5 });
    expect(callsPerSecond / 1_000).toBeCloseTo(1, 1);
    expect(callsPerFlush).toBeCloseTo(10, 0);
    expect(p99Ms).toBeLessThanOrEqual(20);
  });

  it("takes no connection while a model works", () => {
    const { callsPerSecond, utilisation } = simulate({ ...FREE, connections: 1, operationCpuMs: 0.5 });
    expect(callsPerSecond / 1_000).toBeCloseTo(1, 1);
    expect(utilisation.connections).toBeCloseTo(0.5, 1);
    expect(modelMeanMs(FREE)).toBeGreaterThan(2_000);
  });
});

describe("the users' law", () => {
  it.each([0.001, 0.01, 0.2])("gives the hottest user the share %d", (share) => {
    const popularity = new Popularity(10_000, share);
    const chance = new Chance(7);
    const picks = 200_000;
    let hottest = 0;
    for (let pick = 0; pick < picks; pick++) if (popularity.pick(chance) === 0) hottest++;
    expect(Math.abs(hottest / picks / share - 1)).toBeLessThan(0.15);
  });
});

describe("docs/scale.md", () => {
  const document = readFile(join(projectFolder, "docs", "scale.md"), "utf8");

  it.each(Object.keys(TABLES))("has a place for the table %s", async (name) => {
    expect(withTable(await document, name, "| a |")).toContain(
      `<!-- table: ${name} -->\n\n| a |\n\n<!-- end -->`,
    );
  });

  it.each(Object.values(INPUTS))(
    "stands on the inputs as they are: $unit",
    async ({ value, unit, source }) => {
      const line = (await document).split("\n").find((line) => line.includes(unit) && line.includes(source));
      expect(line, "deno task bench scale writes it anew").toContain(
        `| ${value < 10 ? value : value.toLocaleString("en-US")} ${unit}`,
      );
    },
  );
});
