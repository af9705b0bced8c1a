import type { Permissions } from "../../permissions.ts";

export default {
  tables: {
    profiles: {
      anon: ["read"],
      own: ["read"],
      others: ["read"],
      server: ["read"],
      why: "what a person shows to everybody; owners change its shown columns, functions the others",
    },
  },
  routines: {},
  buckets: {},
  endpoints: {},
} as Permissions;
