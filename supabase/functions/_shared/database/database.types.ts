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
        };
        ComputedFields: never;
        Insert: {
          "balance"?: number;
          "chain"?: string | null;
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
        };
        Update: {
          "balance"?: number;
          "chain"?: string | null;
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
    };
    Functions: {
      "accept_wallet_invitation": { Args: { "p_code_digest": string; "p_user_id": string }; Returns: Json };
      "account_limits": { Args: { "p_actor_id"?: string; "p_user_id": string }; Returns: Json };
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
      "begin_token_sync": {
        Args: { "p_lease_s"?: number; "p_server_id": string; "p_source": string };
        Returns: Json;
      };
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
      "create_wallet": {
        Args: { "p_name": string; "p_request_id"?: string; "p_user_id": string };
        Returns: Json;
      };
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
      "emit_test_alert": { Args: { "p_endpoint_id": string }; Returns: Json };
      "end_alert_endpoint": { Args: { "p_endpoint_id": string }; Returns: boolean };
      "end_oauth_revocation": { Args: { "p_requested_at": string; "p_subject": string }; Returns: boolean };
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
      "keep_oauth_authorization": {
        Args: { "p_request": string; "p_state_hash": string; "p_ttl_s": number };
        Returns: Json;
      };
      "list_alert_deliveries": {
        Args: { "p_before_alert_id": number; "p_endpoint_id": string; "p_limit": number; "p_status": string };
        Returns: Json;
      };
      "list_alert_endpoints": { Args: Record<PropertyKey, never>; Returns: Json };
      "list_gone_alert_endpoints": { Args: Record<PropertyKey, never>; Returns: Json };
      "list_oauth_revocations": { Args: { "p_limit"?: number }; Returns: Json };
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
      "note_caller_networks": { Args: { "p_seen": Json }; Returns: number };
      "oauth_status": { Args: Record<PropertyKey, never>; Returns: Json };
      "oauth_tokens_to_rotate": {
        Args: { "p_after"?: string; "p_key_id": string; "p_limit"?: number };
        Returns: Json;
      };
      "pause_account": { Args: { "p_reason": string; "p_user_id": string }; Returns: boolean };
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
      "replay_alerts": {
        Args: { "p_alert_ids": (number)[]; "p_endpoint_id": string; "p_limit": number };
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
      "resume_account": { Args: { "p_user_id": string }; Returns: boolean };
      "revoke_oauth_lease": { Args: { "p_key": string }; Returns: Json };
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
      "run_job": { Args: { "p_name": string }; Returns: Json };
      "run_token_operations": { Args: { "p_operations": Json }; Returns: Json };
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
      "transfer_wallet": {
        Args: { "p_member_id": string; "p_user_id": string; "p_wallet_id": string };
        Returns: Json;
      };
      "use_otp_proof": { Args: { "p_expires_at_s": number; "p_id": string }; Returns: string };
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
