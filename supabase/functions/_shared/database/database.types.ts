export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  "public": {
    Tables: {
      "alert_deliveries": {
        Row: {
          "alert_id": number;
          "attempts": number;
          "delivered_at": string | null;
          "endpoint_id": string;
          "first_attempt_at": string | null;
          "last_attempt_at": string | null;
          "last_error": string | null;
          "last_http_status": number | null;
          "lease_id": string | null;
          "leased_until": string | null;
          "next_attempt_at": string;
          "ordering_key": string;
          "status": string;
        };
        ComputedFields: never;
        Insert: {
          "alert_id": number;
          "attempts"?: number;
          "delivered_at"?: string | null;
          "endpoint_id": string;
          "first_attempt_at"?: string | null;
          "last_attempt_at"?: string | null;
          "last_error"?: string | null;
          "last_http_status"?: number | null;
          "lease_id"?: string | null;
          "leased_until"?: string | null;
          "next_attempt_at"?: string;
          "ordering_key": string;
          "status"?: string;
        };
        Update: {
          "alert_id"?: number;
          "attempts"?: number;
          "delivered_at"?: string | null;
          "endpoint_id"?: string;
          "first_attempt_at"?: string | null;
          "last_attempt_at"?: string | null;
          "last_error"?: string | null;
          "last_http_status"?: number | null;
          "lease_id"?: string | null;
          "leased_until"?: string | null;
          "next_attempt_at"?: string;
          "ordering_key"?: string;
          "status"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "alert_deliveries_alert_fkey";
            columns: ["alert_id"];
            isOneToOne: false;
            referencedRelation: "alert_outbox";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "alert_deliveries_endpoint_fkey";
            columns: ["endpoint_id"];
            isOneToOne: false;
            referencedRelation: "alert_endpoints";
            referencedColumns: ["id"];
          },
        ];
      };
      "alert_endpoints": {
        Row: {
          "alert_types": (string)[];
          "created_at": string;
          "description": string;
          "ended_at": string | null;
          "host": string;
          "id": string;
          "is_gone": boolean;
          "previous_secret_until": string | null;
          "sealed": string;
        };
        ComputedFields: never;
        Insert: {
          "alert_types": (string)[];
          "created_at"?: string;
          "description": string;
          "ended_at"?: string | null;
          "host": string;
          "id": string;
          "is_gone"?: boolean;
          "previous_secret_until"?: string | null;
          "sealed": string;
        };
        Update: {
          "alert_types"?: (string)[];
          "created_at"?: string;
          "description"?: string;
          "ended_at"?: string | null;
          "host"?: string;
          "id"?: string;
          "is_gone"?: boolean;
          "previous_secret_until"?: string | null;
          "sealed"?: string;
        };
        Relationships: [];
      };
      "alert_outbox": {
        Row: {
          "alert_type": string;
          "created_at": string;
          "dedupe_key": string | null;
          "id": number;
          "is_spread": boolean;
          "ordering_key": string;
          "payload": NonNullable<Json>;
          "webhook_id": string;
        };
        ComputedFields: never;
        Insert: {
          "alert_type": string;
          "created_at"?: string;
          "dedupe_key"?: string | null;
          "id"?: never;
          "is_spread"?: boolean;
          "ordering_key": string;
          "payload": NonNullable<Json>;
          "webhook_id"?: string;
        };
        Update: {
          "alert_type"?: string;
          "created_at"?: string;
          "dedupe_key"?: string | null;
          "id"?: never;
          "is_spread"?: boolean;
          "ordering_key"?: string;
          "payload"?: NonNullable<Json>;
          "webhook_id"?: string;
        };
        Relationships: [];
      };
      "alert_settings": {
        Row: {
          "first_retry_after": string;
          "give_up_after": string;
          "id": boolean;
          "keep_dead": string;
          "keep_delivered": string;
          "longest_retry_after": string;
        };
        ComputedFields: never;
        Insert: {
          "first_retry_after"?: string;
          "give_up_after"?: string;
          "id"?: boolean;
          "keep_dead"?: string;
          "keep_delivered"?: string;
          "longest_retry_after"?: string;
        };
        Update: {
          "first_retry_after"?: string;
          "give_up_after"?: string;
          "id"?: boolean;
          "keep_dead"?: string;
          "keep_delivered"?: string;
          "longest_retry_after"?: string;
        };
        Relationships: [];
      };
      "alert_types": {
        Row: {
          "alert_type": string;
          "description": string;
          "scan": string | null;
        };
        ComputedFields: never;
        Insert: {
          "alert_type": string;
          "description": string;
          "scan"?: string | null;
        };
        Update: {
          "alert_type"?: string;
          "description"?: string;
          "scan"?: string | null;
        };
        Relationships: [];
      };
      "anomaly_resolutions": {
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
            foreignKeyName: "anomaly_resolutions_anomaly_fkey";
            columns: ["anomaly_id"];
            isOneToOne: true;
            referencedRelation: "token_anomalies";
            referencedColumns: ["id"];
          },
        ];
      };
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
          "keep_anomalies": string;
          "networks_threshold": number;
          "networks_window": string;
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
          "keep_anomalies"?: string;
          "networks_threshold"?: number;
          "networks_window"?: string;
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
          "keep_anomalies"?: string;
          "networks_threshold"?: number;
          "networks_window"?: string;
          "scanned_until"?: string;
          "spike_factor"?: number;
          "spike_history"?: string;
          "spike_least_tokens"?: number;
          "spike_window"?: string;
        };
        Relationships: [];
      };
      "call_limit_sources": {
        Row: {
          "description": string;
          "limit_of": string;
          "name": string;
          "note_excess": string;
        };
        ComputedFields: never;
        Insert: {
          "description": string;
          "limit_of": string;
          "name": string;
          "note_excess": string;
        };
        Update: {
          "description"?: string;
          "limit_of"?: string;
          "name"?: string;
          "note_excess"?: string;
        };
        Relationships: [];
      };
      "caller_networks": {
        Row: {
          "network": string;
          "seen_at": string;
          "subject": string;
        };
        ComputedFields: never;
        Insert: {
          "network": string;
          "seen_at"?: string;
          "subject": string;
        };
        Update: {
          "network"?: string;
          "seen_at"?: string;
          "subject"?: string;
        };
        Relationships: [];
      };
      "file_settings": {
        Row: {
          "id": boolean;
          "keep_generated": string;
          "keep_uploads": string;
          "upload_bytes_per_user": number;
          "uploads_per_user": number;
        };
        ComputedFields: never;
        Insert: {
          "id"?: boolean;
          "keep_generated"?: string;
          "keep_uploads"?: string;
          "upload_bytes_per_user"?: number;
          "uploads_per_user"?: number;
        };
        Update: {
          "id"?: boolean;
          "keep_generated"?: string;
          "keep_uploads"?: string;
          "upload_bytes_per_user"?: number;
          "uploads_per_user"?: number;
        };
        Relationships: [];
      };
      "job_runs": {
        Row: {
          "backend_pid": number | null;
          "backend_started_at": string | null;
          "ended_at": string | null;
          "ends_by": string;
          "error": string | null;
          "http_request_id": number | null;
          "id": number;
          "job_name": string;
          "outcome": string | null;
          "result": Json | null;
          "started_at": string;
        };
        ComputedFields: never;
        Insert: {
          "backend_pid"?: number | null;
          "backend_started_at"?: string | null;
          "ended_at"?: string | null;
          "ends_by": string;
          "error"?: string | null;
          "http_request_id"?: number | null;
          "id"?: never;
          "job_name": string;
          "outcome"?: string | null;
          "result"?: Json | null;
          "started_at": string;
        };
        Update: {
          "backend_pid"?: number | null;
          "backend_started_at"?: string | null;
          "ended_at"?: string | null;
          "ends_by"?: string;
          "error"?: string | null;
          "http_request_id"?: number | null;
          "id"?: never;
          "job_name"?: string;
          "outcome"?: string | null;
          "result"?: Json | null;
          "started_at"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "job_runs_job_name_fkey";
            columns: ["job_name"];
            isOneToOne: false;
            referencedRelation: "job_status";
            referencedColumns: ["name"];
          },
          {
            foreignKeyName: "job_runs_job_name_fkey";
            columns: ["job_name"];
            isOneToOne: false;
            referencedRelation: "jobs";
            referencedColumns: ["name"];
          },
        ];
      };
      "jobs": {
        Row: {
          "command": string;
          "created_at": string;
          "description": string;
          "expected_result": Json | null;
          "is_enabled": boolean;
          "is_repeated": boolean;
          "kind": string;
          "name": string;
          "overdue_after": string;
          "schedule": string;
          "timeout_ms": number;
        };
        ComputedFields: never;
        Insert: {
          "command": string;
          "created_at"?: string;
          "description": string;
          "expected_result"?: Json | null;
          "is_enabled"?: boolean;
          "is_repeated"?: boolean;
          "kind": string;
          "name": string;
          "overdue_after": string;
          "schedule": string;
          "timeout_ms": number;
        };
        Update: {
          "command"?: string;
          "created_at"?: string;
          "description"?: string;
          "expected_result"?: Json | null;
          "is_enabled"?: boolean;
          "is_repeated"?: boolean;
          "kind"?: string;
          "name"?: string;
          "overdue_after"?: string;
          "schedule"?: string;
          "timeout_ms"?: number;
        };
        Relationships: [];
      };
      "ledger_alert_settings": {
        Row: {
          "anomaly_window": string;
          "id": boolean;
          "low_balance_scanned_at": string;
          "low_balance_tokens": number;
          "low_balance_window": string;
          "provider_failure_share": number;
          "provider_least_failures": number;
          "provider_repeat": string;
          "provider_window": string;
        };
        ComputedFields: never;
        Insert: {
          "anomaly_window"?: string;
          "id"?: boolean;
          "low_balance_scanned_at"?: string;
          "low_balance_tokens"?: number;
          "low_balance_window"?: string;
          "provider_failure_share"?: number;
          "provider_least_failures"?: number;
          "provider_repeat"?: string;
          "provider_window"?: string;
        };
        Update: {
          "anomaly_window"?: string;
          "id"?: boolean;
          "low_balance_scanned_at"?: string;
          "low_balance_tokens"?: number;
          "low_balance_window"?: string;
          "provider_failure_share"?: number;
          "provider_least_failures"?: number;
          "provider_repeat"?: string;
          "provider_window"?: string;
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
          "failure_count": number;
          "fence": number;
          "held_until": string | null;
          "holder": string | null;
          "key": string;
          "last_error": string | null;
          "retry_at": string | null;
          "revoked_fence": number;
          "updated_at": string;
        };
        ComputedFields: never;
        Insert: {
          "failure_count"?: number;
          "fence"?: number;
          "held_until"?: string | null;
          "holder"?: string | null;
          "key": string;
          "last_error"?: string | null;
          "retry_at"?: string | null;
          "revoked_fence"?: number;
          "updated_at"?: string;
        };
        Update: {
          "failure_count"?: number;
          "fence"?: number;
          "held_until"?: string | null;
          "holder"?: string | null;
          "key"?: string;
          "last_error"?: string | null;
          "retry_at"?: string | null;
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
      "oauth_revocations": {
        Row: {
          "requested_at": string;
          "subject": string;
        };
        ComputedFields: never;
        Insert: {
          "requested_at"?: string;
          "subject": string;
        };
        Update: {
          "requested_at"?: string;
          "subject"?: string;
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
      "otp_decisions": {
        Row: {
          "auth_user_id": string | null;
          "channel": string;
          "cost_micros": number;
          "country": string;
          "counts_for": (string)[];
          "created_at": string;
          "delivery": string;
          "guard_mode": string;
          "id": number;
          "is_repeat": boolean;
          "issuance_id": string | null;
          "limit_key": string | null;
          "network": string;
          "occurrence": string | null;
          "outcome": string;
          "owner_id": string | null;
          "phone": string;
          "prefix": string;
          "provider": string | null;
          "provider_message_id": string | null;
          "purpose": string;
          "reasons": (string)[];
          "repeat_count": number;
          "request_key": string | null;
          "updated_at": string;
          "verified_at": string | null;
        };
        ComputedFields: never;
        Insert: {
          "auth_user_id"?: string | null;
          "channel": string;
          "cost_micros"?: number;
          "country": string;
          "counts_for"?: (string)[];
          "created_at": string;
          "delivery"?: string;
          "guard_mode": string;
          "id"?: never;
          "is_repeat"?: boolean;
          "issuance_id"?: string | null;
          "limit_key"?: string | null;
          "network": string;
          "occurrence"?: string | null;
          "outcome": string;
          "owner_id"?: string | null;
          "phone": string;
          "prefix": string;
          "provider"?: string | null;
          "provider_message_id"?: string | null;
          "purpose": string;
          "reasons"?: (string)[];
          "repeat_count"?: number;
          "request_key"?: string | null;
          "updated_at": string;
          "verified_at"?: string | null;
        };
        Update: {
          "auth_user_id"?: string | null;
          "channel"?: string;
          "cost_micros"?: number;
          "country"?: string;
          "counts_for"?: (string)[];
          "created_at"?: string;
          "delivery"?: string;
          "guard_mode"?: string;
          "id"?: never;
          "is_repeat"?: boolean;
          "issuance_id"?: string | null;
          "limit_key"?: string | null;
          "network"?: string;
          "occurrence"?: string | null;
          "outcome"?: string;
          "owner_id"?: string | null;
          "phone"?: string;
          "prefix"?: string;
          "provider"?: string | null;
          "provider_message_id"?: string | null;
          "purpose"?: string;
          "reasons"?: (string)[];
          "repeat_count"?: number;
          "request_key"?: string | null;
          "updated_at"?: string;
          "verified_at"?: string | null;
        };
        Relationships: [];
      };
      "otp_guesses": {
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
      "otp_known_phones": {
        Row: {
          "network": string;
          "phone": string;
          "verified_at": string;
        };
        ComputedFields: never;
        Insert: {
          "network": string;
          "phone": string;
          "verified_at": string;
        };
        Update: {
          "network"?: string;
          "phone"?: string;
          "verified_at"?: string;
        };
        Relationships: [];
      };
      "otp_networks": {
        Row: {
          "country": string;
          "day": string;
          "network": string;
          "seen_at": string;
          "sent": number;
          "verified": number;
        };
        ComputedFields: never;
        Insert: {
          "country": string;
          "day": string;
          "network": string;
          "seen_at": string;
          "sent": number;
          "verified"?: number;
        };
        Update: {
          "country"?: string;
          "day"?: string;
          "network"?: string;
          "seen_at"?: string;
          "sent"?: number;
          "verified"?: number;
        };
        Relationships: [];
      };
      "otp_providers": {
        Row: {
          "failures": number;
          "name": string;
          "open_until": string | null;
          "updated_at": string;
        };
        ComputedFields: never;
        Insert: {
          "failures": number;
          "name": string;
          "open_until"?: string | null;
          "updated_at": string;
        };
        Update: {
          "failures"?: number;
          "name"?: string;
          "open_until"?: string | null;
          "updated_at"?: string;
        };
        Relationships: [];
      };
      "otp_routes": {
        Row: {
          "country": string;
          "provider": string;
          "undelivered": number;
          "updated_at": string;
        };
        ComputedFields: never;
        Insert: {
          "country": string;
          "provider": string;
          "undelivered": number;
          "updated_at": string;
        };
        Update: {
          "country"?: string;
          "provider"?: string;
          "undelivered"?: number;
          "updated_at"?: string;
        };
        Relationships: [];
      };
      "otp_settings": {
        Row: {
          "breaker_failures": number;
          "breaker_pause": string;
          "code_lifetime": string;
          "cooldown": string;
          "decision_retention": string;
          "digest_salt": string;
          "guard_codes_per_network": number;
          "guard_countries_per_network": number;
          "guard_country_floor_day": number;
          "guard_country_floor_hour": number;
          "guard_mode": string;
          "guard_network_floor_day": number;
          "guard_prefix_floor_day": number;
          "guard_prefix_floor_hour": number;
          "guesses_per_day": number;
          "guesses_per_phone_day": number;
          "id": boolean;
          "most_attempts": number;
          "proof_lifetime": string;
          "sends_per_address_day": number;
          "sends_per_country_hour": number;
          "sends_per_network_hour": number;
          "sends_per_network_prefix_hour": number;
          "sends_per_phone_day": number;
          "sends_per_prefix_hour": number;
          "sends_per_requester_day": number;
          "spend_cap_micros": number;
          "spend_kept_percent": number;
          "verifications_per_network_hour": number;
          "verified_phone_lifetime": string;
        };
        ComputedFields: never;
        Insert: {
          "breaker_failures"?: number;
          "breaker_pause"?: string;
          "code_lifetime"?: string;
          "cooldown"?: string;
          "decision_retention"?: string;
          "digest_salt"?: string;
          "guard_codes_per_network"?: number;
          "guard_countries_per_network"?: number;
          "guard_country_floor_day"?: number;
          "guard_country_floor_hour"?: number;
          "guard_mode"?: string;
          "guard_network_floor_day"?: number;
          "guard_prefix_floor_day"?: number;
          "guard_prefix_floor_hour"?: number;
          "guesses_per_day"?: number;
          "guesses_per_phone_day"?: number;
          "id"?: boolean;
          "most_attempts"?: number;
          "proof_lifetime"?: string;
          "sends_per_address_day"?: number;
          "sends_per_country_hour"?: number;
          "sends_per_network_hour"?: number;
          "sends_per_network_prefix_hour"?: number;
          "sends_per_phone_day"?: number;
          "sends_per_prefix_hour"?: number;
          "sends_per_requester_day"?: number;
          "spend_cap_micros"?: number;
          "spend_kept_percent"?: number;
          "verifications_per_network_hour"?: number;
          "verified_phone_lifetime"?: string;
        };
        Update: {
          "breaker_failures"?: number;
          "breaker_pause"?: string;
          "code_lifetime"?: string;
          "cooldown"?: string;
          "decision_retention"?: string;
          "digest_salt"?: string;
          "guard_codes_per_network"?: number;
          "guard_countries_per_network"?: number;
          "guard_country_floor_day"?: number;
          "guard_country_floor_hour"?: number;
          "guard_mode"?: string;
          "guard_network_floor_day"?: number;
          "guard_prefix_floor_day"?: number;
          "guard_prefix_floor_hour"?: number;
          "guesses_per_day"?: number;
          "guesses_per_phone_day"?: number;
          "id"?: boolean;
          "most_attempts"?: number;
          "proof_lifetime"?: string;
          "sends_per_address_day"?: number;
          "sends_per_country_hour"?: number;
          "sends_per_network_hour"?: number;
          "sends_per_network_prefix_hour"?: number;
          "sends_per_phone_day"?: number;
          "sends_per_prefix_hour"?: number;
          "sends_per_requester_day"?: number;
          "spend_cap_micros"?: number;
          "spend_kept_percent"?: number;
          "verifications_per_network_hour"?: number;
          "verified_phone_lifetime"?: string;
        };
        Relationships: [];
      };
      "otp_spend": {
        Row: {
          "channel": string;
          "day": string;
          "messages": number;
          "spent_micros": number;
        };
        ComputedFields: never;
        Insert: {
          "channel": string;
          "day": string;
          "messages": number;
          "spent_micros": number;
        };
        Update: {
          "channel"?: string;
          "day"?: string;
          "messages"?: number;
          "spent_micros"?: number;
        };
        Relationships: [];
      };
      "otp_statistics": {
        Row: {
          "area": string;
          "day": string;
          "denied": number;
          "failed": number;
          "hour": string;
          "hour_sent": number;
          "hour_verified": number;
          "hour_waiting": number;
          "kind": string;
          "sent": number;
          "shard": number;
          "verified": number;
          "waiting": number;
        };
        ComputedFields: never;
        Insert: {
          "area": string;
          "day": string;
          "denied"?: number;
          "failed"?: number;
          "hour"?: string;
          "hour_sent"?: number;
          "hour_verified"?: number;
          "hour_waiting"?: number;
          "kind": string;
          "sent"?: number;
          "shard"?: number;
          "verified"?: number;
          "waiting"?: number;
        };
        Update: {
          "area"?: string;
          "day"?: string;
          "denied"?: number;
          "failed"?: number;
          "hour"?: string;
          "hour_sent"?: number;
          "hour_verified"?: number;
          "hour_waiting"?: number;
          "kind"?: string;
          "sent"?: number;
          "shard"?: number;
          "verified"?: number;
          "waiting"?: number;
        };
        Relationships: [];
      };
      "otp_used_proofs": {
        Row: {
          "expires_at": string;
          "id": string;
        };
        ComputedFields: never;
        Insert: {
          "expires_at": string;
          "id": string;
        };
        Update: {
          "expires_at"?: string;
          "id"?: string;
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
      "request_counters": {
        Row: {
          "full_at_s": number;
          "function_full_at_s": NonNullable<Json>;
          "subject": string;
        };
        ComputedFields: never;
        Insert: {
          "full_at_s"?: number;
          "function_full_at_s"?: NonNullable<Json>;
          "subject": string;
        };
        Update: {
          "full_at_s"?: number;
          "function_full_at_s"?: NonNullable<Json>;
          "subject"?: string;
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
      "token_manager_settings": {
        Row: {
          "access_log_days": number | null;
          "is_only_row": boolean;
          "token_expiry_lead": string;
        };
        ComputedFields: never;
        Insert: {
          "access_log_days"?: number | null;
          "is_only_row"?: boolean;
          "token_expiry_lead"?: string;
        };
        Update: {
          "access_log_days"?: number | null;
          "is_only_row"?: boolean;
          "token_expiry_lead"?: string;
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
          "refund_lifetime": string;
        };
        ComputedFields: never;
        Insert: {
          "cleanup_page"?: number;
          "history_begins_at"?: string;
          "id"?: boolean;
          "lock_retention"?: string;
          "refund_lifetime"?: string;
        };
        Update: {
          "cleanup_page"?: number;
          "history_begins_at"?: string;
          "id"?: boolean;
          "lock_retention"?: string;
          "refund_lifetime"?: string;
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
      "user_data": {
        Row: {
          "description": string;
          "export": string | null;
          "forget": string;
          "name": string;
        };
        ComputedFields: never;
        Insert: {
          "description": string;
          "export"?: string | null;
          "forget": string;
          "name": string;
        };
        Update: {
          "description"?: string;
          "export"?: string | null;
          "forget"?: string;
          "name"?: string;
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
      "account_limits": { Args: { "p_user_id": string }; Returns: Json };
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
        Args: { "p_least_amount": number; "p_request_id": string; "p_user_id": string };
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
        };
        Returns: Json;
      };
      "alert_queue": { Args: Record<PropertyKey, never>; Returns: Json };
      "anchor_token_ledger": { Args: Record<PropertyKey, never>; Returns: Json };
      "anomalies_about_ledger": { Args: Record<PropertyKey, never>; Returns: (string)[] };
      "anomaly_window": { Args: { "p_at": string; "p_time_window": string }; Returns: string };
      "answer_known_request": {
        Args: {
          "p_fingerprint": string;
          "p_is_counted": boolean;
          "p_metadata": Json;
          "p_operation_type": string;
          "p_request_id": string;
          "p_run_id": string;
          "p_token_amount": number;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "answer_oauth_authorization": { Args: { "p_answer": string; "p_state_hash": string }; Returns: Json };
      "apply_due_grant_events": { Args: { "p_limit"?: number }; Returns: Json };
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
      "cleanup_alert_outbox": { Args: { "p_limit"?: number }; Returns: number };
      "cleanup_alerts": { Args: { "p_limit"?: number }; Returns: number };
      "cleanup_caller_networks": { Args: { "p_limit"?: number }; Returns: number };
      "cleanup_expired_locks": { Args: { "p_page_limit"?: number }; Returns: Json };
      "cleanup_expired_locks_step": { Args: { "p_step_pages"?: number }; Returns: Json };
      "cleanup_expired_otps": { Args: { "p_limit"?: number }; Returns: Json };
      "cleanup_oauth_tokens": { Args: { "p_limit"?: number }; Returns: number };
      "cleanup_provider_tokens": { Args: { "p_limit"?: number }; Returns: number };
      "cleanup_rate_limits": { Args: { "p_limit"?: number }; Returns: number };
      "cleanup_request_counters": { Args: { "p_limit"?: number }; Returns: number };
      "clear_tokens": { Args: { "p_namespace": string }; Returns: number };
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
      "count_otp": {
        Args: {
          "p_channel": string;
          "p_country": string;
          "p_counts_for"?: (string)[];
          "p_denied"?: number;
          "p_failed"?: number;
          "p_now": string;
          "p_prefix": string;
          "p_sent"?: number;
          "p_verified"?: number;
          "p_waiting"?: number;
        };
        Returns: undefined;
      };
      "count_user_failure": { Args: { "p_kind": string; "p_user_id": string }; Returns: undefined };
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
      "delete_tokens": { Args: { "p_keys": Json }; Returns: number };
      "deny_otp": {
        Args: {
          "p_decision": Json;
          "p_details"?: Json;
          "p_error": string;
          "p_network_limits": Json;
          "p_now": string;
          "p_reasons": (string)[];
          "p_retry_after_s": number;
        };
        Returns: Json;
      };
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
      "emit_alert": {
        Args: { "p_dedupe_key"?: string; "p_key": string; "p_payload": Json; "p_type": string };
        Returns: Json;
      };
      "emit_low_balance_alert": {
        Args: { "p_balance": number; "p_threshold": number; "p_user_id": string };
        Returns: Json;
      };
      "emit_test_alert": { Args: { "p_endpoint_id": string }; Returns: Json };
      "end_alert_endpoint": { Args: { "p_endpoint_id": string }; Returns: boolean };
      "end_oauth_revocation": { Args: { "p_requested_at": string; "p_subject": string }; Returns: boolean };
      "expire_token_holds_of": {
        Args: { "p_user_id": string };
        Returns: {
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
        SetofOptions: {
          from: "*";
          to: "token_balances";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      "explain_request": { Args: { "p_request_id": string; "p_user_id"?: string }; Returns: Json };
      "export_caller_networks": { Args: { "p_user_id": string }; Returns: Json };
      "export_ledger_user": { Args: { "p_user_id": string }; Returns: Json };
      "export_otp_user": { Args: { "p_user_id": string }; Returns: Json };
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
      "forget_alerts": {
        Args: { "p_except"?: (Json)[]; "p_fields": (string)[]; "p_key": string };
        Returns: undefined;
      };
      "forget_call_limits": { Args: { "p_user_id": string }; Returns: undefined };
      "forget_caller_networks": { Args: { "p_user_id": string }; Returns: undefined };
      "forget_ledger_user": { Args: { "p_user_id": string }; Returns: undefined };
      "forget_oauth_user": { Args: { "p_user_id": string }; Returns: undefined };
      "forget_otp_user": { Args: { "p_user_id": string }; Returns: undefined };
      "forget_rate_limits": { Args: { "p_keys": (string)[] }; Returns: undefined };
      "forget_user": { Args: { "p_user_id": string }; Returns: undefined };
      "give_back_rate_limits": { Args: { "p_limits": Json }; Returns: undefined };
      "hold_tokens": {
        Args: {
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
      "install_schedule": { Args: Record<PropertyKey, never>; Returns: Json };
      "keep_oauth_authorization": {
        Args: { "p_request": string; "p_state_hash": string; "p_ttl_s": number };
        Returns: Json;
      };
      "known_request_outcome": {
        Args: {
          "p_fingerprint": string;
          "p_lock": Omit<
            Database["public"]["Tables"]["token_consumption_locks"]["Row"],
            Database["public"]["Tables"]["token_consumption_locks"]["ComputedFields"]
          >;
          "p_operation_type": string;
          "p_run_id": string;
          "p_token_amount": number;
          "p_user_id": string;
        };
        Returns: Json;
      };
      "list_alert_deliveries": {
        Args: { "p_before_alert_id": number; "p_endpoint_id": string; "p_limit": number; "p_status": string };
        Returns: Json;
      };
      "list_alert_endpoints": { Args: Record<PropertyKey, never>; Returns: Json };
      "list_gone_alert_endpoints": { Args: Record<PropertyKey, never>; Returns: Json };
      "list_oauth_revocations": { Args: { "p_limit"?: number }; Returns: Json };
      "list_tokens": {
        Args: { "p_after"?: string; "p_limit"?: number; "p_namespace": string };
        Returns: Json;
      };
      "lock_token_balances": { Args: { "p_users": (string)[] }; Returns: undefined };
      "note_call_excess": { Args: { "p_limit": Json; "p_user_id": string }; Returns: undefined };
      "note_caller_networks": { Args: { "p_seen": Json }; Returns: number };
      "oauth_status": { Args: Record<PropertyKey, never>; Returns: Json };
      "oauth_tokens_to_rotate": {
        Args: { "p_after"?: string; "p_key_id": string; "p_limit"?: number };
        Returns: Json;
      };
      "otp_code_of": { Args: { "p_id": string; "p_key_id": string; "p_mac": string }; Returns: string };
      "otp_digest": { Args: { "p_kind": string; "p_salt": string; "p_value": string }; Returns: string };
      "otp_guard": {
        Args: {
          "p_channel": string;
          "p_country": string;
          "p_network": string;
          "p_now": string;
          "p_prefix": string;
          "p_settings": Omit<
            Database["public"]["Tables"]["otp_settings"]["Row"],
            Database["public"]["Tables"]["otp_settings"]["ComputedFields"]
          >;
        };
        Returns: Record<string, unknown>;
      };
      "otp_guesses_left": {
        Args: {
          "p_now": string;
          "p_owner_id": string;
          "p_phone": string;
          "p_requester": string;
          "p_settings": Omit<
            Database["public"]["Tables"]["otp_settings"]["Row"],
            Database["public"]["Tables"]["otp_settings"]["ComputedFields"]
          >;
        };
        Returns: Record<string, unknown>;
      };
      "otp_is_known": {
        Args: { "p_auth_user_id": string; "p_network": string; "p_phone": string; "p_since": string };
        Returns: boolean;
      };
      "otp_network_limits": {
        Args: { "p_name": string; "p_network": string; "p_quota": number; "p_wide_network": string };
        Returns: Json;
      };
      "otp_own_limits": {
        Args: {
          "p_channel": string;
          "p_limit_key": string;
          "p_repeated_phone": string;
          "p_settings": Omit<
            Database["public"]["Tables"]["otp_settings"]["Row"],
            Database["public"]["Tables"]["otp_settings"]["ComputedFields"]
          >;
        };
        Returns: Json;
      };
      "pause_account": { Args: { "p_reason": string; "p_user_id": string }; Returns: boolean };
      "post_token_entry": {
        Args: {
          "p_delta": number;
          "p_metadata": Json;
          "p_operation_type": string;
          "p_released": number;
          "p_request_id": string;
          "p_user_id": string;
        };
        Returns: {
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
        SetofOptions: {
          from: "*";
          to: "token_balances";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      "prepare_token_history": { Args: { "p_may_block"?: boolean; "p_months"?: number }; Returns: Json };
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
      "prune_job_runs": { Args: { "p_limit"?: number }; Returns: Json };
      "prune_metric_flushes": { Args: { "p_limit"?: number }; Returns: number };
      "prune_token_access_log": { Args: { "p_limit"?: number }; Returns: number };
      "prune_token_anomalies": { Args: { "p_limit"?: number }; Returns: number };
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
      "renew_token_sync": { Args: { "p_fence": number; "p_source": string }; Returns: boolean };
      "replay_alerts": {
        Args: { "p_alert_ids": (number)[]; "p_endpoint_id": string; "p_limit": number };
        Returns: Json;
      };
      "request_limit_of": { Args: { "p_name": string; "p_rule": Json; "p_user_id": string }; Returns: Json };
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
      "rollup_metrics": { Args: { "p_margin"?: string }; Returns: Json };
      "rotate_oauth_tokens": { Args: { "p_replacements": Json }; Returns: number };
      "rotate_provider_tokens": { Args: { "p_replacements": Json }; Returns: number };
      "run_job": { Args: { "p_name": string }; Returns: Json };
      "run_token_operations": { Args: { "p_operations": Json }; Returns: Json };
      "scan_alerts": { Args: Record<PropertyKey, never>; Returns: Json };
      "scan_ending_tokens": { Args: Record<PropertyKey, never>; Returns: number };
      "scan_failing_provider": { Args: Record<PropertyKey, never>; Returns: number };
      "scan_low_balances": { Args: Record<PropertyKey, never>; Returns: number };
      "scan_overdue_jobs": { Args: Record<PropertyKey, never>; Returns: number };
      "scan_token_anomalies": { Args: Record<PropertyKey, never>; Returns: Json };
      "set_account_plan": { Args: { "p_plan": string; "p_user_id": string }; Returns: Json };
      "set_spend_caps": {
        Args: { "p_daily_tokens": number; "p_monthly_tokens": number; "p_user_id": string };
        Returns: Json;
      };
      "settle_auth_hook_otps": { Args: { "p_limit"?: number }; Returns: number };
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
        Args: { "p_amount": number; "p_request_id": string; "p_user_id": string };
        Returns: Json;
      };
      "spent_since_month": {
        Args: { "p_after_entry": number; "p_to_entry": number; "p_today": string; "p_user_id": string };
        Returns: {
          "this_month": number;
          "today": number;
        }[];
      };
      "split_other_months": { Args: Record<PropertyKey, never>; Returns: Json };
      "spread_alerts": { Args: Record<PropertyKey, never>; Returns: number };
      "take_call_limit": { Args: { "p_name": string; "p_rule": Json; "p_user_id": string }; Returns: Json };
      "take_oauth_authorization": { Args: { "p_state_hash": string }; Returns: Json };
      "take_otp_network_limits": { Args: { "p_limits": Json }; Returns: Json };
      "take_rate_limits": { Args: { "p_limits": Json }; Returns: Json };
      "take_request_limits": {
        Args: {
          "p_name": string;
          "p_request_id": string;
          "p_rule": Json;
          "p_user_id": string;
          "p_user_rule": Json;
        };
        Returns: Json;
      };
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
      "use_otp_proof": { Args: { "p_expires_at_s": number; "p_id": string }; Returns: string };
      "verify_metrics": { Args: Record<PropertyKey, never>; Returns: Json };
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
