import { join } from "node:path";
import { parse } from "@std/yaml";
import { describe, expect, it } from "vitest";

import denoJson from "../../../deno.json" with { type: "json" };
import { exists, projectFolder } from "../../../scripts/local/paths.ts";

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}

interface Job {
  needs?: string | string[];
  environment?: string;
  uses?: string;
  env?: Record<string, string>;
  steps?: Step[];
}

interface Workflow {
  on: Record<string, unknown>;
  permissions: Record<string, string>;
  jobs: Record<string, Job>;
}

const folder = join(projectFolder, ".github", "workflows");
const names = [...Deno.readDirSync(folder)].map(({ name }) => name).toSorted();
const workflows = Object.fromEntries(
  await Promise.all(names.map(async (name) => {
    return [name, parse(await Deno.readTextFile(join(folder, name))) as Workflow] as const;
  })),
);

function steps(workflow: Workflow): Step[] {
  return Object.values(workflow.jobs).flatMap(({ steps = [] }) => steps);
}

describe.each(Object.entries(workflows))("%s", (_name, workflow) => {
  it("may only read the repository, and names each action with its version", () => {
    expect(workflow.permissions).toEqual({ contents: "read" });
    for (const { uses } of steps(workflow)) {
      if (uses) expect(uses).toMatch(/^[\w-]+\/[\w-]+@v\d+$/);
    }
  });

  it("runs tasks and files that exist", async () => {
    for (const { run = "" } of steps(workflow)) {
      for (const [, task] of run.matchAll(/deno task (?:--quiet )?([\w-]+)/g)) {
        expect(Object.keys(denoJson.tasks)).toContain(task);
      }
      for (const [, file] of run.matchAll(/bash (\S+)/g)) {
        expect(await exists(join(projectFolder, file!)), file).toBe(true);
      }
    }
    for (const { uses } of Object.values(workflow.jobs)) {
      if (uses) expect(await exists(join(projectFolder, uses)), uses).toBe(true);
    }
  });

  it("has the version of Deno that the README names, where it names one", async () => {
    const [, version] = /deno@([\d.]+) task/.exec(await Deno.readTextFile(join(projectFolder, "README.md")))!;
    for (const step of steps(workflow)) {
      if (step.uses?.startsWith("denoland/")) expect(step.with).toEqual({ "deno-version": version });
    }
  });
});

it("every push is tested", () => {
  expect(workflows["test.yml"]!.on).toHaveProperty("push");
});

describe("a deployment", () => {
  const { jobs } = workflows["deploy.yml"]!;

  it("comes after the tests, and production after staging, each in its environment", () => {
    expect(jobs.test!.uses).toBe("./.github/workflows/test.yml");
    expect([jobs.staging!.needs, jobs.staging!.environment]).toEqual(["test", "staging"]);
    expect([jobs.production!.needs, jobs.production!.environment]).toEqual(["staging", "production"]);
  });

  it("gives both the same steps and the settings that deno task deploy reads", () => {
    expect(jobs.production!.steps).toEqual(jobs.staging!.steps);
    for (const name of ["SUPABASE_PROJECT_REF", "SUPABASE_ACCESS_TOKEN", "SUPABASE_DB_URL"]) {
      expect(jobs.staging!.env![name]).toBe(`\${{ secrets.${name} }}`);
      expect(jobs.production!.env![name]).toBe(`\${{ secrets.${name} }}`);
    }
  });

  it("reads the whole history, as what changed is counted from the deployed commit", () => {
    const checkout = jobs.staging!.steps!.find(({ uses }) => uses?.startsWith("actions/checkout"));
    expect(checkout!.with).toEqual({ "fetch-depth": 0 });
  });

  it.each([
    ["", ["task deploy", "task deploy --yes"]],
    ["a b;c", ["task deploy --to a b;c", "task deploy --to a b;c --yes"]],
  ])("with the commit %j says first, and does it then", async (commit, expected) => {
    const scripts = jobs.staging!.steps!.map(({ run = "" }) => run).filter((run) =>
      run.includes("task deploy")
    );
    const script = `deno() { echo "$@"; }\n${scripts.join("\n")}`;
    const { code, stdout } = await new Deno.Command("bash", {
      args: ["-euc", script],
      env: { COMMIT: commit },
    }).output();
    expect(code).toBe(0);
    expect(new TextDecoder().decode(stdout).trim().split("\n")).toEqual(expected);
  });
});
