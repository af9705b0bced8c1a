import { BUCKET_ACTIONS, type Permissions } from "../../permissions.ts";

/** Called by users alone; what comes of it is decided by who the token names and what that one is in the salon. */
function forMembers(why: string) {
  return { own: ["call" as const], others: ["call" as const], why };
}

export default {
  tables: {
    chat_messages: {
      own: ["read"],
      server: ["read"],
      why: "members read the messages of their salons; functions alone write them",
    },
    chat_messages_with_profiles: {
      own: ["read"],
      server: ["read"],
      why: "reads chat_messages with its reader's rights",
    },
    message_attachments: {
      own: ["read"],
      others: ["read"],
      server: ["read"],
      why: "members see those of their salons, whatever they ask for",
    },
    message_pins: {
      own: ["read"],
      others: ["read"],
      server: ["read"],
      why: "members see those of their salons, whatever they ask for",
    },
    message_reactions: {
      own: ["read"],
      server: ["read"],
      why: "members see those in their salons; functions alone write them",
    },
  },
  routines: {
    attachments_to_remove: { server: ["call"], why: "names files of all users" },
    take_removed_attachments: { server: ["call"], why: "names files of all users" },
    delete_message: forMembers("of whom the token names, or for owner and moderators"),
    edit_message: forMembers("a message of whom the token names"),
    get_all_message_reactions_batch: forMembers("reads with the rights of its caller"),
    get_message_reactions_summary: forMembers("reads with the rights of its caller"),
    get_reply_message_info: forMembers("a message of one's salons"),
    handle_message_reaction: forMembers("the reaction of whom the token names"),
    mark_read: forMembers("how far whom the token names has read"),
    message_history: forMembers("for its author, the owner and moderators"),
    messages_after: forMembers("a page of one's salons"),
    messages_before: forMembers("a page of one's salons"),
    my_messages: forMembers("what whom the token names wrote"),
    pin_message: forMembers("for owner and moderators"),
    pinned_messages: forMembers("of one's salons"),
    search_messages: forMembers("in one's salons"),
    send_message: forMembers("a message of whom the token names"),
    toggle_message_reaction: forMembers("the reaction of whom the token names"),
    unpin_message: forMembers("for owner and moderators"),
    unread_counts: forMembers("what whom the token names has not read"),
  },
  buckets: {
    attachments: {
      own: ["list", "download", "sign", "upload", "remove"],
      server: BUCKET_ACTIONS,
      why:
        "private: each user fills and empties its folders for its salons, whose members read what is in a message; no file changes under its path",
    },
  },
  endpoints: {
    "messages/attachment-links": {
      own: ["call"],
      others: ["call"],
      why: "links for a minute to what the caller sees, read with its rights; others are left out",
    },
    "messages/clean-up-attachments": { server: ["call"], why: "removes files of all users" },
    "messages/remove-attachments": { server: ["call"], why: "removes files of all users" },
  },
  predicates: {
    authors_not_shown:
      "asked by policies, as whoever reads; tells a caller whom it has blocked, and who was just forgotten",
    is_attached:
      "asked by policies of Storage, about a file of the caller's own; tells whether a message has it",
    may_attach: "asked by policies of Storage; tells a caller whether it has room",
    may_use_topic: "asked by policies of Realtime; tells a caller of its own topics",
  },
} as Permissions;
