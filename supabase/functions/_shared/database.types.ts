export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  "public": {
    Tables: {
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
          "entry_count": number;
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
    };
    Views: {
      [_ in never]: never;
    };
    Functions: {
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
      "archive_token_history": { Args: { "p_before": string }; Returns: Json };
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
      "cleanup_expired_locks": { Args: { "p_page_limit"?: number }; Returns: Json };
      "cleanup_rate_limits": { Args: { "p_limit"?: number }; Returns: number };
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
      "detect_high_frequency_requests": {
        Args: { "p_threshold"?: number; "p_time_window"?: string; "p_user_id": string };
        Returns: Json;
      };
      "expire_token_holds_of": {
        Args: { "p_user_id": string };
        Returns: {
          "balance": number;
          "chain": string | null;
          "created_at": string;
          "entry_count": number;
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
      "prepare_token_history": { Args: { "p_months"?: number }; Returns: number };
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
      "run_token_operations": { Args: { "p_operations": Json }; Returns: Json };
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
