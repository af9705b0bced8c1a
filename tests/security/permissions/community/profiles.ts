import { BUCKET_ACTIONS, type Permissions } from "../../permissions.ts";

export default {
  tables: {
    my_profile: {
      own: ["read"],
      others: ["read"],
      why: "shows who asks its own row, whatever it asks for",
    },
    profile_private: {
      own: ["read"],
      server: ["read"],
      why:
        "owners change their answers and when they are offline, servers what they note, functions the rest",
    },
    profiles: {
      anon: ["read"],
      own: ["read"],
      others: ["read"],
      server: ["read"],
      why: "what people show to everybody: owners change name, bio, city and interests, functions the rest",
    },
  },
  routines: {
    block_user: { own: ["call"], others: ["call"], why: "blocks for whom the token names" },
    check_inactive_users: { server: ["call"], why: "run by a schedule" },
    ensure_profile: { own: ["call"], others: ["call"], why: "makes the profile of whom the token names" },
    get_presence: { own: ["call"], others: ["call"], why: "the status that everybody sees" },
    handle_user_signin: {
      own: ["call"],
      others: ["call"],
      why: "acts for whom the token names, refuses another",
    },
    handle_user_signout: {
      own: ["call"],
      others: ["call"],
      why: "acts for whom the token names, refuses another",
    },
    my_blocks: { own: ["call"], others: ["call"], why: "whom the user has blocked whom the token names" },
    may_present_salon: { server: ["call"], why: "about the user that its caller names" },
    pictures_to_remove: { server: ["call"], why: "names files of all users" },
    rpc_check_inactive_users: {
      own: ["call"],
      others: ["call"],
      why: "does nothing any more: for earlier clients",
    },
    rpc_set_manual_status: { own: ["call"], others: ["call"], why: "the status of whom the token names" },
    rpc_update_activity: { own: ["call"], others: ["call"], why: "the activity of whom the token names" },
    search_profiles: { own: ["call"], others: ["call"], why: "finds what everybody may read" },
    set_salon_avatar: { server: ["call"], why: "shows a file that its caller has checked" },
    set_profile_picture: { server: ["call"], why: "shows a file that its caller has checked" },
    unblock_user: { own: ["call"], others: ["call"], why: "takes a block of whom the token names back" },
    update_user_activity: {
      own: ["call"],
      others: ["call"],
      why: "acts for whom the token names, refuses another",
    },
  },
  buckets: {
    avatars: {
      anon: ["download"],
      own: ["download"],
      others: ["download"],
      server: BUCKET_ACTIONS,
      why: "public: the function profile writes, as a picture is told by its bytes",
    },
    covers: {
      anon: ["download"],
      own: ["download"],
      others: ["download"],
      server: BUCKET_ACTIONS,
      why: "public: the function profile writes, as a picture is told by its bytes",
    },
    "salon-avatars": {
      anon: ["download"],
      own: ["download"],
      others: ["download"],
      server: BUCKET_ACTIONS,
      why: "public: the function salons writes for the owner of the salon",
    },
  },
  endpoints: {
    "auth/callback": {
      anon: ["call"],
      own: ["call"],
      server: ["call"],
      why: "leads a browser on to a listed site, and does nothing else",
    },
    "auth/confirm": {
      anon: ["call"],
      own: ["call"],
      server: ["call"],
      why: "leads a browser on to a listed site, and does nothing else",
    },
    "profile/avatar": { own: ["call"], why: "the picture of whom the token names" },
    "profile/clean-up-pictures": { server: ["call"], why: "removes files of all users" },
    "profile/cover": { own: ["call"], why: "the picture of whom the token names" },
    "profile/ensure": { own: ["call"], why: "the profile of whom the token names" },
    "profile/remove-picture": { own: ["call"], why: "the picture of whom the token names" },
    "salons/avatar": { own: ["call"], why: "the picture of a salon of whom the token names" },
    "salons/remove-avatar": { own: ["call"], why: "the picture of a salon of whom the token names" },
  },
  columns: {
    profile_private: { update: ["auto_offline_after", "onboarding_answers", "onboarding_completed"] },
    profiles: { update: ["bio", "city", "full_name", "interests"] },
  },
  predicates: {
    are_interests: "a check of profiles, which looks at nothing but its argument",
    fold: "an index of profiles, which looks at nothing but its argument",
    my_blocked_ids: "asked by policies, as whoever reads; tells a caller whom not to show",
    my_presence: "a part of the view my_profile, as whoever reads; tells a caller of itself",
  },
} satisfies Permissions;
