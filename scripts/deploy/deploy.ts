import type postgres from "postgres";

import { withoutPassword } from "../../supabase/functions/_shared/database/postgres_url.ts";
import { connectTo } from "../local/connect.ts";
import { messageOf, StackError } from "../local/errors.ts";
import { describePlan } from "./describe.ts";
import { makePlan, type Plan, short } from "./plan.ts";
import { cliDatabaseUrl, type Project, secretNames, supabaseCli } from "./project.ts";
import { beginDeployment, completeDeployment, lastHealthy, recordHealth } from "./record.ts";
import { Repository } from "./repository.ts";
import { type SmokeOptions, smokeTest } from "./smoke.ts";

export interface DeployOptions {
  project: Project;
  /** The working copy whose commits are deployed. */
  repositoryFolder: string;
  /** What to deploy; by default HEAD. */
  commit?: string;
  /** Back to `commit`: only functions. */
  isReturn?: boolean;
  /** Deploy; otherwise only print the plan. */
  isConfirmed?: boolean;
  smoke?: SmokeOptions;
  /** Returns the names of a project's secrets; default: the CLI, which takes a second. */
  listSecrets?: typeof secretNames;
  say(line: string): void;
}

/**
 * Deploys a commit to a project: migrations, then the changed functions, then a smoke test. It always deploys a
 * commit, never uncommitted files. Returns whether everything succeeded.
 */
export async function deploy(options: DeployOptions): Promise<boolean> {
  const { project, say } = options;
  const repository = new Repository(options.repositoryFolder);
  const commit = await repository.resolve(options.commit ?? "HEAD");
  const folder = await Deno.makeTempDir({ prefix: "tessera-deploy-" });
  const sql = connectTo(project.databaseUrl);
  try {
    await requireAlone(sql);
    await repository.write(commit, folder);
    const plan = await makePlan(sql, {
      project,
      repository,
      commit,
      isReturn: options.isReturn ?? false,
      folder,
      listSecrets: options.listSecrets ?? secretNames,
    });
    for (const line of describePlan(plan)) say(line);
    if (plan.obstacles.length > 0) {
      say("Nothing was changed");
      return false;
    }
    if (!options.isConfirmed) {
      say("A dry run: nothing was changed. To do it, the same with --yes");
      return true;
    }
    return await carryOut(sql, plan, folder, options);
  } finally {
    await sql.end();
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * The lock lasts until the connection ends. Two deployments at once would leave the functions of one commit with the
 * record of another.
 */
async function requireAlone(sql: postgres.Sql): Promise<void> {
  const [row] = await sql`select pg_try_advisory_lock(hashtextextended('tessera deploy', 0)) as is_free`;
  if (!row!.is_free) throw new StackError("Another deployment of this project is under way");
}

async function carryOut(
  sql: postgres.Sql,
  plan: Plan,
  folder: string,
  { say, smoke }: DeployOptions,
): Promise<boolean> {
  const { project } = plan;
  if (plan.pendingMigrations.length > 0) {
    const url = cliDatabaseUrl(project.databaseUrl);
    await supabaseCli(folder, "db", "push", "--yes", "--include-all", "--db-url", url).catch((error) => {
      throw new StackError(
        `The migrations failed, and no function was deployed. Those before the failed one are applied.\n${
          withoutPassword(messageOf(error), new URL(project.databaseUrl))
        }`,
      );
    });
    // The database also notifies REST, but perhaps too late: a function would not find new objects.
    await sql.notify("pgrst", "reload schema");
    say("Done        migrations");
  }
  const id = await beginDeployment(sql, plan.commit, plan.changed);
  if (plan.changed.length > 0) {
    const where = ["--project-ref", project.ref, "--use-api", "--jobs", "4"];
    await supabaseCli(folder, "functions", "deploy", ...plan.changed, ...where).catch((error) => {
      throw new StackError(
        `The functions failed to deploy; some may be new already. The same command again goes on.\n${
          messageOf(error)
        }`,
      );
    });
    say("Done        functions");
  }
  await completeDeployment(sql, id);
  const secretKey = Deno.env.get("SUPABASE_SECRET_KEY");
  const problems = await smokeTest(project.url, plan.functions, { secretKey, ...smoke });
  await recordHealth(sql, id, problems.length === 0);
  for (const problem of problems) say(`WRONG       ${problem}`);
  if (problems.length === 0) {
    say(
      `Done        smoke test: ${plan.functions.length} functions start, and balance refuses callers without a key`,
    );
    say(
      secretKey
        ? "Done        the functions' platform: secrets, pictures and alerts"
        : "Not tried   the functions' platform: for that, the project's secret key in SUPABASE_SECRET_KEY",
    );
    return true;
  }
  const healthy = await lastHealthy(sql, plan.commit);
  say(
    healthy
      ? `To go back: deno task deploy --to ${short(healthy.commitId)} --yes`
      : "There is no earlier deployment whose smoke test passed",
  );
  return false;
}
