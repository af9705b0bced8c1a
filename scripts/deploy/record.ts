import type postgres from "postgres";

/** One deployment in operations.deployments. */
export interface Deployment {
  id: number;
  commitId: string;
  deployedAt: Date;
}

/** The deployed commit; undefined if nothing was deployed yet. */
export async function lastDeployment(sql: postgres.Sql): Promise<Deployment | undefined> {
  return await newest(sql, () => sql`is_complete`);
}

/** Functions that interrupted deployments since then may have sent: their commit is unknown. */
export async function interruptedFunctions(sql: postgres.Sql, since: Deployment): Promise<string[]> {
  const rows = await sql`
    select distinct unnest(functions) as name from operations.deployments
    where not is_complete and id > ${since.id}`;
  return rows.map(({ name }) => name);
}

/** The newest deployment of another commit whose smoke test passed: the target of a rollback. */
export async function lastHealthy(sql: postgres.Sql, besides: string): Promise<Deployment | undefined> {
  return await newest(sql, () => sql`is_healthy and commit_id <> ${besides}`);
}

async function newest(
  sql: postgres.Sql,
  condition: () => postgres.PendingQuery<postgres.Row[]>,
): Promise<Deployment | undefined> {
  const [table] = await sql`select to_regclass('operations.deployments') as name`;
  if (!table!.name) return undefined;
  const [row] = await sql<Deployment[]>`
    select id::float8 as id, commit_id as "commitId", deployed_at as "deployedAt"
    from operations.deployments where ${condition()} order by id desc limit 1`;
  return row;
}

/** Records a deployment before its first function is sent. */
export async function beginDeployment(
  sql: postgres.Sql,
  commit: string,
  functions: string[],
): Promise<number> {
  const [row] = await sql`
    insert into operations.deployments (commit_id, functions) values (${commit}, ${functions})
    returning id::float8 as id`;
  return row!.id;
}

/** Records that every function was sent: from then on this commit counts as deployed, whether it works or not. */
export async function completeDeployment(sql: postgres.Sql, id: number): Promise<void> {
  await sql`update operations.deployments set is_complete = true, deployed_at = now() where id = ${id}`;
}

/** Records the result of the smoke test. */
export async function recordHealth(sql: postgres.Sql, id: number, isHealthy: boolean): Promise<void> {
  await sql`update operations.deployments set is_healthy = ${isHealthy} where id = ${id}`;
}
