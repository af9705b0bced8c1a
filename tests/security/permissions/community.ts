import type { Permissions } from "../permissions.ts";
import messages from "./community/messages.ts";
import profiles from "./community/profiles.ts";
import salons from "./community/salons.ts";

const parts = [profiles, salons, messages];

export default {
  tables: Object.assign({}, ...parts.map(({ tables }) => tables)),
  routines: Object.assign({}, ...parts.map(({ routines }) => routines)),
  buckets: Object.assign({}, ...parts.map(({ buckets }) => buckets)),
  endpoints: Object.assign({}, ...parts.map(({ endpoints }) => endpoints)),
  columns: Object.assign({}, ...parts.map(({ columns }: Permissions) => columns)),
  predicates: Object.assign({}, ...parts.map(({ predicates }: Permissions) => predicates)),
} satisfies Permissions;
