import type { Permissions } from "../../permissions.ts";

export default {
  tables: {},
  routines: {},
  buckets: {},
  endpoints: {},
} as Permissions;
