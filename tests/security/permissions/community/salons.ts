import type { Permissions } from "../../permissions.ts";

/** Called by users alone; what comes of it is decided by who the token names and what that one is in the salon. */
function forUsers(why: string) {
  return { own: ["call" as const], others: ["call" as const], why };
}

export default {
  tables: {
    my_salons: {
      own: ["read"],
      others: ["read"],
      why: "the salons of whom the token names, whatever it asks for",
    },
    salon_members: {
      own: ["read"],
      server: ["read"],
      why:
        "members see who is in their salons; functions write, but for the column notifications_enabled of one's own",
    },
    salons: {
      own: ["read"],
      others: ["read"],
      server: ["read"],
      why: "public ones, and one's own; owners change how theirs look, functions the rest",
    },
    salons_with_details: {
      own: ["read"],
      others: ["read"],
      why: "reads salons with its reader's rights",
    },
  },
  routines: {
    add_salon_word: forUsers("for owner and moderators"),
    archive_salon: forUsers("for the owner"),
    ban_from_salon: forUsers("for owner and moderators, about whom they outrank"),
    create_salon_invitation: forUsers("for owner and moderators"),
    create_salon_with_code: forUsers("the owner is whom the token names"),
    decide_report: { server: ["call"], why: "decides about anybody: for operators" },
    decide_salon_report: forUsers("for owner and moderators, about whom they outrank"),
    delete_salon: forUsers("for the owner"),
    join_salon: forUsers("lets whom the token names into a public salon"),
    join_salon_via_code: forUsers("lets in whom the token names"),
    kick_salon_member: forUsers("for owner and moderators, about whom they outrank"),
    leave_salon: forUsers("takes out whom the token names"),
    lift_salon_ban: forUsers("for owner and moderators"),
    list_open_reports: { server: ["call"], why: "reads every salon's reports: for operators" },
    list_public_salons: forUsers("reads with the rights of its caller"),
    list_salon_bans: forUsers("for owner and moderators"),
    list_salon_decisions: forUsers("for owner and moderators"),
    list_salon_invitations: forUsers("for owner and moderators"),
    list_salon_members: forUsers("reads with the rights of its caller"),
    list_salon_reports: forUsers("for owner and moderators, about whom they outrank"),
    list_salon_words: forUsers("for owner and moderators"),
    mute_salon_member: forUsers("for owner and moderators, about whom they outrank"),
    my_salon_reports: forUsers("what whom the token names has reported"),
    my_salon_standing: forUsers("what was decided about whom the token names"),
    remove_salon_word: forUsers("for owner and moderators"),
    renew_salon_code: forUsers("for owner and moderators"),
    report_message: forUsers("a message in a salon of whom the token names"),
    report_salon_member: forUsers("a member of a salon of whom the token names"),
    restore_salon: forUsers("for the owner"),
    revoke_salon_invitation: forUsers("for owner and moderators"),
    set_salon_role: forUsers("for the owner"),
    set_slow_mode: forUsers("for owner and moderators"),
    transfer_salon: forUsers("for the owner"),
    unmute_salon_member: forUsers("for owner and moderators, about whom they outrank"),
    user_is_salon_member: forUsers("about whom the token names alone"),
    verify_community: { server: ["call"], why: "reads every salon and message" },
  },
  buckets: {},
  endpoints: {},
  columns: {
    salon_members: { update: ["notifications_enabled"] },
    salons: { update: ["category", "city", "color_theme", "description", "name", "visibility"] },
  },
  predicates: {
    is_salon_member: "asked by policies, as whoever reads; about the caller alone",
    my_salon_activity: "a part of the view my_salons, about the caller's salons alone",
    my_salon_codes: "a part of views, about the caller's salons alone",
    my_salon_ids: "asked by policies, as whoever reads; about the caller alone",
    salon_role: "asked by policies, as whoever reads; about the caller alone",
  },
} satisfies Permissions;
