import type postgres from "postgres";

import type { Metric } from "../../supabase/functions/_metrics/exposition.ts";

/** Every metric that the modules have registered, in the order in which they are served. */
export async function readMetricCatalog(sql: postgres.Sql): Promise<Metric[]> {
  return [...await sql<Metric[]>`select name, type, labels, help from metrics.catalog order by position`];
}
