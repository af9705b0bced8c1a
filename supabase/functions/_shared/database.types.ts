export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  "public": {
    Tables: {
      "anomaly_rules": {
        Row: {
          "anomaly_type": string;
          "pauses_account": boolean;
        };
        ComputedFields: never;
        Insert: {
          "anomaly_type": string;
          "pauses_account": boolean;
        };
        Update: {
          "anomaly_type"?: string;
          "pauses_account"?: boolean;
        };
        Relationships: [];
      };
      "anomaly_settings": {
        Row: {
          "frequency_threshold": number;
          "frequency_window": string;
          "id": boolean;
          "refusals_threshold": number;
          "refusals_window": string;
          "scanned_until": string;
          "spike_factor": number;
          "spike_history": string;
          "spike_least_tokens": number;
          "spike_window": string;
        };
        ComputedFields: never;
        Insert: {
          "frequency_threshold"?: number;
          "frequency_window"?: string;
          "id"?: boolean;
          "refusals_threshold"?: number;
          "refusals_window"?: string;
          "scanned_until"?: string;
          "spike_factor"?: number;
          "spike_history"?: string;
          "spike_least_tokens"?: number;
          "spike_window"?: string;
        };
        Update: {
          "frequency_threshold"?: number;
          "frequency_window"?: string;
          "id"?: boolean;
          "refusals_threshold"?: number;
          "refusals_window"?: string;
          "scanned_until"?: string;
          "spike_factor"?: number;
          "spike_history"?: string;
          "spike_least_tokens"?: number;
          "spike_window"?: string;
        };
        Relationships: [];
      };
      "oauth_authorizations": {
        Row: {
          "answer": string | null;
          "expires_at": string;
          "request": string;
          "state_hash": string;
        };
        ComputedFields: never;
        Insert: {
          "answer"?: string | null;
          "expires_at": string;
          "request": string;
          "state_hash": string;
        };
        Update: {
          "answer"?: string | null;
          "expires_at"?: string;
          "request"?: string;
          "state_hash"?: string;
        };
        Relationships: [];
      };
      "oauth_leases": {
        Row: {
          "fence": number;
          "held_until": string | null;
          "holder": string | null;
          "key": string;
          "revoked_fence": number;
          "updated_at": string;
        };
        ComputedFields: never;
        Insert: {
          "fence"?: number;
          "held_until"?: string | null;
          "holder"?: string | null;
          "key": string;
          "revoked_fence"?: number;
          "updated_at"?: string;
        };
        Update: {
          "fence"?: number;
          "held_until"?: string | null;
          "holder"?: string | null;
          "key"?: string;
          "revoked_fence"?: number;
          "updated_at"?: string;
        };
        Relationships: [];
      };
      "oauth_provider_health": {
        Row: {
          "failure_count": number;
          "last_error": string | null;
          "provider": string;
          "retry_at": string | null;
          "updated_at": string;
        };
        ComputedFields: never;
        Insert: {
          "failure_count"?: number;
          "last_error"?: string | null;
          "provider": string;
          "retry_at"?: string | null;
          "updated_at"?: string;
        };
        Update: {
          "failure_count"?: number;
          "last_error"?: string | null;
          "provider"?: string;
          "retry_at"?: string | null;
          "updated_at"?: string;
        };
        Relationships: [];
      };
      "rate_limits": {
        Row: {
          "full_at": string;
          "key": string;
        };
        ComputedFields: never;
        Insert: {
          "full_at": string;
          "key": string;
        };
        Update: {
          "full_at"?: string;
          "key"?: string;
        };
        Relationships: [];
      };
      "token_access_log": {
        Row: {
          "account_name": string | null;
          "action": string;
          "created_at": string;
          "id": number;
          "key_name": string;
          "outcome": string;
          "request_id": string;
        };
        ComputedFields: never;
        Insert: {
          "account_name"?: string | null;
          "action": string;
          "created_at"?: string;
          "id"?: never;
          "key_name": string;
          "outcome": string;
          "request_id": string;
        };
        Update: {
          "account_name"?: string | null;
          "action"?: string;
          "created_at"?: string;
          "id"?: never;
          "key_name"?: string;
          "outcome"?: string;
          "request_id"?: string;
        };
        Relationships: [];
      };
      "token_accounts": {
        Row: {
          "daily_cap_tokens": number | null;
          "day": string;
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
          "month"?: string;
          "monthly_cap_tokens"?: number | null;
          "pause_reason"?: string | null;
          "paused_at"?: string | null;
          "plan"?: string | null;
          "spent_before_day"?: number;
          "spent_before_month"?: number;
          "user_id"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "token_accounts_plan_fkey";
            columns: ["plan"];
            isOneToOne: false;
            referencedRelation: "token_plans";
            referencedColumns: ["plan"];
          },
        ];
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
      "token_anomaly_resolutions": {
        Row: {
          "anomaly_id": number;
          "note": string;
          "resolved_at": string;
          "resolved_by": string;
        };
        ComputedFields: never;
        Insert: {
          "anomaly_id": number;
          "note": string;
          "resolved_at"?: string;
          "resolved_by": string;
        };
        Update: {
          "anomaly_id"?: number;
          "note"?: string;
          "resolved_at"?: string;
          "resolved_by"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "token_anomaly_resolutions_anomaly_fkey";
            columns: ["anomaly_id"];
            isOneToOne: true;
            referencedRelation: "token_anomalies";
            referencedColumns: ["id"];
          },
        ];
      };
      "token_balance_history": {
        Row: {
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
          "created_at": string;
          "entry_count": number;
          "granted": number;
          "held": number;
          "previous_chain": string | null;
          "updated_at": string;
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "balance"?: number;
          "chain"?: string | null;
          "created_at"?: string;
          "entry_count"?: number;
          "granted"?: number;
          "held"?: number;
          "previous_chain"?: string | null;
          "updated_at"?: string;
          "user_id": string;
        };
        Update: {
          "balance"?: number;
          "chain"?: string | null;
          "created_at"?: string;
          "entry_count"?: number;
          "granted"?: number;
          "held"?: number;
          "previous_chain"?: string | null;
          "updated_at"?: string;
          "user_id"?: string;
        };
        Relationships: [];
      };
      "token_consumption_locks": {
        Row: {
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
          "status": Database["public"]["Enums"]["token_lock_status"];
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
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
          "status": Database["public"]["Enums"]["token_lock_status"];
          "user_id": string;
        };
        Update: {
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
          "status"?: Database["public"]["Enums"]["token_lock_status"];
          "user_id"?: string;
        };
        Relationships: [];
      };
      "token_encryption_keys": {
        Row: {
          "created_at": string;
          "key_id": string;
          "proof": string;
        };
        ComputedFields: never;
        Insert: {
          "created_at"?: string;
          "key_id": string;
          "proof": string;
        };
        Update: {
          "created_at"?: string;
          "key_id"?: string;
          "proof"?: string;
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
      "token_plans": {
        Row: {
          "plan": string;
          "request_limits": NonNullable<Json>;
        };
        ComputedFields: never;
        Insert: {
          "plan": string;
          "request_limits": NonNullable<Json>;
        };
        Update: {
          "plan"?: string;
          "request_limits"?: NonNullable<Json>;
        };
        Relationships: [];
      };
      "token_rejections": {
        Row: {
          "account_name": string;
          "fingerprint": string;
          "reason": string;
          "rejected_at": string;
          "scan_number": number;
          "source": string;
        };
        ComputedFields: never;
        Insert: {
          "account_name": string;
          "fingerprint": string;
          "reason": string;
          "rejected_at"?: string;
          "scan_number": number;
          "source": string;
        };
        Update: {
          "account_name"?: string;
          "fingerprint"?: string;
          "reason"?: string;
          "rejected_at"?: string;
          "scan_number"?: number;
          "source"?: string;
        };
        Relationships: [];
      };
      "token_settings": {
        Row: {
          "cleanup_page": number;
          "history_begins_at": string;
          "id": boolean;
          "lock_retention": string;
        };
        ComputedFields: never;
        Insert: {
          "cleanup_page"?: number;
          "history_begins_at"?: string;
          "id"?: boolean;
          "lock_retention"?: string;
        };
        Update: {
          "cleanup_page"?: number;
          "history_begins_at"?: string;
          "id"?: boolean;
          "lock_retention"?: string;
        };
        Relationships: [];
      };
      "token_sync_pages": {
        Row: {
          "page_number": number;
          "source": string;
          "token_numbers": (number)[];
        };
        ComputedFields: never;
        Insert: {
          "page_number"?: never;
          "source": string;
          "token_numbers": (number)[];
        };
        Update: {
          "page_number"?: never;
          "source"?: string;
          "token_numbers"?: (number)[];
        };
        Relationships: [
          {
            foreignKeyName: "token_sync_pages_source_fkey";
            columns: ["source"];
            isOneToOne: false;
            referencedRelation: "token_syncs";
            referencedColumns: ["source"];
          },
        ];
      };
      "token_syncs": {
        Row: {
          "completed_at": string | null;
          "completed_key_count": number | null;
          "fence": number;
          "lease_until": string | null;
          "next_cursor": string | null;
          "scan_number": number;
          "scan_started_at": string | null;
          "server_id": string;
          "source": string;
        };
        ComputedFields: never;
        Insert: {
          "completed_at"?: string | null;
          "completed_key_count"?: number | null;
          "fence"?: number;
          "lease_until"?: string | null;
          "next_cursor"?: string | null;
          "scan_number"?: number;
          "scan_started_at"?: string | null;
          "server_id"?: string;
          "source": string;
        };
        Update: {
          "completed_at"?: string | null;
          "completed_key_count"?: number | null;
          "fence"?: number;
          "lease_until"?: string | null;
          "next_cursor"?: string | null;
          "scan_number"?: number;
          "scan_started_at"?: string | null;
          "server_id"?: string;
          "source"?: string;
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
    };
    Views: {
      [_ in never]: never;
    };
    Functions: {
      "account_limits": { Args: { "p_user_id": string }; Returns: Json };
      "add_tokens": {
        Args: {
          "p_amount": number;
          "p_metadata"?: Json;
          "p_reason": string;
          "p_request_id"?: string;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "admit_request": {
        Args: {
          "p_fingerprint"?: string;
          "p_metadata"?: Json;
          "p_operation_type": string;
          "p_request_id": string;
          "p_token_amount": number;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "anomaly_window": { Args: { "p_at": string; "p_time_window": string }; Returns: string };
      "answer_oauth_authorization": { Args: { "p_answer": string; "p_state_hash": string }; Returns: Json };
      "archive_token_history": { Args: { "p_before": string }; Returns: Json };
      "audit_token_ledger": { Args: Record<PropertyKey, never>; Returns: Json };
      "begin_token_sync": {
        Args: { "p_lease_s"?: number; "p_server_id": string; "p_source": string };
        Returns: Json;
      };
      "chain_token_entries": {
        Args: { "p_entries": (Database["public"]["Tables"]["token_balance_history"]["Row"])[] };
        Returns: {
          "balance_after": number;
          "chain": string;
          "created_at": string;
          "delta": number;
          "entry_number": number;
          "metadata": Json | null;
          "operation_type": string;
          "request_id": string | null;
          "user_id": string;
        }[];
        SetofOptions: {
          from: "*";
          to: "token_balance_history";
          isOneToOne: false;
          isSetofReturn: true;
        };
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
      "cleanup_expired_locks": { Args: { "p_page_limit"?: number }; Returns: Json };
      "cleanup_oauth_tokens": { Args: { "p_limit"?: number }; Returns: number };
      "cleanup_provider_tokens": { Args: { "p_limit"?: number }; Returns: number };
      "cleanup_rate_limits": { Args: { "p_limit"?: number }; Returns: number };
      "clear_tokens": { Args: { "p_namespace": string }; Returns: number };
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
      "expire_token_holds_of": {
        Args: { "p_user_id": string };
        Returns: {
          "balance": number;
          "chain": string | null;
          "created_at": string;
          "entry_count": number;
          "granted": number;
          "held": number;
          "previous_chain": string | null;
          "updated_at": string;
          "user_id": string;
        };
        SetofOptions: {
          from: "*";
          to: "token_balances";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      "finish_oauth_lease": {
        Args: {
          "p_error"?: string;
          "p_failure_count"?: number;
          "p_fence": number;
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
      "hold_tokens": {
        Args: {
          "p_fingerprint"?: string;
          "p_metadata"?: Json;
          "p_operation_type": string;
          "p_request_id": string;
          "p_time_to_live"?: string;
          "p_token_amount": number;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "keep_oauth_authorization": {
        Args: { "p_request": string; "p_state_hash": string; "p_ttl_s": number };
        Returns: Json;
      };
      "list_tokens": {
        Args: { "p_after"?: string; "p_limit"?: number; "p_namespace": string };
        Returns: Json;
      };
      "note_insufficient_tokens": { Args: { "p_user_id": string }; Returns: boolean };
      "oauth_status": { Args: Record<PropertyKey, never>; Returns: Json };
      "pause_account": { Args: { "p_reason": string; "p_user_id": string }; Returns: boolean };
      "prepare_token_history": { Args: { "p_months"?: number }; Returns: number };
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
          "p_next_cursor": string;
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
      "record_request_excess": {
        Args: { "p_kind": string; "p_limit": Json; "p_user_id": string };
        Returns: undefined;
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
      "release_tokens": {
        Args: { "p_attempt": number; "p_reason"?: string; "p_request_id": string; "p_user_id": string };
        Returns: Json;
      };
      "renew_token_sync": { Args: { "p_fence": number; "p_source": string }; Returns: boolean };
      "request_limits_of": {
        Args: { "p_operation_type": string; "p_plan_limits": Json; "p_user_id": string };
        Returns: Json;
      };
      "resolve_token_anomaly": { Args: { "p_by": string; "p_id": number; "p_note": string }; Returns: Json };
      "resume_account": { Args: { "p_user_id": string }; Returns: boolean };
      "revoke_oauth_lease": { Args: { "p_key": string }; Returns: Json };
      "rollup_metrics": { Args: { "p_margin"?: string }; Returns: Json };
      "rotate_provider_tokens": { Args: { "p_replacements": Json }; Returns: number };
      "run_token_operations": { Args: { "p_operations": Json }; Returns: Json };
      "scan_token_anomalies": { Args: Record<PropertyKey, never>; Returns: Json };
      "set_account_plan": { Args: { "p_plan": string; "p_user_id": string }; Returns: Json };
      "set_spend_caps": {
        Args: { "p_daily_tokens": number; "p_monthly_tokens": number; "p_user_id": string };
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
      "spend_cap_refusal": {
        Args: {
          "p_amount": number;
          "p_balance": Omit<
            Database["public"]["Tables"]["token_balances"]["Row"],
            Database["public"]["Tables"]["token_balances"]["ComputedFields"]
          >;
          "p_request_id": string;
        };
        Returns: Json;
      };
      "take_oauth_authorization": { Args: { "p_state_hash": string }; Returns: Json };
      "take_rate_limits": { Args: { "p_limits": Json }; Returns: Json };
      "token_entry_chain": {
        Args: {
          "p_balance_after": number;
          "p_created_at": string;
          "p_delta": number;
          "p_entry_number": number;
          "p_metadata": Json;
          "p_operation_type": string;
          "p_previous": string;
          "p_request_id": string;
          "p_user_id": string;
        };
        Returns: string;
      };
      "token_refusal": {
        Args: {
          "p_balance"?: number;
          "p_details"?: Json;
          "p_error": string;
          "p_message": string;
          "p_request_id": string;
        };
        Returns: Json;
      };
      "token_request_problem": {
        Args: {
          "p_metadata": Json;
          "p_operation_type": string;
          "p_request_id": string;
          "p_token_amount": number;
          "p_user_id": string;
        };
        Returns: string;
      };
      "token_response_tail": { Args: { "p_balance": number; "p_charged": number }; Returns: string };
      "verify_metrics": { Args: Record<PropertyKey, never>; Returns: Json };
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
      "write_tokens": { Args: { "p_entries": Json }; Returns: Json };
    };
    Enums: {
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
      "token_lock_status": ["held", "settled", "released", "expired"],
    },
  },
} as const;
