export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  "public": {
    Tables: {
      "alert_types": {
        Row: {
          "alert_type": string;
          "description": string;
          "lost_without_receiver": string | null;
          "scan": string | null;
        };
        ComputedFields: never;
        Insert: {
          "alert_type": string;
          "description": string;
          "lost_without_receiver"?: string | null;
          "scan"?: string | null;
        };
        Update: {
          "alert_type"?: string;
          "description"?: string;
          "lost_without_receiver"?: string | null;
          "scan"?: string | null;
        };
        Relationships: [];
      };
      "chat_messages": {
        Row: {
          "client_id": string;
          "content": string;
          "created_at": string;
          "deleted_at": string | null;
          "edited_at": string | null;
          "id": number;
          "is_deleted": boolean;
          "mentions": (string)[];
          "reply_to_id": number | null;
          "reply_to_user_id": string | null;
          "salon_id": string;
          "seq": number;
          "user_id": string | null;
        };
        ComputedFields: never;
        Insert: {
          "client_id": string;
          "content": string;
          "created_at"?: string;
          "deleted_at"?: string | null;
          "edited_at"?: string | null;
          "id"?: never;
          "is_deleted"?: boolean;
          "mentions"?: (string)[];
          "reply_to_id"?: number | null;
          "reply_to_user_id"?: string | null;
          "salon_id": string;
          "seq": number;
          "user_id"?: string | null;
        };
        Update: {
          "client_id"?: string;
          "content"?: string;
          "created_at"?: string;
          "deleted_at"?: string | null;
          "edited_at"?: string | null;
          "id"?: never;
          "is_deleted"?: boolean;
          "mentions"?: (string)[];
          "reply_to_id"?: number | null;
          "reply_to_user_id"?: string | null;
          "salon_id"?: string;
          "seq"?: number;
          "user_id"?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "chat_messages_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "my_salons";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "chat_messages_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "salons";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "chat_messages_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "salons_with_details";
            referencedColumns: ["id"];
          },
        ];
      };
      "message_attachments": {
        Row: {
          "content_type": string;
          "message_id": number;
          "path": string;
          "position": number;
          "salon_id": string;
          "size_bytes": number;
        };
        ComputedFields: never;
        Insert: {
          "content_type": string;
          "message_id": number;
          "path": string;
          "position": number;
          "salon_id": string;
          "size_bytes": number;
        };
        Update: {
          "content_type"?: string;
          "message_id"?: number;
          "path"?: string;
          "position"?: number;
          "salon_id"?: string;
          "size_bytes"?: number;
        };
        Relationships: [
          {
            foreignKeyName: "message_attachments_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "my_salons";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "message_attachments_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "salons";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "message_attachments_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "salons_with_details";
            referencedColumns: ["id"];
          },
        ];
      };
      "message_pins": {
        Row: {
          "created_at": string;
          "message_id": number;
          "pinned_by": string | null;
          "salon_id": string;
        };
        ComputedFields: never;
        Insert: {
          "created_at"?: string;
          "message_id": number;
          "pinned_by"?: string | null;
          "salon_id": string;
        };
        Update: {
          "created_at"?: string;
          "message_id"?: number;
          "pinned_by"?: string | null;
          "salon_id"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "message_pins_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "my_salons";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "message_pins_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "salons";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "message_pins_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "salons_with_details";
            referencedColumns: ["id"];
          },
        ];
      };
      "message_reactions": {
        Row: {
          "created_at": string;
          "emoji": string;
          "id": number;
          "message_id": number;
          "salon_id": string;
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "created_at"?: string;
          "emoji": string;
          "id"?: never;
          "message_id": number;
          "salon_id": string;
          "user_id": string;
        };
        Update: {
          "created_at"?: string;
          "emoji"?: string;
          "id"?: never;
          "message_id"?: number;
          "salon_id"?: string;
          "user_id"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "message_reactions_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "my_salons";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "message_reactions_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "salons";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "message_reactions_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "salons_with_details";
            referencedColumns: ["id"];
          },
        ];
      };
      "otp_codes": {
        Row: {
          "attempts": number;
          "channel": string;
          "code": string;
          "consumed_at": string | null;
          "country": string;
          "created_at": string;
          "expires_at": string;
          "id": string;
          "network": string;
          "owner_id": string | null;
          "phone_number": string;
          "prefix": string;
          "purpose": string;
          "requester": string;
          "undelivered_by": string | null;
        };
        ComputedFields: never;
        Insert: {
          "attempts"?: number;
          "channel": string;
          "code": string;
          "consumed_at"?: string | null;
          "country": string;
          "created_at": string;
          "expires_at": string;
          "id": string;
          "network": string;
          "owner_id"?: string | null;
          "phone_number": string;
          "prefix": string;
          "purpose": string;
          "requester": string;
          "undelivered_by"?: string | null;
        };
        Update: {
          "attempts"?: number;
          "channel"?: string;
          "code"?: string;
          "consumed_at"?: string | null;
          "country"?: string;
          "created_at"?: string;
          "expires_at"?: string;
          "id"?: string;
          "network"?: string;
          "owner_id"?: string | null;
          "phone_number"?: string;
          "prefix"?: string;
          "purpose"?: string;
          "requester"?: string;
          "undelivered_by"?: string | null;
        };
        Relationships: [];
      };
      "profile_private": {
        Row: {
          "auto_offline_after": number;
          "conversion_triggers": NonNullable<Json>;
          "manual_status": string | null;
          "manual_until": string | null;
          "onboarding_answers": NonNullable<Json>;
          "onboarding_completed": boolean;
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "auto_offline_after"?: number;
          "conversion_triggers"?: NonNullable<Json>;
          "manual_status"?: string | null;
          "manual_until"?: string | null;
          "onboarding_answers"?: NonNullable<Json>;
          "onboarding_completed"?: boolean;
          "user_id": string;
        };
        Update: {
          "auto_offline_after"?: number;
          "conversion_triggers"?: NonNullable<Json>;
          "manual_status"?: string | null;
          "manual_until"?: string | null;
          "onboarding_answers"?: NonNullable<Json>;
          "onboarding_completed"?: boolean;
          "user_id"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "profile_private_profile_fkey";
            columns: ["user_id"];
            isOneToOne: true;
            referencedRelation: "my_profile";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "profile_private_profile_fkey";
            columns: ["user_id"];
            isOneToOne: true;
            referencedRelation: "profiles";
            referencedColumns: ["id"];
          },
        ];
      };
      "profiles": {
        Row: {
          "avatar_url": string | null;
          "bio": string | null;
          "city": string | null;
          "cover_url": string | null;
          "created_at": string;
          "full_name": string | null;
          "id": string;
          "interests": (string)[];
          "presence_status": string;
          "status": string | null;
          "updated_at": string;
        };
        ComputedFields: never;
        Insert: {
          "avatar_url"?: string | null;
          "bio"?: string | null;
          "city"?: string | null;
          "cover_url"?: string | null;
          "created_at"?: string;
          "full_name"?: string | null;
          "id": string;
          "interests"?: (string)[];
          "presence_status"?: string;
          "status"?: never;
          "updated_at"?: string;
        };
        Update: {
          "avatar_url"?: string | null;
          "bio"?: string | null;
          "city"?: string | null;
          "cover_url"?: string | null;
          "created_at"?: string;
          "full_name"?: string | null;
          "id"?: string;
          "interests"?: (string)[];
          "presence_status"?: string;
          "status"?: never;
          "updated_at"?: string;
        };
        Relationships: [];
      };
      "salon_members": {
        Row: {
          "joined_at": string;
          "muted_until": string | null;
          "notifications_enabled": boolean;
          "role": string;
          "salon_id": string;
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "joined_at"?: string;
          "muted_until"?: string | null;
          "notifications_enabled"?: boolean;
          "role"?: string;
          "salon_id": string;
          "user_id": string;
        };
        Update: {
          "joined_at"?: string;
          "muted_until"?: string | null;
          "notifications_enabled"?: boolean;
          "role"?: string;
          "salon_id"?: string;
          "user_id"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "salon_members_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "my_salons";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "salon_members_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "salons";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "salon_members_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "salons_with_details";
            referencedColumns: ["id"];
          },
        ];
      };
      "salons": {
        Row: {
          "archived_at": string | null;
          "avatar_url": string | null;
          "category": string | null;
          "city": string | null;
          "color_theme": string;
          "created_at": string;
          "deleted_at": string | null;
          "description": string | null;
          "id": string;
          "is_active": boolean;
          "member_count": number;
          "name": string;
          "owner_id": string | null;
          "slow_mode_s": number;
          "updated_at": string;
          "visibility": string;
        };
        ComputedFields: never;
        Insert: {
          "archived_at"?: string | null;
          "avatar_url"?: string | null;
          "category"?: string | null;
          "city"?: string | null;
          "color_theme"?: string;
          "created_at"?: string;
          "deleted_at"?: string | null;
          "description"?: string | null;
          "id"?: string;
          "is_active"?: boolean;
          "member_count"?: number;
          "name": string;
          "owner_id"?: string | null;
          "slow_mode_s"?: number;
          "updated_at"?: string;
          "visibility"?: string;
        };
        Update: {
          "archived_at"?: string | null;
          "avatar_url"?: string | null;
          "category"?: string | null;
          "city"?: string | null;
          "color_theme"?: string;
          "created_at"?: string;
          "deleted_at"?: string | null;
          "description"?: string | null;
          "id"?: string;
          "is_active"?: boolean;
          "member_count"?: number;
          "name"?: string;
          "owner_id"?: string | null;
          "slow_mode_s"?: number;
          "updated_at"?: string;
          "visibility"?: string;
        };
        Relationships: [];
      };
      "token_accounts": {
        Row: {
          "daily_cap_tokens": number | null;
          "day": string;
          "forgotten_at": string | null;
          "month": string;
          "monthly_cap_tokens": number | null;
          "pause_reason": string | null;
          "paused_at": string | null;
          "plan": string | null;
          "spent_before_day": number;
          "spent_before_month": number;
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "daily_cap_tokens"?: number | null;
          "day"?: string;
          "forgotten_at"?: string | null;
          "month"?: string;
          "monthly_cap_tokens"?: number | null;
          "pause_reason"?: string | null;
          "paused_at"?: string | null;
          "plan"?: string | null;
          "spent_before_day"?: number;
          "spent_before_month"?: number;
          "user_id": string;
        };
        Update: {
          "daily_cap_tokens"?: number | null;
          "day"?: string;
          "forgotten_at"?: string | null;
          "month"?: string;
          "monthly_cap_tokens"?: number | null;
          "pause_reason"?: string | null;
          "paused_at"?: string | null;
          "plan"?: string | null;
          "spent_before_day"?: number;
          "spent_before_month"?: number;
          "user_id"?: string;
        };
        Relationships: [];
      };
      "token_anomalies": {
        Row: {
          "anomaly_type": string;
          "created_at": string;
          "details": NonNullable<Json>;
          "id": number;
          "occurrence": string;
          "resolved_at": string | null;
          "severity": string;
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "anomaly_type": string;
          "created_at"?: string;
          "details"?: NonNullable<Json>;
          "id"?: never;
          "occurrence": string;
          "resolved_at"?: string | null;
          "severity": string;
          "user_id": string;
        };
        Update: {
          "anomaly_type"?: string;
          "created_at"?: string;
          "details"?: NonNullable<Json>;
          "id"?: never;
          "occurrence"?: string;
          "resolved_at"?: string | null;
          "severity"?: string;
          "user_id"?: string;
        };
        Relationships: [];
      };
      "token_balance_history": {
        Row: {
          "actor_id": string | null;
          "balance_after": number;
          "chain": string;
          "created_at": string;
          "delta": number;
          "entry_number": number;
          "metadata": Json | null;
          "operation_type": string;
          "request_id": string | null;
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "actor_id"?: string | null;
          "balance_after": number;
          "chain": string;
          "created_at": string;
          "delta": number;
          "entry_number": number;
          "metadata"?: Json | null;
          "operation_type": string;
          "request_id"?: string | null;
          "user_id": string;
        };
        Update: {
          "actor_id"?: string | null;
          "balance_after"?: number;
          "chain"?: string;
          "created_at"?: string;
          "delta"?: number;
          "entry_number"?: number;
          "metadata"?: Json | null;
          "operation_type"?: string;
          "request_id"?: string | null;
          "user_id"?: string;
        };
        Relationships: [];
      };
      "token_balances": {
        Row: {
          "balance": number;
          "chain": string | null;
          "change_number": number;
          "created_at": string;
          "debt": number;
          "entry_count": number;
          "granted": number;
          "held": number;
          "is_closed": boolean;
          "next_expiry_at": string;
          "previous_chain": string | null;
          "updated_at": string;
          "user_id": string;
          "watched_until": string | null;
        };
        ComputedFields: never;
        Insert: {
          "balance"?: number;
          "chain"?: string | null;
          "change_number"?: number;
          "created_at"?: string;
          "debt"?: number;
          "entry_count"?: number;
          "granted"?: number;
          "held"?: number;
          "is_closed"?: boolean;
          "next_expiry_at"?: string;
          "previous_chain"?: string | null;
          "updated_at"?: string;
          "user_id": string;
          "watched_until"?: string | null;
        };
        Update: {
          "balance"?: number;
          "chain"?: string | null;
          "change_number"?: number;
          "created_at"?: string;
          "debt"?: number;
          "entry_count"?: number;
          "granted"?: number;
          "held"?: number;
          "is_closed"?: boolean;
          "next_expiry_at"?: string;
          "previous_chain"?: string | null;
          "updated_at"?: string;
          "user_id"?: string;
          "watched_until"?: string | null;
        };
        Relationships: [];
      };
      "token_consumption_locks": {
        Row: {
          "actor_id": string | null;
          "amount": number;
          "attempt": number;
          "balance_after": number | null;
          "charged": number | null;
          "created_at": string;
          "expires_at": string;
          "fingerprint": string | null;
          "metadata": Json | null;
          "operation_type": string;
          "request_id": string;
          "response": string | null;
          "run_id": string | null;
          "status": Database["public"]["Enums"]["token_lock_status"];
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "actor_id"?: string | null;
          "amount": number;
          "attempt"?: number;
          "balance_after"?: number | null;
          "charged"?: number | null;
          "created_at"?: string;
          "expires_at": string;
          "fingerprint"?: string | null;
          "metadata"?: Json | null;
          "operation_type": string;
          "request_id": string;
          "response"?: string | null;
          "run_id"?: string | null;
          "status": Database["public"]["Enums"]["token_lock_status"];
          "user_id": string;
        };
        Update: {
          "actor_id"?: string | null;
          "amount"?: number;
          "attempt"?: number;
          "balance_after"?: number | null;
          "charged"?: number | null;
          "created_at"?: string;
          "expires_at"?: string;
          "fingerprint"?: string | null;
          "metadata"?: Json | null;
          "operation_type"?: string;
          "request_id"?: string;
          "response"?: string | null;
          "run_id"?: string | null;
          "status"?: Database["public"]["Enums"]["token_lock_status"];
          "user_id"?: string;
        };
        Relationships: [];
      };
      "token_grants": {
        Row: {
          "amount": number;
          "created_at": string;
          "effective_at": string;
          "entry_number": number | null;
          "expired": number;
          "expires_at": string;
          "id": number;
          "kind": Database["public"]["Enums"]["token_grant_kind"];
          "metadata": Json | null;
          "priority": number;
          "refunded": number;
          "remaining": number;
          "renewed_at": string | null;
          "request_id": string | null;
          "reversed": number;
          "rolled_over": number;
          "source": string | null;
          "wallet_id": string;
        };
        ComputedFields: never;
        Insert: {
          "amount": number;
          "created_at"?: string;
          "effective_at": string;
          "entry_number"?: number | null;
          "expired"?: number;
          "expires_at"?: string;
          "id"?: never;
          "kind": Database["public"]["Enums"]["token_grant_kind"];
          "metadata"?: Json | null;
          "priority": number;
          "refunded"?: number;
          "remaining"?: number;
          "renewed_at"?: string | null;
          "request_id"?: string | null;
          "reversed"?: number;
          "rolled_over"?: number;
          "source"?: string | null;
          "wallet_id": string;
        };
        Update: {
          "amount"?: number;
          "created_at"?: string;
          "effective_at"?: string;
          "entry_number"?: number | null;
          "expired"?: number;
          "expires_at"?: string;
          "id"?: never;
          "kind"?: Database["public"]["Enums"]["token_grant_kind"];
          "metadata"?: Json | null;
          "priority"?: number;
          "refunded"?: number;
          "remaining"?: number;
          "renewed_at"?: string | null;
          "request_id"?: string | null;
          "reversed"?: number;
          "rolled_over"?: number;
          "source"?: string | null;
          "wallet_id"?: string;
        };
        Relationships: [];
      };
      "token_key_mappings": {
        Row: {
          "created_at": string;
          "id": string;
          "key_type": string;
          "main_account": string;
          "redis_key": string;
        };
        ComputedFields: never;
        Insert: {
          "created_at"?: string;
          "id"?: string;
          "key_type": string;
          "main_account": string;
          "redis_key": string;
        };
        Update: {
          "created_at"?: string;
          "id"?: string;
          "key_type"?: string;
          "main_account"?: string;
          "redis_key"?: string;
        };
        Relationships: [];
      };
      "tokens": {
        Row: {
          "created_at": string;
          "expires_at": string | null;
          "fence": number | null;
          "key": string;
          "token_data": Json | null;
          "updated_at": string;
        };
        ComputedFields: never;
        Insert: {
          "created_at"?: string;
          "expires_at"?: string | null;
          "fence"?: number | null;
          "key": string;
          "token_data"?: Json | null;
          "updated_at"?: string;
        };
        Update: {
          "created_at"?: string;
          "expires_at"?: string | null;
          "fence"?: number | null;
          "key"?: string;
          "token_data"?: Json | null;
          "updated_at"?: string;
        };
        Relationships: [];
      };
      "tradovate_tokens": {
        Row: {
          "access_token": string;
          "account_name": string;
          "created_at": string;
          "expires_at": string | null;
          "expiry_source": string;
          "fingerprint": string;
          "id": string;
          "inactive_reason": string | null;
          "is_active": boolean;
          "key_id": string;
          "main_account": string;
          "metadata": NonNullable<Json>;
          "source": string;
          "token_length": number;
          "token_number": number;
          "token_type": string;
          "updated_at": string;
        };
        ComputedFields: never;
        Insert: {
          "access_token": string;
          "account_name": string;
          "created_at"?: string;
          "expires_at"?: string | null;
          "expiry_source": string;
          "fingerprint": string;
          "id"?: string;
          "inactive_reason"?: string | null;
          "is_active"?: boolean;
          "key_id"?: never;
          "main_account": string;
          "metadata"?: NonNullable<Json>;
          "source": string;
          "token_length": number;
          "token_number"?: never;
          "token_type": string;
          "updated_at"?: string;
        };
        Update: {
          "access_token"?: string;
          "account_name"?: string;
          "created_at"?: string;
          "expires_at"?: string | null;
          "expiry_source"?: string;
          "fingerprint"?: string;
          "id"?: string;
          "inactive_reason"?: string | null;
          "is_active"?: boolean;
          "key_id"?: never;
          "main_account"?: string;
          "metadata"?: NonNullable<Json>;
          "source"?: string;
          "token_length"?: number;
          "token_number"?: never;
          "token_type"?: string;
          "updated_at"?: string;
        };
        Relationships: [];
      };
      "user_phones": {
        Row: {
          "phone": string;
          "user_id": string;
          "verified_at": string;
        };
        ComputedFields: never;
        Insert: {
          "phone": string;
          "user_id": string;
          "verified_at": string;
        };
        Update: {
          "phone"?: string;
          "user_id"?: string;
          "verified_at"?: string;
        };
        Relationships: [];
      };
    };
    Views: {
      "chat_messages_with_profiles": {
        Row: {
          "avatar_url": string | null;
          "content": string;
          "created_at": string;
          "edited_at": string | null;
          "full_name": string | null;
          "id": number;
          "mentions": (string)[];
          "reply_to_id": number | null;
          "salon_id": string;
          "seq": number;
          "user_id": string | null;
        };
        ComputedFields: never;
        Relationships: [
          {
            foreignKeyName: "chat_messages_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "my_salons";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "chat_messages_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "salons";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "chat_messages_salon_fkey";
            columns: ["salon_id"];
            isOneToOne: false;
            referencedRelation: "salons_with_details";
            referencedColumns: ["id"];
          },
        ];
      };
      "job_status": {
        Row: {
          "command": string;
          "description": string;
          "is_overdue": boolean | null;
          "kind": string;
          "last_done_at": string | null;
          "last_duration_ms": number | null;
          "last_error": string | null;
          "last_outcome": string | null;
          "last_result": Json | null;
          "last_started_at": string | null;
          "name": string;
          "overdue_after": string;
          "schedule": string;
          "state": string | null;
          "timeout_ms": number;
        };
        ComputedFields: never;
        Relationships: [];
      };
      "my_profile": {
        Row: {
          "auto_offline_after": number;
          "avatar_url": string | null;
          "bio": string | null;
          "city": string | null;
          "conversion_triggers": NonNullable<Json>;
          "cover_url": string | null;
          "created_at": string;
          "current_salon_id": string | null;
          "full_name": string | null;
          "id": string;
          "interests": (string)[];
          "is_manual_status": boolean | null;
          "last_activity": string | null;
          "manual_status": string | null;
          "manual_until": string | null;
          "onboarding_answers": NonNullable<Json>;
          "onboarding_completed": boolean;
          "presence_status": string | null;
          "status": string | null;
          "status_updated_at": string | null;
          "updated_at": string;
        };
        ComputedFields: never;
        Relationships: [];
      };
      "my_salons": {
        Row: {
          "archived_at": string | null;
          "avatar_url": string | null;
          "category": string | null;
          "city": string | null;
          "color_theme": string;
          "created_at": string;
          "description": string | null;
          "id": string;
          "is_active": boolean;
          "joined_at": string;
          "last_message_at": string | null;
          "last_read_seq": number | null;
          "last_seen_at": string | null;
          "last_seq": number | null;
          "member_count": number;
          "message_count": number | null;
          "muted_until": string | null;
          "name": string;
          "notifications_enabled": boolean;
          "owner_id": string | null;
          "role": string;
          "share_code": string | null;
          "slow_mode_s": number;
          "unread_count": number | null;
          "updated_at": string;
          "visibility": string;
        };
        ComputedFields: never;
        Relationships: [];
      };
      "salons_with_details": {
        Row: {
          "actual_member_count": number;
          "archived_at": string | null;
          "avatar_url": string | null;
          "category": string | null;
          "city": string | null;
          "color_theme": string;
          "created_at": string;
          "description": string | null;
          "id": string;
          "is_active": boolean;
          "member_count": number;
          "message_count": number | null;
          "messages_today": number | null;
          "name": string;
          "owner_avatar": string | null;
          "owner_id": string | null;
          "owner_name": string | null;
          "share_code": string | null;
          "slow_mode_s": number;
          "updated_at": string;
          "visibility": string;
        };
        ComputedFields: never;
        Relationships: [];
      };
    };
    Functions: {
      "accept_wallet_invitation": { Args: { "p_code_digest": string; "p_user_id": string }; Returns: Json };
      "account_limits": { Args: { "p_actor_id"?: string; "p_user_id": string }; Returns: Json };
      "add_salon_word": { Args: { "p_salon_id": string; "p_word": string }; Returns: Json };
      "add_tokens": {
        Args: {
          "p_amount": number;
          "p_effective_at"?: string;
          "p_expires_at"?: string;
          "p_kind"?: string;
          "p_metadata"?: Json;
          "p_priority"?: number;
          "p_reason": string;
          "p_request_id"?: string;
          "p_source"?: string;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "admit_reading": {
        Args: {
          "p_least_amount": number;
          "p_request_id": string;
          "p_user_id": string;
          "p_wallet_id"?: string;
        };
        Returns: Json;
      };
      "admit_request": {
        Args: {
          "p_fingerprint"?: string;
          "p_metadata"?: Json;
          "p_operation_type": string;
          "p_request_id": string;
          "p_run_id"?: string;
          "p_time_to_live"?: string;
          "p_token_amount": number;
          "p_user_id": string;
          "p_wallet_id"?: string;
        };
        Returns: Json;
      };
      "alert_queue": { Args: Record<PropertyKey, never>; Returns: Json };
      "answer_oauth_authorization": { Args: { "p_answer": string; "p_state_hash": string }; Returns: Json };
      "archive_salon": { Args: { "p_salon_id": string }; Returns: Json };
      "attachments_to_remove": {
        Args: { "p_limit"?: number };
        Returns: {
          "bucket": string;
          "path": string;
        }[];
      };
      "ban_from_salon": {
        Args: { "p_duration_s"?: number; "p_member_id": string; "p_reason"?: string; "p_salon_id": string };
        Returns: Json;
      };
      "begin_token_sync": {
        Args: { "p_lease_s"?: number; "p_server_id": string; "p_source": string };
        Returns: Json;
      };
      "block_user": { Args: { "p_user_id": string }; Returns: Json };
      "check_inactive_users": { Args: { "p_limit"?: number }; Returns: number };
      "claim_alert_deliveries": {
        Args: { "p_endpoint_id": string; "p_lease": string; "p_limit": number; "p_without": (string)[] };
        Returns: Json;
      };
      "claim_oauth_lease": {
        Args: {
          "p_holder": string;
          "p_is_forced"?: boolean;
          "p_key": string;
          "p_lease_ms": number;
          "p_provider": string;
        };
        Returns: Json;
      };
      "claw_back_grant": {
        Args: {
          "p_amount": number;
          "p_reason"?: string;
          "p_reversal_id": string;
          "p_source": string;
          "p_wallet_id"?: string;
        };
        Returns: Json;
      };
      "cleanup_expired_locks": { Args: { "p_page_limit"?: number }; Returns: Json };
      "cleanup_provider_tokens": { Args: { "p_limit"?: number }; Returns: number };
      "clear_tokens": { Args: { "p_namespace": string }; Returns: number };
      "close_wallet": { Args: { "p_user_id": string; "p_wallet_id": string }; Returns: Json };
      "complete_alert_delivery": {
        Args: {
          "p_alert_id": number;
          "p_endpoint_id": string;
          "p_http_status": number;
          "p_lease_id": string;
        };
        Returns: boolean;
      };
      "consume_tokens_atomic": {
        Args: {
          "p_metadata"?: Json;
          "p_operation_type": string;
          "p_request_id": string;
          "p_token_amount": number;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "consume_tokens_batch": { Args: { "p_requests": Json }; Returns: Json };
      "create_alert_endpoint": {
        Args: {
          "p_alert_types": (string)[];
          "p_description"?: string;
          "p_endpoint_id": string;
          "p_host": string;
          "p_sealed": string;
        };
        Returns: Json;
      };
      "create_salon_invitation": {
        Args: { "p_expires_in_s"?: number; "p_max_uses"?: number; "p_salon_id": string };
        Returns: Json;
      };
      "create_salon_with_code": {
        Args: {
          "p_category"?: string;
          "p_city"?: string;
          "p_color_theme"?: string;
          "p_description"?: string;
          "p_name": string;
          "p_request_id"?: string;
          "p_visibility"?: string;
        };
        Returns: Json;
      };
      "create_wallet": {
        Args: { "p_name": string; "p_request_id"?: string; "p_user_id": string };
        Returns: Json;
      };
      "decide_report": {
        Args: { "p_decision": string; "p_note"?: string; "p_report_id": number };
        Returns: Json;
      };
      "decide_salon_report": {
        Args: { "p_decision": string; "p_note"?: string; "p_report_id": number };
        Returns: Json;
      };
      "delete_message": { Args: { "p_message_id": number }; Returns: Json };
      "delete_salon": { Args: { "p_salon_id": string }; Returns: Json };
      "delete_tokens": { Args: { "p_keys": Json }; Returns: number };
      "detect_high_frequency_requests": {
        Args: { "p_threshold"?: number; "p_time_window"?: string; "p_user_id": string };
        Returns: Json;
      };
      "diff_provider_tokens": {
        Args: {
          "p_fence": number;
          "p_fingerprints": string;
          "p_names": string;
          "p_next_cursor": string;
          "p_source": string;
          "p_ttls_ms": string;
        };
        Returns: Json;
      };
      "edit_message": { Args: { "p_content": string; "p_message_id": number }; Returns: Json };
      "emit_test_alert": { Args: { "p_endpoint_id": string }; Returns: Json };
      "end_alert_endpoint": { Args: { "p_endpoint_id": string }; Returns: boolean };
      "end_oauth_revocation": { Args: { "p_requested_at": string; "p_subject": string }; Returns: boolean };
      "ensure_profile": { Args: Record<PropertyKey, never>; Returns: Json };
      "explain_request": {
        Args: { "p_request_id": string; "p_user_id"?: string; "p_wallet_id"?: string };
        Returns: Json;
      };
      "export_next_user_data": { Args: { "p_after"?: string; "p_user_id": string }; Returns: Json };
      "export_user_data": { Args: { "p_user_id": string }; Returns: Json };
      "extend_token_hold": {
        Args: { "p_attempt": number; "p_request_id": string; "p_time_to_live": string; "p_user_id": string };
        Returns: Json;
      };
      "fail_alert_delivery": {
        Args: {
          "p_alert_id": number;
          "p_endpoint_id": string;
          "p_error": string;
          "p_http_status"?: number;
          "p_lease_id": string;
          "p_retry_after_s"?: number;
        };
        Returns: Json;
      };
      "files_of_user": {
        Args: { "p_limit"?: number; "p_user_id": string };
        Returns: {
          "bucket": string;
          "path": string;
        }[];
      };
      "files_to_remove": {
        Args: { "p_limit"?: number };
        Returns: {
          "bucket": string;
          "path": string;
        }[];
      };
      "finish_oauth_lease": {
        Args: {
          "p_error"?: string;
          "p_failure_count"?: number;
          "p_fence": number;
          "p_grant"?: Json;
          "p_key": string;
          "p_outcome": string;
          "p_provider": string;
          "p_retry_after_ms"?: number;
        };
        Returns: Json;
      };
      "finish_token_sync": {
        Args: { "p_fence": number; "p_is_complete": boolean; "p_source": string };
        Returns: Json;
      };
      "forget_user": { Args: { "p_user_id": string }; Returns: undefined };
      "get_all_message_reactions_batch": {
        Args: { "p_message_ids": (number)[] };
        Returns: {
          "count": number;
          "emoji": string;
          "has_reacted": boolean;
          "message_id": number;
        }[];
      };
      "get_message_reactions_summary": {
        Args: { "p_message_id": number };
        Returns: {
          "count": number;
          "emoji": string;
          "has_reacted": boolean;
        }[];
      };
      "get_presence": {
        Args: { "p_user_ids": (string)[] };
        Returns: {
          "status": string;
          "user_id": string;
        }[];
      };
      "get_reply_message_info": { Args: { "p_message_id": number }; Returns: Json };
      "handle_message_reaction": {
        Args: { "p_action"?: string; "p_emoji": string; "p_message_id": number };
        Returns: Json;
      };
      "handle_user_signin": { Args: { "p_user_id"?: string }; Returns: Json };
      "handle_user_signout": { Args: { "p_user_id"?: string }; Returns: Json };
      "hold_tokens": {
        Args: {
          "p_actor_id"?: string;
          "p_fingerprint"?: string;
          "p_metadata"?: Json;
          "p_operation_type": string;
          "p_request_id": string;
          "p_run_id"?: string;
          "p_time_to_live"?: string;
          "p_token_amount": number;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "invite_to_wallet": {
        Args: {
          "p_code_digest": string;
          "p_email"?: string;
          "p_max_uses"?: number;
          "p_monthly_cap_tokens"?: number;
          "p_request_id"?: string;
          "p_role": string;
          "p_time_to_live"?: string;
          "p_user_id": string;
          "p_wallet_id": string;
        };
        Returns: Json;
      };
      "join_salon": { Args: { "p_salon_id": string }; Returns: Json };
      "join_salon_via_code": { Args: { "p_code": string }; Returns: Json };
      "keep_oauth_authorization": {
        Args: { "p_request": string; "p_state_hash": string; "p_ttl_s": number };
        Returns: Json;
      };
      "kick_salon_member": {
        Args: { "p_member_id": string; "p_reason"?: string; "p_salon_id": string };
        Returns: Json;
      };
      "leave_salon": { Args: { "p_salon_id": string }; Returns: Json };
      "lift_salon_ban": { Args: { "p_member_id": string; "p_salon_id": string }; Returns: Json };
      "list_alert_deliveries": {
        Args: { "p_before_alert_id": number; "p_endpoint_id": string; "p_limit": number; "p_status": string };
        Returns: Json;
      };
      "list_alert_endpoints": { Args: Record<PropertyKey, never>; Returns: Json };
      "list_gone_alert_endpoints": { Args: Record<PropertyKey, never>; Returns: Json };
      "list_oauth_revocations": { Args: { "p_limit"?: number }; Returns: Json };
      "list_open_reports": { Args: { "p_after"?: number; "p_limit"?: number }; Returns: Json };
      "list_public_salons": {
        Args: { "p_after"?: string; "p_category"?: string; "p_city"?: string; "p_limit"?: number };
        Returns: Json;
      };
      "list_salon_bans": {
        Args: { "p_after"?: string; "p_limit"?: number; "p_salon_id": string };
        Returns: Json;
      };
      "list_salon_decisions": {
        Args: { "p_before"?: number; "p_limit"?: number; "p_salon_id": string };
        Returns: Json;
      };
      "list_salon_invitations": { Args: { "p_salon_id": string }; Returns: Json };
      "list_salon_members": {
        Args: { "p_after"?: string; "p_limit"?: number; "p_salon_id": string };
        Returns: Json;
      };
      "list_salon_reports": {
        Args: { "p_after"?: number; "p_limit"?: number; "p_salon_id": string };
        Returns: Json;
      };
      "list_salon_words": { Args: { "p_salon_id": string }; Returns: Json };
      "list_token_grants": {
        Args: { "p_actor_id"?: string; "p_before_entry"?: number; "p_limit"?: number; "p_wallet_id": string };
        Returns: Json;
      };
      "list_tokens": {
        Args: { "p_after"?: string; "p_limit"?: number; "p_namespace": string };
        Returns: Json;
      };
      "list_wallet_invitations": { Args: { "p_user_id": string; "p_wallet_id": string }; Returns: Json };
      "list_wallet_members": { Args: { "p_user_id": string; "p_wallet_id": string }; Returns: Json };
      "list_wallets": { Args: { "p_user_id": string }; Returns: Json };
      "mark_read": { Args: { "p_salon_id": string; "p_seq": number }; Returns: Json };
      "may_present_salon": { Args: { "p_salon_id": string; "p_user_id": string }; Returns: boolean };
      "message_history": { Args: { "p_message_id": number }; Returns: Json };
      "messages_after": {
        Args: { "p_after": number; "p_limit"?: number; "p_salon_id": string };
        Returns: Json;
      };
      "messages_before": {
        Args: { "p_before"?: number; "p_limit"?: number; "p_salon_id": string };
        Returns: Json;
      };
      "mute_salon_member": {
        Args: { "p_duration_s"?: number; "p_member_id": string; "p_reason"?: string; "p_salon_id": string };
        Returns: Json;
      };
      "my_blocks": {
        Args: Record<PropertyKey, never>;
        Returns: {
          "avatar_url": string;
          "blocked_at": string;
          "full_name": string;
          "user_id": string;
        }[];
      };
      "my_messages": { Args: { "p_after"?: string; "p_limit"?: number }; Returns: Json };
      "my_salon_reports": { Args: { "p_limit"?: number }; Returns: Json };
      "my_salon_standing": { Args: { "p_salon_id": string }; Returns: Json };
      "note_caller_networks": { Args: { "p_seen": Json }; Returns: number };
      "oauth_status": { Args: Record<PropertyKey, never>; Returns: Json };
      "oauth_tokens_to_rotate": {
        Args: { "p_after"?: string; "p_key_id": string; "p_limit"?: number };
        Returns: Json;
      };
      "pause_account": { Args: { "p_reason": string; "p_user_id": string }; Returns: boolean };
      "pictures_to_remove": {
        Args: { "p_after_bucket"?: string; "p_after_path"?: string; "p_limit"?: number };
        Returns: Json;
      };
      "pin_message": { Args: { "p_message_id": number }; Returns: Json };
      "pinned_messages": { Args: { "p_salon_id": string }; Returns: Json };
      "prove_token_key": { Args: { "p_key_id": string; "p_proof": string }; Returns: string };
      "provider_token_status": {
        Args: { "p_key_ids": (string)[]; "p_limit"?: number; "p_source": string };
        Returns: Json;
      };
      "provider_tokens_to_rotate": {
        Args: {
          "p_after": string;
          "p_key_id": string;
          "p_key_name": string;
          "p_limit": number;
          "p_request_id": string;
        };
        Returns: Json;
      };
      "put_provider_tokens": {
        Args: {
          "p_fence": number;
          "p_next_cursor"?: string;
          "p_rejections": Json;
          "p_source": string;
          "p_tokens": Json;
        };
        Returns: Json;
      };
      "read_metrics": { Args: Record<PropertyKey, never>; Returns: Json };
      "read_oauth_lease": { Args: { "p_key": string; "p_provider": string }; Returns: Json };
      "read_provider_token": {
        Args: { "p_account_name": string; "p_key_name": string; "p_request_id": string };
        Returns: Json;
      };
      "read_tokens": { Args: { "p_keys": Json }; Returns: Json };
      "record_otp_delivery": {
        Args: { "p_attempts": Json; "p_delivery": string; "p_issuance_id": string; "p_message_id"?: string };
        Returns: Json;
      };
      "record_otp_report": {
        Args: {
          "p_is_delivered": boolean;
          "p_is_fault": boolean;
          "p_issuance_id": string;
          "p_message_id": string;
          "p_provider": string;
        };
        Returns: Json;
      };
      "record_request_metrics": { Args: { "p_flush_id": string; "p_series": Json }; Returns: Json };
      "record_token_anomaly": {
        Args: {
          "p_anomaly_type": string;
          "p_details"?: Json;
          "p_occurrence": string;
          "p_severity": string;
          "p_user_id": string;
        };
        Returns: undefined;
      };
      "refund_tokens": {
        Args: {
          "p_amount"?: number;
          "p_reason"?: string;
          "p_refund_id": string;
          "p_request_id": string;
          "p_wallet_id"?: string;
        };
        Returns: Json;
      };
      "release_tokens": {
        Args: {
          "p_attempt": number;
          "p_metadata"?: Json;
          "p_reason"?: string;
          "p_request_id": string;
          "p_run_id"?: string;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "remove_salon_word": { Args: { "p_salon_id": string; "p_word": string }; Returns: Json };
      "remove_wallet_member": {
        Args: { "p_member_id": string; "p_user_id": string; "p_wallet_id": string };
        Returns: Json;
      };
      "rename_wallet": {
        Args: { "p_name": string; "p_user_id": string; "p_wallet_id": string };
        Returns: Json;
      };
      "renew_grant": {
        Args: {
          "p_amount": number;
          "p_cap_percent"?: number;
          "p_cap_tokens"?: number;
          "p_expires_at": string;
          "p_metadata"?: Json;
          "p_new_source": string;
          "p_priority"?: number;
          "p_reason": string;
          "p_request_id": string;
          "p_rollover_expires_at"?: string;
          "p_source": string;
          "p_wallet_id": string;
        };
        Returns: Json;
      };
      "renew_salon_code": { Args: { "p_salon_id": string }; Returns: Json };
      "replay_alerts": {
        Args: { "p_alert_ids": (number)[]; "p_endpoint_id": string; "p_limit": number };
        Returns: Json;
      };
      "report_message": {
        Args: { "p_explanation"?: string; "p_message_id": number; "p_reason": string };
        Returns: Json;
      };
      "report_salon_member": {
        Args: { "p_explanation"?: string; "p_member_id": string; "p_reason": string; "p_salon_id": string };
        Returns: Json;
      };
      "request_otp": {
        Args: {
          "p_address"?: string;
          "p_auth_user_id"?: string;
          "p_channel": string;
          "p_cost_micros": number;
          "p_country": string;
          "p_key_id": string;
          "p_mac": string;
          "p_network": string;
          "p_phone": string;
          "p_providers": (string)[];
          "p_purpose": string;
          "p_request_key"?: string;
          "p_test_mac"?: string;
          "p_test_until"?: string;
          "p_user_id"?: string;
          "p_wide_network"?: string;
        };
        Returns: Json;
      };
      "reseal_alert_endpoint": {
        Args: {
          "p_endpoint_id": string;
          "p_keep_previous_secret"?: string;
          "p_old_sealed": string;
          "p_sealed": string;
        };
        Returns: boolean;
      };
      "resolve_token_anomaly": { Args: { "p_by": string; "p_id": number; "p_note": string }; Returns: Json };
      "restore_salon": { Args: { "p_salon_id": string }; Returns: Json };
      "resume_account": { Args: { "p_user_id": string }; Returns: boolean };
      "revoke_oauth_lease": { Args: { "p_key": string }; Returns: Json };
      "revoke_salon_invitation": { Args: { "p_invitation_id": string; "p_salon_id": string }; Returns: Json };
      "roll_over_grant": {
        Args: {
          "p_cap_percent"?: number;
          "p_cap_tokens"?: number;
          "p_expires_at"?: string;
          "p_reason"?: string;
          "p_request_id": string;
          "p_source": string;
          "p_wallet_id": string;
        };
        Returns: Json;
      };
      "rotate_oauth_tokens": { Args: { "p_replacements": Json }; Returns: number };
      "rotate_provider_tokens": { Args: { "p_replacements": Json }; Returns: number };
      "rpc_check_inactive_users": { Args: Record<PropertyKey, never>; Returns: Json };
      "rpc_set_manual_status": { Args: { "p_status": string; "p_until"?: string }; Returns: Json };
      "rpc_update_activity": { Args: { "p_current_salon_id"?: string }; Returns: Json };
      "run_job": { Args: { "p_name": string }; Returns: Json };
      "run_token_operations": { Args: { "p_operations": Json }; Returns: Json };
      "search_messages": {
        Args: { "p_before"?: number; "p_limit"?: number; "p_query": string; "p_salon_id"?: string };
        Returns: Json;
      };
      "search_profiles": {
        Args: { "p_city"?: string; "p_limit"?: number; "p_query"?: string };
        Returns: Json;
      };
      "send_message": {
        Args: {
          "p_attachments"?: (string)[];
          "p_client_id": string;
          "p_content": string;
          "p_mentions"?: (string)[];
          "p_reply_to_id"?: number;
          "p_salon_id": string;
        };
        Returns: Json;
      };
      "set_account_plan": { Args: { "p_plan": string; "p_user_id": string }; Returns: Json };
      "set_member_cap": {
        Args: {
          "p_member_id": string;
          "p_monthly_cap_tokens": number;
          "p_user_id": string;
          "p_wallet_id": string;
        };
        Returns: Json;
      };
      "set_profile_picture": {
        Args: { "p_bucket": string; "p_url": string; "p_user_id": string };
        Returns: Json;
      };
      "set_salon_avatar": {
        Args: { "p_salon_id": string; "p_url": string; "p_user_id": string };
        Returns: Json;
      };
      "set_salon_role": {
        Args: { "p_member_id": string; "p_role": string; "p_salon_id": string };
        Returns: Json;
      };
      "set_slow_mode": { Args: { "p_salon_id": string; "p_seconds": number }; Returns: Json };
      "set_spend_caps": {
        Args: {
          "p_actor_id"?: string;
          "p_daily_tokens": number;
          "p_monthly_tokens": number;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "set_wallet_role": {
        Args: { "p_member_id": string; "p_role": string; "p_user_id": string; "p_wallet_id": string };
        Returns: Json;
      };
      "settle_tokens": {
        Args: {
          "p_attempt": number;
          "p_metadata"?: Json;
          "p_request_id": string;
          "p_response_head"?: string;
          "p_token_amount"?: number;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "take_call_limit": { Args: { "p_name": string; "p_rule": Json; "p_user_id": string }; Returns: Json };
      "take_oauth_authorization": { Args: { "p_state_hash": string }; Returns: Json };
      "take_rate_limits": { Args: { "p_limits": Json }; Returns: Json };
      "take_removed_attachments": {
        Args: { "p_limit"?: number };
        Returns: {
          "bucket": string;
          "path": string;
        }[];
      };
      "toggle_message_reaction": { Args: { "p_emoji": string; "p_message_id": number }; Returns: Json };
      "transfer_salon": { Args: { "p_member_id": string; "p_salon_id": string }; Returns: Json };
      "transfer_wallet": {
        Args: { "p_member_id": string; "p_user_id": string; "p_wallet_id": string };
        Returns: Json;
      };
      "unblock_user": { Args: { "p_user_id": string }; Returns: Json };
      "unmute_salon_member": { Args: { "p_member_id": string; "p_salon_id": string }; Returns: Json };
      "unpin_message": { Args: { "p_message_id": number }; Returns: Json };
      "unread_counts": {
        Args: Record<PropertyKey, never>;
        Returns: {
          "last_message_at": string;
          "last_read_seq": number;
          "last_seq": number;
          "salon_id": string;
          "unread": number;
        }[];
      };
      "update_user_activity": { Args: { "p_user_id"?: string }; Returns: Json };
      "use_otp_proof": { Args: { "p_expires_at_s": number; "p_id": string }; Returns: string };
      "user_is_salon_member": { Args: { "p_salon_id": string; "p_user_id"?: string }; Returns: boolean };
      "verify_community": {
        Args: Record<PropertyKey, never>;
        Returns: {
          "details": Json;
          "invariant": string;
          "subject": string;
        }[];
      };
      "verify_otp": {
        Args: {
          "p_challenge_id"?: string;
          "p_macs": Json;
          "p_network": string;
          "p_phone": string;
          "p_purpose": string;
          "p_user_id"?: string;
          "p_wide_network"?: string;
        };
        Returns: Json;
      };
      "verify_token_chain": {
        Args: Record<PropertyKey, never>;
        Returns: {
          "entry_number": number;
          "problem": string;
          "request_id": string;
          "user_id": string;
        }[];
      };
      "verify_token_ledger": {
        Args: Record<PropertyKey, never>;
        Returns: {
          "details": Json;
          "invariant": string;
          "request_id": string;
          "user_id": string;
        }[];
      };
      "wallet_state": { Args: { "p_wallet_id": string }; Returns: Json };
      "wallet_usage": {
        Args: { "p_month"?: string; "p_user_id": string; "p_wallet_id": string };
        Returns: Json;
      };
      "watch_wallet": { Args: { "p_user_id": string; "p_wallet_id": string }; Returns: Json };
      "withdraw_wallet_invitation": {
        Args: { "p_invitation_id": string; "p_user_id": string; "p_wallet_id": string };
        Returns: Json;
      };
      "write_tokens": { Args: { "p_entries": Json }; Returns: Json };
    };
    Enums: {
      "token_grant_kind": "promotion" | "rollover" | "refund" | "plan" | "paid";
      "token_lock_status": "held" | "settled" | "released" | "expired";
    };
    CompositeTypes: {
      [_ in never]: never;
    };
  };
};

type DatabaseWithoutInternals = Omit<Database, "__InternalSupabase">;

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">];

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    | keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof (
      & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
      & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"]
    )
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals } ? (
    & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"]
  )[TableName] extends {
    Row: infer R;
  } ? R
  : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
      Row: infer R;
    } ? R
    : never
  : never;

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
    Insert: infer I;
  } ? I
  : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Insert: infer I;
    } ? I
    : never
  : never;

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
    Update: infer U;
  } ? U
  : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Update: infer U;
    } ? U
    : never
  : never;

export type Enums<
  DefaultSchemaEnumNameOrOptions extends
    | keyof DefaultSchema["Enums"]
    | { schema: keyof DatabaseWithoutInternals },
  EnumName extends DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never = never,
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
    ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
  : never;

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    | keyof DefaultSchema["CompositeTypes"]
    | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never = never,
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][CompositeTypeName]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
    ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
  : never;

export const Constants = {
  "public": {
    Enums: {
      "token_grant_kind": ["promotion", "rollover", "refund", "plan", "paid"],
      "token_lock_status": ["held", "settled", "released", "expired"],
    },
  },
} as const;
