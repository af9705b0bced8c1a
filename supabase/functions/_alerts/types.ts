import { adminClient } from "../_shared/database/database.ts";
import { AppError } from "../_shared/platform/errors.ts";

/** The types that a receiver wants, each once; without any all that the modules have registered. Throws `invalid_request`. */
export async function wantedTypes(given?: string[]): Promise<string[]> {
  const { data, error } = await adminClient().from("alert_types").select("alert_type").order("alert_type");
  if (error) {
    throw new AppError("service_unavailable", "The database cannot be reached at the moment", {
      cause: error,
    });
  }
  const known = data.map(({ alert_type }) => alert_type);
  const wanted = new Set(given ?? known);
  for (const type of wanted) {
    if (known.includes(type)) continue;
    throw new AppError(
      "invalid_request",
      `alert_types: unknown type ${JSON.stringify(type)}; known are ${known.join(", ")}`,
    );
  }
  return [...wanted];
}
