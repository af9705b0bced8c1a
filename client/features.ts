// Written by `deno task docs` from the functions' declarations; do not edit it.

/** Every error code of a response. */
export type ErrorCode =
  | "invalid_request"
  | "unauthorized"
  | "insufficient_tokens"
  | "spend_cap_reached"
  | "forbidden"
  | "account_paused"
  | "member_cap_reached"
  | "not_found"
  | "method_not_allowed"
  | "request_in_progress"
  | "authorization_required"
  | "last_owner"
  | "wallet_limit_reached"
  | "wallet_not_empty"
  | "response_not_stored"
  | "token_expired"
  | "otp_expired"
  | "payload_too_large"
  | "unsupported_media_type"
  | "answer_refused"
  | "idempotency_key_reused"
  | "otp_incorrect"
  | "otp_unsupported_number"
  | "upgrade_required"
  | "otp_too_many_attempts"
  | "otp_too_many_sends"
  | "rate_limited"
  | "internal"
  | "otp_delivery_failed"
  | "provider_error"
  | "service_unavailable"
  | "provider_timeout";

/** The input and output of each function. */
export interface Calls {
  /** The signed-in user's plan, rate limits and caps, and what was spent; or caps and pause of a team's wallet. */
  accountLimits: { input: AccountLimitsInput | undefined; output: AccountLimitsOutput };
  /** Sets the most that the signed-in user wants to spend per day and per month; null removes a cap. Or the most that a team's wallet spends, which an owner of it sets. */
  accountCaps: { input: AccountCapsInput; output: AccountCapsOutput };
  /** Why a request was charged: its history from hold to settlement, with times, price, usage and the computation of the cost. Users see their own requests, members those of their team's wallet, servers anybody's. */
  accountWhy: { input: AccountWhyInput; output: AccountWhyOutput };
  /** Every grant of the signed-in user, or of a team's wallet, with what is left of it and where the rest went. */
  accountGrants: { input: AccountGrantsInput | undefined; output: AccountGrantsOutput };
  /** Exports everything that is stored about the signed-in user, except the ledger's history (`account/ledger`), as a file: the data of each module, by name. It contains no secrets: for access to other services only names, times and scopes. */
  accountExport: { input: AccountExportInput | undefined; output: AccountExportOutput };
  /** Has changes of the balance of the signed-in user, or of a team's wallet, told on its private topic for the next minutes, and says what it is now. Called when the topic was joined, again every 8 minutes, and when a number is missing. */
  accountWatch: { input: AccountWatchInput | undefined; output: AccountWatchOutput };
  /** Analyzes training sessions by heart rate. Zones, load and pace are computed; the model's advice refers to them. */
  activityAnalyzer: { input: ActivityAnalyzerInput; output: ActivityAnalyzerOutput };
  /** Compares weeks of training with their goals. Totals, streaks and progress are computed; next week's plan is limited to a safe load. */
  activityProgressGenerator: {
    input: ActivityProgressGeneratorInput;
    output: ActivityProgressGeneratorOutput;
  };
  /** Extracts activities from a spoken or written account of a day. Energy is computed from the Compendium's METs. */
  activityTranscriber: { input: ActivityTranscriberInput; output: ActivityTranscriberOutput };
  /** Transcribes a recording; charged per second, as measured by the provider. */
  audioTranscribe: { input: AudioTranscribeInput; output: AudioTranscribeOutput };
  /** What the signed-in user, or a team's wallet, has at this moment: the balance, the part that running requests hold, the grants that it is made of with their ends, debts, and the newest entries of the ledger. */
  balance: { input: BalanceInput | undefined; output: BalanceOutput };
  /** Finds trends in weight, heart rate variability, sleep and resting pulse. All numbers are computed; the insights refer to them. */
  biometricInsightsAnalyzer: {
    input: BiometricInsightsAnalyzerInput;
    output: BiometricInsightsAnalyzerOutput;
  };
  /** Compares a day's meals with its targets. Every number is computed; the model only writes about them. */
  dailyNutritionSummary: { input: DailyNutritionSummaryInput; output: DailyNutritionSummaryOutput };
  /** Finds training equipment in a gym or at home, each item with its place on the photo. */
  detectEquipment: { input: DetectEquipmentInput; output: DetectEquipmentOutput };
  /** Finds insights in a series of fasts. Phases and statistics are computed; the insights refer to them. */
  fastingInsightsGenerator: { input: FastingInsightsGeneratorInput; output: FastingInsightsGeneratorOutput };
  /** Compares fasts with their target. The next target is computed within safe bounds; the model only explains. */
  fastingProgressionAnalyzer: {
    input: FastingProgressionAnalyzerInput;
    output: FastingProgressionAnalyzerOutput;
  };
  /** Finds the food on photos of a fridge or a shelf. Food on several photos is listed once. */
  fridgeScanVision: { input: FridgeScanVisionInput; output: FridgeScanVisionOutput };
  /** Describes how a body model changed from scan to scan. The changes are computed; the insights quote them. */
  generateMorphInsights: { input: GenerateMorphInsightsInput; output: GenerateMorphInsightsOutput };
  /** Turns a short text into speech, stored in the caller's folder of the private bucket; charged per character. */
  generateVoicePreview: { input: GenerateVoicePreviewInput; output: GenerateVoicePreviewOutput };
  /** Generates pictures, stored in the caller's folder of the private bucket; charged per delivered picture. */
  imageGenerator: { input: ImageGeneratorInput; output: ImageGeneratorOutput };
  /** Suggests what a kitchen lacks for its owner's goals, and why. Never suggests food that is in stock or forbidden. */
  inventoryComplementer: { input: InventoryComplementerInput; output: InventoryComplementerOutput };
  /** Turns lines, a receipt or a scan into items. Each line becomes part of an item, or is listed as not understood. */
  inventoryProcessor: { input: InventoryProcessorInput; output: InventoryProcessorOutput };
  /** Estimates the food on a plate from a photo, a description or both. Totals and checks are computed. */
  mealAnalyzer: { input: MealAnalyzerInput; output: MealAnalyzerOutput };
  /** Plans meals day by day. Each day respects the allergies and the diet, and stays within 10 % of the target, or the request fails. */
  mealPlanGenerator: { input: MealPlanGeneratorInput; output: MealPlanGeneratorOutput };
  /** Links to attachments of messages that the caller sees, for what shows a file by its address. Others are left out. */
  messagesAttachmentLinks: { input: MessagesAttachmentLinksInput; output: MessagesAttachmentLinksOutput };
  /** Analyzes the nutrition of 7 to 90 days. Trends and gaps are computed; days outside the period are ignored. */
  nutritionTrendAnalysis: { input: NutritionTrendAnalysisInput; output: NutritionTrendAnalysisOutput };
  /** Begins an authorization of the signed-in user at a provider, with state and PKCE. The app opens the URL in a browser; afterwards the browser comes to `redirect_to` with `?state=…`, which the app passes to `complete`. */
  oauthTokenAuthorize: { input: OauthTokenAuthorizeInput; output: OauthTokenAuthorizeOutput };
  /** Completes an authorization for the user who began it, once: gets the tokens from the provider and stores them. */
  oauthTokenComplete: { input: OauthTokenCompleteInput; output: OauthTokenCompleteOutput };
  /** Revokes an access here and, if the provider supports it, there: a user's own, or for a server anybody's. After the response the token is never served again. */
  oauthTokenRevoke: { input: OauthTokenRevokeInput; output: OauthTokenRevokeOutput };
  /** Sends a code of six digits to a phone. It replaces the code that was sent before for the same phone and purpose. The response does not reveal whether the number is known here. With an `Idempotency-Key` a repeated request sends no second message. */
  otpRequest: { input: OtpRequestInput; output: OtpRequestOutput };
  /** Verifies a code, once. Returns a proof for other functions, and stores the phone as the signed-in user's, if there is one and the code was sent by SMS. */
  otpVerify: { input: OtpVerifyInput; output: OtpVerifyOutput };
  /** Makes the signed-in user's profile if there is none, and returns it. It may be repeated. */
  profileEnsure: { input: ProfileEnsureInput | undefined; output: ProfileEnsureOutput };
  /** Shows a picture of the signed-in user, up to 2 MB: JPEG, PNG or WebP by its bytes. The one before is removed. */
  profileAvatar: { input: ProfileAvatarInput; output: ProfileAvatarOutput };
  /** Shows a wide picture above the profile, up to 5 MB: JPEG, PNG or WebP by its bytes. The one before is removed. */
  profileCover: { input: ProfileCoverInput; output: ProfileCoverOutput };
  /** Takes one of the signed-in user's pictures away. */
  profileRemovePicture: { input: ProfileRemovePictureInput; output: ProfileRemovePictureOutput };
  /** Writes a complete recipe from its title and summary. Times are sums of the steps; no substitute breaks a rule. */
  recipeDetailGenerator: { input: RecipeDetailGeneratorInput; output: RecipeDetailGeneratorOutput };
  /** Suggests three recipes from the food in stock. They contain only given and allowed food; times and nutrition are computed. */
  recipeGenerator: { input: RecipeGeneratorInput; output: RecipeGeneratorOutput };
  /** Shows a picture of a salon, up to 2 MB: JPEG, PNG or WebP by its bytes. The one before is removed. For the owner. */
  salonsAvatar: { input: SalonsAvatarInput; output: SalonsAvatarOutput };
  /** Takes the picture of a salon away. For the owner. */
  salonsRemoveAvatar: { input: SalonsRemoveAvatarInput; output: SalonsRemoveAvatarOutput };
  /** Estimates body measures from two photos, as ranges. All derived values are computed; adults only. */
  scanEstimate: { input: ScanEstimateInput; output: ScanEstimateOutput };
  /** Moves the sliders of a body model closer to photos or measures. Every value stays within its bounds, and no key is added. */
  scanRefineMorphs: { input: ScanRefineMorphsInput; output: ScanRefineMorphsOutput };
  /** Classifies a body on photos in closed lists of classes, each with a confidence. */
  scanSemantic: { input: ScanSemanticInput; output: ScanSemanticOutput };
  /** Makes one shopping list for all recipes, by aisle. Code merges and converts quantities and subtracts the inventory. */
  shoppingListGenerator: { input: ShoppingListGeneratorInput; output: ShoppingListGeneratorOutput };
  /** Makes a wallet that a team can share. The signed-in user becomes its owner. */
  walletsCreate: { input: WalletsCreateInput; output: WalletsCreateOutput };
  /** The wallets that the signed-in user shares with others. */
  walletsList: { input: WalletsListInput | undefined; output: WalletsListOutput };
  /** Renames a wallet. For its owners and admins. */
  walletsRename: { input: WalletsRenameInput; output: WalletsRenameOutput };
  /** Closes a wallet that neither owns nor owes tokens, for good. For its owners. */
  walletsClose: { input: WalletsCloseInput; output: WalletsCloseOutput };
  /** What was spent from a wallet in a month (UTC), by member and by feature. For all its members. */
  walletsUsage: { input: WalletsUsageInput; output: WalletsUsageOutput };
  /** Invites to a wallet: gives out a code, once, which the app sends as a link. With an e-mail address only the user who has confirmed that address can accept. Owners invite to any role, admins members and viewers. */
  walletsInvite: { input: WalletsInviteInput; output: WalletsInviteOutput };
  /** The open invitations to a wallet, without their codes. For its owners and admins. */
  walletsInvitations: { input: WalletsInvitationsInput; output: WalletsInvitationsOutput };
  /** Withdraws an invitation. For the wallet's owners and admins. */
  walletsWithdraw: { input: WalletsWithdrawInput; output: WalletsWithdrawOutput };
  /** Accepts an invitation by its code. An unknown, expired, used or withdrawn code and one for another's address get the same answer, `not_found`. A member keeps its role; who left and comes back takes no further use. */
  walletsAccept: { input: WalletsAcceptInput; output: WalletsAcceptOutput };
  /** The members of a wallet, those who joined first at the top, with what each spent this month (UTC). For all its members. */
  walletsMembers: { input: WalletsMembersInput; output: WalletsMembersOutput };
  /** Gives a member another role. Owners give any role, admins change members into viewers and back. The last owner cannot be demoted. */
  walletsRole: { input: WalletsRoleInput; output: WalletsRoleOutput };
  /** Sets a member's monthly cap. Owners set anybody's, admins those of members and viewers. */
  walletsCap: { input: WalletsCapInput; output: WalletsCapOutput };
  /** Removes a member: its running requests end as usual, its next one is refused. Owners remove anybody, admins members and viewers. */
  walletsRemove: { input: WalletsRemoveInput; output: WalletsRemoveOutput };
  /** Leaves a wallet. The last owner cannot leave: it makes another owner first. */
  walletsLeave: { input: WalletsLeaveInput; output: WalletsLeaveOutput };
  /** Hands a wallet over: the member becomes an owner, and the owner who calls becomes an admin. */
  walletsTransfer: { input: WalletsTransferInput; output: WalletsTransferOutput };
}

/** How each function is called. */
export const FUNCTIONS = {
  accountLimits: { name: "account/limits", method: "GET", isMetered: false, takesWallet: true },
  accountCaps: { name: "account/caps", method: "POST", isMetered: false, takesWallet: true },
  accountWhy: { name: "account/why", method: "GET", isMetered: false, takesWallet: true },
  accountGrants: { name: "account/grants", method: "GET", isMetered: false, takesWallet: true },
  accountExport: { name: "account/export", method: "GET", isMetered: false, takesWallet: false },
  accountWatch: { name: "account/watch", method: "POST", isMetered: false, takesWallet: true },
  activityAnalyzer: { name: "activity-analyzer", method: "POST", isMetered: true, takesWallet: true },
  activityProgressGenerator: {
    name: "activity-progress-generator",
    method: "POST",
    isMetered: true,
    takesWallet: true,
  },
  activityTranscriber: { name: "activity-transcriber", method: "POST", isMetered: true, takesWallet: true },
  audioTranscribe: { name: "audio-transcribe", method: "POST", isMetered: true, takesWallet: true },
  balance: { name: "balance", method: "GET", isMetered: false, takesWallet: true },
  biometricInsightsAnalyzer: {
    name: "biometric-insights-analyzer",
    method: "POST",
    isMetered: true,
    takesWallet: true,
  },
  dailyNutritionSummary: {
    name: "daily-nutrition-summary",
    method: "POST",
    isMetered: true,
    takesWallet: true,
  },
  detectEquipment: { name: "detect-equipment", method: "POST", isMetered: true, takesWallet: true },
  fastingInsightsGenerator: {
    name: "fasting-insights-generator",
    method: "POST",
    isMetered: true,
    takesWallet: true,
  },
  fastingProgressionAnalyzer: {
    name: "fasting-progression-analyzer",
    method: "POST",
    isMetered: true,
    takesWallet: true,
  },
  fridgeScanVision: { name: "fridge-scan-vision", method: "POST", isMetered: true, takesWallet: true },
  generateMorphInsights: {
    name: "generate-morph-insights",
    method: "POST",
    isMetered: true,
    takesWallet: true,
  },
  generateVoicePreview: {
    name: "generate-voice-preview",
    method: "POST",
    isMetered: true,
    takesWallet: true,
  },
  imageGenerator: { name: "image-generator", method: "POST", isMetered: true, takesWallet: true },
  inventoryComplementer: {
    name: "inventory-complementer",
    method: "POST",
    isMetered: true,
    takesWallet: true,
  },
  inventoryProcessor: { name: "inventory-processor", method: "POST", isMetered: true, takesWallet: true },
  mealAnalyzer: { name: "meal-analyzer", method: "POST", isMetered: true, takesWallet: true },
  mealPlanGenerator: { name: "meal-plan-generator", method: "POST", isMetered: true, takesWallet: true },
  messagesAttachmentLinks: {
    name: "messages/attachment-links",
    method: "POST",
    isMetered: false,
    takesWallet: false,
  },
  nutritionTrendAnalysis: {
    name: "nutrition-trend-analysis",
    method: "POST",
    isMetered: true,
    takesWallet: true,
  },
  oauthTokenAuthorize: {
    name: "oauth-token/authorize",
    method: "POST",
    isMetered: false,
    takesWallet: false,
  },
  oauthTokenComplete: { name: "oauth-token/complete", method: "POST", isMetered: false, takesWallet: false },
  oauthTokenRevoke: { name: "oauth-token/revoke", method: "POST", isMetered: false, takesWallet: false },
  otpRequest: { name: "otp/request", method: "POST", isMetered: false, takesWallet: false },
  otpVerify: { name: "otp/verify", method: "POST", isMetered: false, takesWallet: false },
  profileEnsure: { name: "profile/ensure", method: "POST", isMetered: false, takesWallet: false },
  profileAvatar: { name: "profile/avatar", method: "POST", isMetered: false, takesWallet: false },
  profileCover: { name: "profile/cover", method: "POST", isMetered: false, takesWallet: false },
  profileRemovePicture: {
    name: "profile/remove-picture",
    method: "POST",
    isMetered: false,
    takesWallet: false,
  },
  recipeDetailGenerator: {
    name: "recipe-detail-generator",
    method: "POST",
    isMetered: true,
    takesWallet: true,
  },
  recipeGenerator: { name: "recipe-generator", method: "POST", isMetered: true, takesWallet: true },
  salonsAvatar: { name: "salons/avatar", method: "POST", isMetered: false, takesWallet: false },
  salonsRemoveAvatar: { name: "salons/remove-avatar", method: "POST", isMetered: false, takesWallet: false },
  scanEstimate: { name: "scan-estimate", method: "POST", isMetered: true, takesWallet: true },
  scanRefineMorphs: { name: "scan-refine-morphs", method: "POST", isMetered: true, takesWallet: true },
  scanSemantic: { name: "scan-semantic", method: "POST", isMetered: true, takesWallet: true },
  shoppingListGenerator: {
    name: "shopping-list-generator",
    method: "POST",
    isMetered: true,
    takesWallet: true,
  },
  walletsCreate: { name: "wallets/create", method: "POST", isMetered: false, takesWallet: false },
  walletsList: { name: "wallets/list", method: "GET", isMetered: false, takesWallet: false },
  walletsRename: { name: "wallets/rename", method: "POST", isMetered: false, takesWallet: false },
  walletsClose: { name: "wallets/close", method: "POST", isMetered: false, takesWallet: false },
  walletsUsage: { name: "wallets/usage", method: "GET", isMetered: false, takesWallet: false },
  walletsInvite: { name: "wallets/invite", method: "POST", isMetered: false, takesWallet: false },
  walletsInvitations: { name: "wallets/invitations", method: "GET", isMetered: false, takesWallet: false },
  walletsWithdraw: { name: "wallets/withdraw", method: "POST", isMetered: false, takesWallet: false },
  walletsAccept: { name: "wallets/accept", method: "POST", isMetered: false, takesWallet: false },
  walletsMembers: { name: "wallets/members", method: "GET", isMetered: false, takesWallet: false },
  walletsRole: { name: "wallets/role", method: "POST", isMetered: false, takesWallet: false },
  walletsCap: { name: "wallets/cap", method: "POST", isMetered: false, takesWallet: false },
  walletsRemove: { name: "wallets/remove", method: "POST", isMetered: false, takesWallet: false },
  walletsLeave: { name: "wallets/leave", method: "POST", isMetered: false, takesWallet: false },
  walletsTransfer: { name: "wallets/transfer", method: "POST", isMetered: false, takesWallet: false },
} as const satisfies Record<keyof Calls, unknown>;

export type AccountLimitsInput = Record<string, never>;

export interface AccountLimitsOutput {
  plan: string;
  /** By name: `user` for all functions together, `function` for each function, or one function's name */
  request_limits: Record<string, unknown>;
  /** Since when requests are refused */
  paused_at: string | null;
  pause_reason: string | null;
  /** The most to spend per day (UTC); null for no cap */
  daily_cap_tokens: number | null;
  monthly_cap_tokens: number | null;
  /** Only with a cap */
  spent_today: number | null;
  spent_this_month: number | null;
}

export interface AccountCapsInput {
  daily_cap_tokens: number | null;
  monthly_cap_tokens: number | null;
}

export interface AccountCapsOutput {
  plan: string;
  /** By name: `user` for all functions together, `function` for each function, or one function's name */
  request_limits: Record<string, unknown>;
  /** Since when requests are refused */
  paused_at: string | null;
  pause_reason: string | null;
  /** The most to spend per day (UTC); null for no cap */
  daily_cap_tokens: number | null;
  monthly_cap_tokens: number | null;
  /** Only with a cap */
  spent_today: number | null;
  spent_this_month: number | null;
}

export interface AccountWhyInput {
  /** A request id */
  request_id: string;
}

export interface AccountWhyOutput {
  request_id: string;
  /** The wallet that paid: a user's id, or a team's wallet */
  user_id: string;
  /** The member who asked, where a team's wallet paid */
  actor_id: string | null;
  /** The feature, or `grant` */
  operation_type: string;
  status: "held" | "settled" | "released" | "expired";
  /** How often it ran */
  attempt: number | null;
  /** For a running request: when its hold expires */
  held_until: string | null;
  /** Tokens; negative for a grant */
  charged: number;
  /** What of the charge was given back */
  refunded: number;
  /** What paid for the charge, in the order in which it was taken */
  grants: {
    /** The entry that added the grant */
    entry_number: number;
    kind: "paid" | "plan" | "promotion" | "rollover" | "refund";
    /** What the charge took of it */
    tokens: number;
    expires_at: string | null;
    source: string | null;
    /** What was taken back of that grant, as its payment was reversed */
    reversed: number;
  }[];
  /** For a grant: what became of it, as `account/grants` says it, and in `clawbacks` what was taken back of it */
  grant: {
    /** Null while it has not begun */
    entry_number: number | null;
    kind: "paid" | "plan" | "promotion" | "rollover" | "refund";
    amount: number;
    remaining: number;
  } | null;
  price: Record<string, unknown> | null;
  usage: Record<string, unknown> | null;
  model: string | null;
  price_lines: {
    rate: string;
    rate_tokens: number;
    quantity: number;
    /** May be a fraction; the sum is rounded up once */
    tokens: number;
  }[] | null;
  /** The number of the entry in the user's history */
  entry_number: number | null;
  /** Whether a retry gets the stored response */
  has_answer: boolean;
  /** False once the request's id was deleted: then only the history has the request */
  is_known: boolean;
  events: {
    at: string;
    event: "held" | "charged" | "released" | "expired" | "granted" | "refunded";
    tokens: number;
    balance_after?: number;
    reason?: string;
    refund_id?: string;
  }[];
  anomalies: Record<string, unknown>[];
}

export interface AccountGrantsInput {
  before_entry?: number;
  limit?: number;
}

export interface AccountGrantsOutput {
  /** Tokens that the wallet owns */
  balance: number;
  /** The part that running requests hold */
  held: number;
  /** The balance minus what is held */
  available: number;
  /** What is owed for payments that were reversed; the next tokens that are granted pay it first */
  debt: number;
  /** Newest first, those too of which nothing is left */
  grants: {
    kind: "paid" | "plan" | "promotion" | "rollover" | "refund";
    /** From 0, spent first, to 100 */
    priority: number;
    /** The tokens that it had at first */
    amount: number;
    /** From when on it counts */
    effective_at: string;
    /** When what is left of it ends; null: never */
    expires_at: string | null;
    /** Payment, invoice or coupon; null: none, or hidden from the members of a team */
    source: string | null;
    /** The entry that added it */
    entry_number: number;
    /** What is left of it now */
    remaining: number;
    /** What charges took of it, before refunds */
    spent: number;
    /** What was given back to it */
    refunded: number;
    /** What was left when it ended */
    expired: number;
    /** What was taken back for a payment that was reversed */
    reversed: number;
    /** What a renewal took over into a grant of its own */
    rolled_over: number;
  }[];
  /** `before_entry` of the next page; null: there is none */
  next_before_entry: number | null;
  /** What has not begun yet; on the first page */
  pending_grants: {
    kind: "paid" | "plan" | "promotion" | "rollover" | "refund";
    /** From 0, spent first, to 100 */
    priority: number;
    /** The tokens that it had at first */
    amount: number;
    /** From when on it counts */
    effective_at: string;
    /** When what is left of it ends; null: never */
    expires_at: string | null;
    /** Payment, invoice or coupon; null: none, or hidden from the members of a team */
    source: string | null;
  }[];
}

export type AccountExportInput = Record<string, never>;

export interface AccountExportOutput {
  user_id: string;
  exported_at: string;
  /** By module: `ledger`, `oauth`, `otp`, … */
  data: Record<string, unknown>;
}

export type AccountWatchInput = Record<string, never>;

export interface AccountWatchOutput {
  wallet_id: string;
  /** The private topic of Supabase Realtime on which changes are told */
  topic: string;
  balance: number;
  /** The part of it that running requests hold */
  held: number;
  /** The balance minus what is held */
  available: number;
  /** Number of the newest change: what is told later has the next numbers, without a gap */
  sequence: number;
  /** Changes are told until then, unless it is called again */
  watched_until: string;
}

export interface ActivityAnalyzerInput {
  sessions: {
    date: string;
    activity:
      | "walking"
      | "nordic_walking"
      | "hiking"
      | "stair_climbing"
      | "jogging"
      | "running"
      | "trail_running"
      | "cycling"
      | "mountain_biking"
      | "indoor_cycling"
      | "swimming"
      | "open_water_swimming"
      | "water_aerobics"
      | "rowing"
      | "rowing_machine"
      | "kayaking"
      | "stand_up_paddling"
      | "surfing"
      | "elliptical_trainer"
      | "stair_machine"
      | "rope_jumping"
      | "strength_training"
      | "circuit_training"
      | "calisthenics"
      | "aerobics"
      | "step_aerobics"
      | "pilates"
      | "yoga"
      | "stretching"
      | "tai_chi"
      | "dancing"
      | "ballet"
      | "boxing"
      | "martial_arts"
      | "rock_climbing"
      | "soccer"
      | "basketball"
      | "volleyball"
      | "handball"
      | "ice_hockey"
      | "rugby"
      | "tennis"
      | "table_tennis"
      | "badminton"
      | "squash"
      | "golf"
      | "horse_riding"
      | "inline_skating"
      | "ice_skating"
      | "downhill_skiing"
      | "cross_country_skiing"
      | "snowshoeing"
      | "housework"
      | "other";
    duration_min: number;
    distance_km?: number;
    mean_heart_rate_bpm?: number;
    heart_rate_samples_bpm?: number[];
  }[];
  athlete: {
    sex: "female" | "male";
    age: number;
    resting_heart_rate_bpm: number;
    max_heart_rate_bpm?: number;
  };
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface ActivityAnalyzerOutput {
  max_heart_rate_bpm: number;
  max_heart_rate_estimated: boolean;
  sessions: {
    date: string;
    activity:
      | "walking"
      | "nordic_walking"
      | "hiking"
      | "stair_climbing"
      | "jogging"
      | "running"
      | "trail_running"
      | "cycling"
      | "mountain_biking"
      | "indoor_cycling"
      | "swimming"
      | "open_water_swimming"
      | "water_aerobics"
      | "rowing"
      | "rowing_machine"
      | "kayaking"
      | "stand_up_paddling"
      | "surfing"
      | "elliptical_trainer"
      | "stair_machine"
      | "rope_jumping"
      | "strength_training"
      | "circuit_training"
      | "calisthenics"
      | "aerobics"
      | "step_aerobics"
      | "pilates"
      | "yoga"
      | "stretching"
      | "tai_chi"
      | "dancing"
      | "ballet"
      | "boxing"
      | "martial_arts"
      | "rock_climbing"
      | "soccer"
      | "basketball"
      | "volleyball"
      | "handball"
      | "ice_hockey"
      | "rugby"
      | "tennis"
      | "table_tennis"
      | "badminton"
      | "squash"
      | "golf"
      | "horse_riding"
      | "inline_skating"
      | "ice_skating"
      | "downhill_skiing"
      | "cross_country_skiing"
      | "snowshoeing"
      | "housework"
      | "other";
    duration_min: number;
    trimp: number;
    zones: {
      very_light_min: number;
      light_min: number;
      moderate_min: number;
      vigorous_min: number;
      near_maximal_min: number;
    } | null;
    pace_s_per_km: number | null;
    session_id: string;
  }[];
  total_trimp: number;
  total_duration_min: number;
  advice: {
    fact_id: string;
    text: string;
    value: number;
    unit: string;
  }[];
}

export interface ActivityProgressGeneratorInput {
  /** A day between the years 100 and 9990 */
  date: string;
  sessions: {
    date: string;
    activity:
      | "walking"
      | "nordic_walking"
      | "hiking"
      | "stair_climbing"
      | "jogging"
      | "running"
      | "trail_running"
      | "cycling"
      | "mountain_biking"
      | "indoor_cycling"
      | "swimming"
      | "open_water_swimming"
      | "water_aerobics"
      | "rowing"
      | "rowing_machine"
      | "kayaking"
      | "stand_up_paddling"
      | "surfing"
      | "elliptical_trainer"
      | "stair_machine"
      | "rope_jumping"
      | "strength_training"
      | "circuit_training"
      | "calisthenics"
      | "aerobics"
      | "step_aerobics"
      | "pilates"
      | "yoga"
      | "stretching"
      | "tai_chi"
      | "dancing"
      | "ballet"
      | "boxing"
      | "martial_arts"
      | "rock_climbing"
      | "soccer"
      | "basketball"
      | "volleyball"
      | "handball"
      | "ice_hockey"
      | "rugby"
      | "tennis"
      | "table_tennis"
      | "badminton"
      | "squash"
      | "golf"
      | "horse_riding"
      | "inline_skating"
      | "ice_skating"
      | "downhill_skiing"
      | "cross_country_skiing"
      | "snowshoeing"
      | "housework"
      | "other";
    intensity: "light" | "moderate" | "vigorous";
    duration_min: number;
    distance_km?: number;
  }[];
  /** Set one or more of sessions, duration_min, distance_km */
  goals: {
    sessions?: number;
    duration_min?: number;
    distance_km?: number;
  };
  mass_kg: number;
  weeks?: number;
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface ActivityProgressGeneratorOutput {
  weeks: {
    week: string;
    monday: string;
    sessions: number;
    active_days: number;
    duration_min: number;
    distance_km: number;
    energy_kcal: number;
  }[];
  streak: {
    current_days: number;
    longest_days: number;
  };
  goals: {
    goal: "sessions" | "duration_min" | "distance_km";
    target: number;
    done: number;
    percent: number;
    streak_weeks: number;
  }[];
  next_week: {
    week: string;
    most_duration_min: number;
    duration_min: number;
    sessions: {
      weekday: "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday";
      activity:
        | "walking"
        | "nordic_walking"
        | "hiking"
        | "stair_climbing"
        | "jogging"
        | "running"
        | "trail_running"
        | "cycling"
        | "mountain_biking"
        | "indoor_cycling"
        | "swimming"
        | "open_water_swimming"
        | "water_aerobics"
        | "rowing"
        | "rowing_machine"
        | "kayaking"
        | "stand_up_paddling"
        | "surfing"
        | "elliptical_trainer"
        | "stair_machine"
        | "rope_jumping"
        | "strength_training"
        | "circuit_training"
        | "calisthenics"
        | "aerobics"
        | "step_aerobics"
        | "pilates"
        | "yoga"
        | "stretching"
        | "tai_chi"
        | "dancing"
        | "ballet"
        | "boxing"
        | "martial_arts"
        | "rock_climbing"
        | "soccer"
        | "basketball"
        | "volleyball"
        | "handball"
        | "ice_hockey"
        | "rugby"
        | "tennis"
        | "table_tennis"
        | "badminton"
        | "squash"
        | "golf"
        | "horse_riding"
        | "inline_skating"
        | "ice_skating"
        | "downhill_skiing"
        | "cross_country_skiing"
        | "snowshoeing"
        | "housework"
        | "other";
      intensity: "light" | "moderate" | "vigorous";
      duration_min: number;
      focus: string;
      date: string;
      energy_kcal: number;
    }[];
  };
  insights: {
    fact_id: string;
    text: string;
    value: number;
    unit: string;
  }[];
}

/** Send either a file or its storage_path. Send a recording, a description or both */
export interface ActivityTranscriberInput {
  /** A recording of at most 25 MB */
  file?: Blob;
  /** A path like uploads/<your id>/voice.m4a */
  storage_path?: string;
  description?: string;
  weight_kg: number;
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface ActivityTranscriberOutput {
  transcript: string | null;
  activities: {
    activity:
      | "walking"
      | "nordic_walking"
      | "hiking"
      | "stair_climbing"
      | "jogging"
      | "running"
      | "trail_running"
      | "cycling"
      | "mountain_biking"
      | "indoor_cycling"
      | "swimming"
      | "open_water_swimming"
      | "water_aerobics"
      | "rowing"
      | "rowing_machine"
      | "kayaking"
      | "stand_up_paddling"
      | "surfing"
      | "elliptical_trainer"
      | "stair_machine"
      | "rope_jumping"
      | "strength_training"
      | "circuit_training"
      | "calisthenics"
      | "aerobics"
      | "step_aerobics"
      | "pilates"
      | "yoga"
      | "stretching"
      | "tai_chi"
      | "dancing"
      | "ballet"
      | "boxing"
      | "martial_arts"
      | "rock_climbing"
      | "soccer"
      | "basketball"
      | "volleyball"
      | "handball"
      | "ice_hockey"
      | "rugby"
      | "tennis"
      | "table_tennis"
      | "badminton"
      | "squash"
      | "golf"
      | "horse_riding"
      | "inline_skating"
      | "ice_skating"
      | "downhill_skiing"
      | "cross_country_skiing"
      | "snowshoeing"
      | "housework"
      | "other";
    name: string;
    duration_min: number;
    intensity: "light" | "moderate" | "vigorous";
    met: number;
    met_code: string;
    energy_kcal: number;
  }[];
  total_duration_min: number;
  total_energy_kcal: number;
}

/** Send either a file or its storage_path */
export interface AudioTranscribeInput {
  /** A recording of at most 25 MB */
  file?: Blob;
  /** A path like uploads/<your id>/voice.m4a */
  storage_path?: string;
  /** A language code like en */
  language?: string;
}

export interface AudioTranscribeOutput {
  text: string;
  language: string | null;
  segments: {
    start_s: number;
    end_s: number;
    text: string;
  }[];
  duration_s: number | null;
}

export interface BalanceInput {
  limit?: number;
}

export interface BalanceOutput {
  /** Tokens that the wallet owns */
  balance: number;
  /** The part that running requests hold */
  held: number;
  /** The balance minus what is held */
  available: number;
  /** What is owed for payments that were reversed; the next tokens that are granted pay it first */
  debt: number;
  /** When the next grant ends; null: none does */
  next_expiry_at: string | null;
  /** How many tokens end then, as things stand */
  next_expiry_tokens: number | null;
  /** What the balance is made of, in the order in which it is spent; the first 100 */
  grants: {
    kind: "paid" | "plan" | "promotion" | "rollover" | "refund";
    /** From 0, spent first, to 100 */
    priority: number;
    /** The tokens that it had at first */
    amount: number;
    /** From when on it counts */
    effective_at: string;
    /** When what is left of it ends; null: never */
    expires_at: string | null;
    /** Payment, invoice or coupon; null: none, or hidden from the members of a team */
    source: string | null;
    /** The entry that added it */
    entry_number: number;
    /** What is left of it now */
    remaining: number;
  }[];
  /** What begins later and is no part of the balance yet */
  pending_grants: {
    kind: "paid" | "plan" | "promotion" | "rollover" | "refund";
    /** From 0, spent first, to 100 */
    priority: number;
    /** The tokens that it had at first */
    amount: number;
    /** From when on it counts */
    effective_at: string;
    /** When what is left of it ends; null: never */
    expires_at: string | null;
    /** Payment, invoice or coupon; null: none, or hidden from the members of a team */
    source: string | null;
  }[];
  /** The ledger's newest entries, newest first */
  entries: {
    entry_number: number;
    /** Negative for what was taken */
    delta: number;
    balance_after: number;
    /** The feature that was charged for; or `grant`, `expiry`, `refund`, `clawback`, `debt_payment`, `rollover` */
    operation_type: string;
    request_id: string | null;
    /** The member who spent, where it is a team's wallet */
    actor_id: string | null;
    metadata: Record<string, unknown>;
    /** When, as Postgres writes a time with its zone */
    created_at: string;
  }[];
}

export interface BiometricInsightsAnalyzerInput {
  /** Send one or more of weight_kg, hrv_ms, sleep_h, resting_heart_rate_bpm */
  series: {
    weight_kg?: {
      date: string;
      value: number;
    }[];
    hrv_ms?: {
      date: string;
      value: number;
    }[];
    sleep_h?: {
      date: string;
      value: number;
    }[];
    resting_heart_rate_bpm?: {
      date: string;
      value: number;
    }[];
  };
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface BiometricInsightsAnalyzerOutput {
  series: {
    count: number;
    first_date: string;
    last_date: string;
    mean: number;
    min: number;
    max: number;
    slope_per_day: number | null;
    slope_per_week: number | null;
    change: number | null;
    direction: "rising" | "falling" | "none";
    outliers: {
      date: string;
      value: number;
    }[];
    measure: "weight_kg" | "hrv_ms" | "sleep_h" | "resting_heart_rate_bpm";
    unit: string;
  }[];
  insights: {
    fact_id: string;
    text: string;
    value: number;
    unit: string;
  }[];
}

export interface DailyNutritionSummaryInput {
  date: string;
  meals: {
    energy_kcal: number;
    protein_g: number;
    carbohydrate_g: number;
    fat_g: number;
    name: string;
  }[];
  targets: {
    energy_kcal: number;
    protein_g: number;
    carbohydrate_g: number;
    fat_g: number;
  };
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface DailyNutritionSummaryOutput {
  summary: string;
  advice: string[];
  date: string;
  totals: {
    energy_kcal: number;
    protein_g: number;
    carbohydrate_g: number;
    fat_g: number;
  };
  remaining: {
    energy_kcal: number;
    protein_g: number;
    carbohydrate_g: number;
    fat_g: number;
  };
  score: number;
}

export interface DetectEquipmentInput {
  /** A JPEG, PNG or WebP picture: a data URL, a public https URL, or a path like uploads/<your id>/photo.jpg */
  photo: string;
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface DetectEquipmentOutput {
  equipment: {
    name: string;
    category:
      | "free_weight"
      | "machine"
      | "cable"
      | "rack"
      | "bench"
      | "cardio"
      | "bodyweight"
      | "band"
      | "ball"
      | "mat"
      | "furniture"
      | "other";
    count: number;
    confidence: number;
    box: {
      left: number;
      top: number;
      right: number;
      bottom: number;
    };
  }[];
}

export interface FastingInsightsGeneratorInput {
  fasts: {
    date: string;
    duration_h: number;
  }[];
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface FastingInsightsGeneratorOutput {
  total_h: number;
  median_h: number;
  trend: {
    count: number;
    first_date: string;
    last_date: string;
    mean: number;
    min: number;
    max: number;
    slope_per_day: number | null;
    slope_per_week: number | null;
    change: number | null;
    direction: "rising" | "falling" | "none";
    outliers: {
      date: string;
      value: number;
    }[];
  };
  phases: {
    phase: "absorbing" | "glycogen" | "switching" | "ketosis";
    from_h: number;
    to_h: number | null;
    fasts: number;
    total_h: number;
  }[];
  insights: {
    fact_id: string;
    text: string;
    value: number;
    unit: string;
  }[];
}

export interface FastingProgressionAnalyzerInput {
  /** A day between the years 100 and 9990 */
  date: string;
  target_h: number;
  fasts: {
    date: string;
    duration_h: number;
  }[];
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface FastingProgressionAnalyzerOutput {
  fasts: number;
  adherence_percent: number | null;
  streak: {
    current_days: number;
    longest_days: number;
  };
  trend: {
    count: number;
    first_date: string;
    last_date: string;
    mean: number;
    min: number;
    max: number;
    slope_per_day: number | null;
    slope_per_week: number | null;
    change: number | null;
    direction: "rising" | "falling" | "none";
    outliers: {
      date: string;
      value: number;
    }[];
  } | null;
  next_target_h: number;
  step: "raise" | "keep" | "lower";
  insights: {
    fact_id: string;
    text: string;
    value: number;
    unit: string;
  }[];
}

export interface FridgeScanVisionInput {
  photos: string[];
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface FridgeScanVisionOutput {
  items: {
    name: string;
    category:
      | "vegetable"
      | "fruit"
      | "dairy"
      | "egg"
      | "meat"
      | "fish"
      | "grain"
      | "legume"
      | "nut"
      | "bread"
      | "prepared"
      | "condiment"
      | "beverage"
      | "sweet"
      | "other";
    quantity: number;
    unit: "piece" | "pack" | "g" | "ml";
    confidence: number;
    days_left: number | null;
    photos: number[];
  }[];
}

export interface GenerateMorphInsightsInput {
  snapshots: {
    date: string;
    /** Each key once */
    morphs: {
      key: string;
      value: number;
    }[];
  }[];
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface GenerateMorphInsightsOutput {
  first_date: string;
  last_date: string;
  morphs: {
    slope_per_week: number | null;
    direction: "rising" | "falling" | "none";
    outliers: {
      date: string;
      value: number;
    }[];
    key: string;
    count: number;
    first: number;
    last: number;
    change: number;
  }[];
  insights: {
    fact_id: string;
    text: string;
    value: number;
    unit: string;
  }[];
}

export interface GenerateVoicePreviewInput {
  text: string;
  voice?: "alloy" | "ash" | "coral" | "echo" | "fable" | "nova" | "onyx" | "sage" | "shimmer";
  speed?: number;
}

export interface GenerateVoicePreviewOutput {
  audio: {
    path: string;
    media_type: string;
    signed_url: string;
  };
  characters: number;
}

export interface ImageGeneratorInput {
  prompt: string;
  size?: "1024x1024" | "1024x1536" | "1536x1024";
  count?: number;
}

export interface ImageGeneratorOutput {
  images: {
    path: string;
    media_type: string;
    signed_url: string;
  }[];
}

export interface InventoryComplementerInput {
  inventory: {
    name: string;
    quantity: number;
    unit: "g" | "kg" | "ml" | "l" | "tsp" | "tbsp" | "cup" | "piece";
  }[];
  goals?: string[];
  diet?: string;
  allergies?: string[];
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface InventoryComplementerOutput {
  missing: {
    name: string;
    quantity: number;
    unit: "g" | "kg" | "ml" | "l" | "tsp" | "tbsp" | "cup" | "piece";
    aisle:
      | "produce"
      | "bakery"
      | "dry_goods"
      | "canned"
      | "condiments"
      | "snacks"
      | "drinks"
      | "household"
      | "meat"
      | "fish"
      | "dairy"
      | "frozen"
      | "other";
    priority: "high" | "medium" | "low";
    reason: string;
  }[];
  left_out: {
    name: string;
    why: "already_there" | "repeated" | "not_allowed";
  }[];
  /** Those of `allergies` that are not among the 14 known allergens. They were searched for only as written, not under other names or in other languages: tell the user */
  allergies_as_written: string[];
}

/** Send one of lines, receipt and scan */
export interface InventoryProcessorInput {
  lines?: string[];
  /** A JPEG, PNG or WebP picture: a data URL, a public https URL, or a path like uploads/<your id>/photo.jpg */
  receipt?: string;
  scan?: {
    name: string;
    quantity: number;
    unit: string;
    days_left?: number | null;
  }[];
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface InventoryProcessorOutput {
  lines: string[];
  items: {
    name: string;
    quantity: number;
    unit: "g" | "kg" | "ml" | "l" | "tsp" | "tbsp" | "cup" | "piece";
    category:
      | "produce"
      | "bakery"
      | "dry_goods"
      | "canned"
      | "condiments"
      | "snacks"
      | "drinks"
      | "household"
      | "meat"
      | "fish"
      | "dairy"
      | "frozen"
      | "other";
    days_left: number | null;
    quantity_assumed: boolean;
    lines: number[];
  }[];
  not_understood: {
    line: number;
    text: string;
    reason: "not_an_item" | "unreadable" | "ambiguous" | "not_answered";
  }[];
}

/** Send a photo, a description or both */
export interface MealAnalyzerInput {
  /** A JPEG, PNG or WebP picture: a data URL, a public https URL, or a path like uploads/<your id>/photo.jpg */
  photo?: string;
  description?: string;
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface MealAnalyzerOutput {
  dishes: {
    energy_kcal: number;
    protein_g: number;
    carbohydrate_g: number;
    fat_g: number;
    name: string;
    mass_g: number;
    confidence: number;
  }[];
  totals: {
    energy_kcal: number;
    protein_g: number;
    carbohydrate_g: number;
    fat_g: number;
  };
  energy_from_macros_kcal: number;
  energy_plausible: boolean;
}

export interface MealPlanGeneratorInput {
  days: number;
  /** Macronutrients that give the target's energy, at 4, 4 and 9 kcal per gram */
  target: {
    energy_kcal: number;
    protein_g?: number;
    carbohydrate_g?: number;
    fat_g?: number;
  };
  diet?: string;
  allergies?: string[];
  inventory?: {
    name: string;
    quantity: number;
    unit: "g" | "kg" | "ml" | "l" | "tsp" | "tbsp" | "cup" | "piece";
  }[];
  snacks?: number;
  preferences?: string;
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface MealPlanGeneratorOutput {
  /** Macronutrients that give the target's energy, at 4, 4 and 9 kcal per gram */
  target: {
    energy_kcal: number;
    protein_g?: number;
    carbohydrate_g?: number;
    fat_g?: number;
  };
  days: {
    day: number;
    meals: {
      energy_kcal: number;
      protein_g: number;
      carbohydrate_g: number;
      fat_g: number;
      title: string;
      description: string;
      ingredients: {
        name: string;
        mass_g: number;
        in_inventory: boolean;
      }[];
      slot: string;
    }[];
    totals: {
      energy_kcal: number;
      protein_g: number;
      carbohydrate_g: number;
      fat_g: number;
    };
    energy_plausible: boolean;
  }[];
  /** Those of `allergies` that are not among the 14 known allergens. They were searched for only as written, not under other names or in other languages: tell the user */
  allergies_as_written: string[];
}

export interface MessagesAttachmentLinksInput {
  paths: string[];
}

export interface MessagesAttachmentLinksOutput {
  links: {
    path: string;
    /** Works without credentials for a minute */
    url: string;
  }[];
}

export interface NutritionTrendAnalysisInput {
  /** Each day only once */
  logs: {
    energy_kcal: number;
    protein_g: number;
    carbohydrate_g: number;
    fat_g: number;
    /** A day between the years 100 and 9990 */
    date: string;
  }[];
  /** A day between the years 100 and 9990 */
  until: string;
  days: number;
  targets?: {
    energy_kcal: number;
    protein_g: number;
    carbohydrate_g: number;
    fat_g: number;
  };
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface NutritionTrendAnalysisOutput {
  from: string;
  to: string;
  logged_days: number;
  gaps: {
    from: string;
    to: string;
    days: number;
  }[];
  nutrients: {
    count: number;
    first_date: string;
    last_date: string;
    mean: number;
    min: number;
    max: number;
    slope_per_day: number | null;
    slope_per_week: number | null;
    change: number | null;
    direction: "rising" | "falling" | "none";
    outliers: {
      date: string;
      value: number;
    }[];
    nutrient: "energy_kcal" | "protein_g" | "carbohydrate_g" | "fat_g";
    mean_of_target_percent: number | null;
  }[];
  insights: {
    fact_id: string;
    text: string;
    value: number;
    unit: string;
  }[];
}

export interface OauthTokenAuthorizeInput {
  /** A name in OAUTH_PROVIDERS */
  provider: string;
  /** One of OAUTH_REDIRECT_URLS; default: the first */
  redirect_to?: string;
}

export interface OauthTokenAuthorizeOutput {
  /** The URL for the user's browser */
  authorization_url: string;
  /** How long the user may take */
  expires_in_s: number;
}

export interface OauthTokenCompleteInput {
  /** As it was sent to the app's address */
  state: string;
}

export interface OauthTokenCompleteOutput {
  provider: string;
  /** What the user granted, if the provider reports it */
  scope: string | null;
}

export interface OauthTokenRevokeInput {
  /** A name in OAUTH_PROVIDERS */
  provider: string;
  /** The user's id; a user may only name itself. From a server without one: the app's own */
  subject?: string;
}

export interface OauthTokenRevokeOutput {
  /** Whether there was a token */
  was_stored: boolean;
  /** What the provider did; impossible if it has no revocation endpoint */
  upstream: "revoked" | "failed" | "impossible" | "nothing_to_revoke";
}

export interface OtpRequestInput {
  /** With its calling code, in any spelling: +33 6 12 34 56 78; or a tel: URI */
  phone: string;
  /** What the code is for; a code works only for its purpose */
  purpose?: string;
  /** `email` sends to the signed-in user's confirmed address, and proves no phone */
  channel?: "sms" | "email";
  /** The message's language, as BCP 47 or with an underscore; there are en, fr, de, es, it, pt, nl, ar */
  locale?: string;
  /** Which app can read the code from the SMS: the Android app (OTP_APP_HASH), or a browser or iOS (OTP_WEB_DOMAIN); default: both */
  code_reader?: "android" | "web";
}

export interface OtpRequestOutput {
  /** Identifies this code; send it with the guess */
  challenge_id: string;
  /** Seconds until the code expires */
  expires_in: number;
  /** Seconds until another code may be requested */
  resend_in: number;
  /** How many guesses are left */
  attempts_left: number;
}

export interface OtpVerifyInput {
  /** With its calling code, in any spelling: +33 6 12 34 56 78; or a tel: URI */
  phone: string;
  /** As typed: blanks and the digits of any script are accepted */
  code: string;
  /** What the code is for; a code works only for its purpose */
  purpose?: string;
  /** From the request; optional for the caller that requested the code: the same user, or the same network */
  challenge_id?: string;
}

export interface OtpVerifyOutput {
  verified: true;
  /** E.164 */
  phone: string;
  purpose: string;
  challenge_id: string;
  verified_at: string;
  /** A JWT (ES256) that another function accepts once */
  proof: string;
  /** Seconds until the proof expires */
  proof_expires_in: number;
}

export type ProfileEnsureInput = Record<string, never>;

export interface ProfileEnsureOutput {
  profile: {
    id: string;
    full_name: string | null;
    avatar_url: string | null;
    cover_url: string | null;
    bio: string | null;
    city: string | null;
    interests: string[];
    status: "online" | "away" | "busy" | "offline";
    created_at: string;
    updated_at: string;
  };
  is_new: boolean;
}

export interface ProfileAvatarInput {
  file: Blob;
}

export interface ProfileAvatarOutput {
  url: string;
}

export interface ProfileCoverInput {
  file: Blob;
}

export interface ProfileCoverOutput {
  url: string;
}

export interface ProfileRemovePictureInput {
  picture: "avatar" | "cover";
}

export interface ProfileRemovePictureOutput {
  success: true;
}

export interface RecipeDetailGeneratorInput {
  title: string;
  summary: string;
  ingredients?: string[];
  servings?: number;
  diet?: string;
  allergies?: string[];
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface RecipeDetailGeneratorOutput {
  steps: {
    text: string;
    kind: "active" | "waiting";
    duration_min: number;
    tools: string[];
    number: number;
  }[];
  tools: string[];
  substitutions: {
    ingredient: string;
    substitute: string;
    note: string;
  }[];
  total_duration_min: number;
  active_duration_min: number;
  /** Those of `allergies` that are not among the 14 known allergens. They were searched for only as written, not under other names or in other languages: tell the user */
  allergies_as_written: string[];
}

/** The diet forbids every ingredient */
export interface RecipeGeneratorInput {
  ingredients: string[];
  servings?: number;
  diet?: string;
  max_duration_min?: number;
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface RecipeGeneratorOutput {
  servings: number;
  recipes: {
    title: string;
    summary: string;
    ingredients: {
      name: string;
      mass_g: number;
    }[];
    steps: {
      text: string;
      duration_min: number;
    }[];
    total_duration_min: number;
    mass_per_serving_g: number;
    nutrition_per_serving: {
      energy_kcal: number;
      protein_g: number;
      carbohydrate_g: number;
      fat_g: number;
    };
    ingredients_without_nutrition: string[];
  }[];
}

export interface SalonsAvatarInput {
  salon_id: string;
  file: Blob;
}

export interface SalonsAvatarOutput {
  url: string;
}

export interface SalonsRemoveAvatarInput {
  salon_id: string;
}

export interface SalonsRemoveAvatarOutput {
  success: true;
}

export interface ScanEstimateInput {
  /** A JPEG, PNG or WebP picture: a data URL, a public https URL, or a path like uploads/<your id>/photo.jpg */
  front: string;
  /** A JPEG, PNG or WebP picture: a data URL, a public https URL, or a path like uploads/<your id>/photo.jpg */
  side: string;
  height_cm: number;
  weight_kg: number;
  sex: "female" | "male";
  age: number;
}

export interface ScanEstimateOutput {
  visibility: {
    front: "good" | "partial" | "none";
    side: "good" | "partial" | "none";
  };
  bmi_kg_per_m2: number;
  body_fat_by_bmi_percent: number;
  measures: {
    neck: {
      low_cm: number;
      value_cm: number;
      high_cm: number;
    };
    chest: {
      low_cm: number;
      value_cm: number;
      high_cm: number;
    };
    waist: {
      low_cm: number;
      value_cm: number;
      high_cm: number;
    };
    hip: {
      low_cm: number;
      value_cm: number;
      high_cm: number;
    };
    thigh: {
      low_cm: number;
      value_cm: number;
      high_cm: number;
    };
    calf: {
      low_cm: number;
      value_cm: number;
      high_cm: number;
    };
    upper_arm: {
      low_cm: number;
      value_cm: number;
      high_cm: number;
    };
  } | null;
  waist_to_height: number | null;
  body_fat: {
    method: "us_navy_circumferences";
    low_percent: number;
    value_percent: number;
    high_percent: number;
  } | null;
  plausible: boolean | null;
  problems: (
    | "bmi_outside_12_to_60"
    | "waist_to_height_outside_0_3_to_1"
    | "neck_not_below_waist"
    | "thigh_not_below_hip"
    | "calf_not_below_thigh"
    | "upper_arm_not_below_chest"
    | "body_fat_formula_without_result"
    | "body_fat_methods_differ_by_over_10"
  )[];
}

/** Send photos, measures or both */
export interface ScanRefineMorphsInput {
  /** Each key once */
  morphs: {
    key: string;
    value: number;
    min: number;
    max: number;
  }[];
  photos?: string[];
  measures?: {
    neck?: number;
    chest?: number;
    waist?: number;
    hip?: number;
    thigh?: number;
    calf?: number;
    upper_arm?: number;
  };
}

export interface ScanRefineMorphsOutput {
  morphs: {
    key: string;
    value: number;
    min: number;
    max: number;
    previous: number;
    change: number;
    clamped: boolean;
  }[];
  confidence: number;
}

export interface ScanSemanticInput {
  photos: string[];
}

export interface ScanSemanticOutput {
  build: {
    class: "slim" | "medium" | "broad" | "full" | "not_visible";
    confidence: number;
  };
  muscularity: {
    class: "low" | "moderate" | "defined" | "high" | "not_visible";
    confidence: number;
  };
  posture: {
    class: "upright" | "forward_head" | "rounded_shoulders" | "arched_lower_back" | "flat_back" | "leaning";
    confidence: number;
  }[];
}

/** Send a plan or recipes, with ingredients. At most 600 ingredients */
export interface ShoppingListGeneratorInput {
  recipes?: {
    title: string;
    ingredients: {
      name: string;
      quantity: number;
      unit: "g" | "kg" | "ml" | "l" | "tsp" | "tbsp" | "cup" | "piece";
    }[];
  }[];
  plan?: {
    meals: {
      title: string;
      ingredients: {
        name: string;
        mass_g: number;
      }[];
    }[];
  }[];
  inventory?: {
    name: string;
    quantity: number;
    unit: "g" | "kg" | "ml" | "l" | "tsp" | "tbsp" | "cup" | "piece";
  }[];
  /** A language tag like en or fr-CA */
  locale?: string;
}

export interface ShoppingListGeneratorOutput {
  aisles: {
    aisle:
      | "produce"
      | "bakery"
      | "dry_goods"
      | "canned"
      | "condiments"
      | "snacks"
      | "drinks"
      | "household"
      | "meat"
      | "fish"
      | "dairy"
      | "frozen"
      | "other";
    items: {
      name: string;
      quantity: number;
      unit: "g" | "kg" | "ml" | "l" | "tsp" | "tbsp" | "cup" | "piece";
      for: string[];
      tip: string | null;
      not_compared: {
        name: string;
        quantity: number;
        unit: "g" | "kg" | "ml" | "l" | "tsp" | "tbsp" | "cup" | "piece";
      }[];
    }[];
  }[];
  from_inventory: {
    name: string;
    quantity: number;
    unit: "g" | "kg" | "ml" | "l" | "tsp" | "tbsp" | "cup" | "piece";
  }[];
}

export interface WalletsCreateInput {
  /** A name without control characters */
  name: string;
}

export interface WalletsCreateOutput {
  /** The team's wallet */
  wallet_id: string;
}

export type WalletsListInput = Record<string, never>;

export interface WalletsListOutput {
  wallets: {
    wallet_id: string;
    name: string;
    role: "owner" | "admin" | "member" | "viewer";
    balance: number;
    held: number;
    /** The balance minus what is held */
    available: number;
    /** The user's own cap in it; null for none */
    monthly_cap_tokens: number | null;
    /** By the user, this month (UTC) */
    spent_this_month: number;
    joined_at: string;
  }[];
}

export interface WalletsRenameInput {
  /** The team's wallet */
  wallet_id: string;
  /** A name without control characters */
  name: string;
}

export interface WalletsRenameOutput {
  success: true;
}

export interface WalletsCloseInput {
  /** The team's wallet */
  wallet_id: string;
}

export interface WalletsCloseOutput {
  success: true;
}

export interface WalletsUsageInput {
  /** The team's wallet */
  wallet_id: string;
  /** Like `2026-01`; this month unless given */
  month?: string;
}

export interface WalletsUsageOutput {
  month: string;
  tokens: number;
  by_member: {
    /** Null: charged by a server */
    user_id: string | null;
    requests: number;
    tokens: number;
  }[];
  by_feature: {
    operation_type: string;
    requests: number;
    tokens: number;
  }[];
}

/** An invitation for an e-mail address can be used once */
export interface WalletsInviteInput {
  /** The team's wallet */
  wallet_id: string;
  /** The role of whoever accepts */
  role?: "admin" | "member" | "viewer";
  /** The most that the member may spend in a month (UTC); null for no cap */
  monthly_cap_tokens?: number | null;
  /** Only the user who has confirmed this address can accept, once */
  email?: string;
  max_uses?: number;
  expires_in_s?: number;
}

export interface WalletsInviteOutput {
  invitation_id: string;
  /** Shown here and never again */
  code: string;
  expires_at: string;
}

export interface WalletsInvitationsInput {
  /** The team's wallet */
  wallet_id: string;
}

export interface WalletsInvitationsOutput {
  invitations: {
    invitation_id: string;
    created_by: string;
    /** The role of whoever accepts */
    role: "admin" | "member" | "viewer";
    /** The most that the member may spend in a month (UTC); null for no cap */
    monthly_cap_tokens: number | null;
    email: string | null;
    max_uses: number;
    uses: number;
    created_at: string;
    expires_at: string;
  }[];
}

export interface WalletsWithdrawInput {
  /** The team's wallet */
  wallet_id: string;
  invitation_id: string;
}

export interface WalletsWithdrawOutput {
  success: true;
}

export interface WalletsAcceptInput {
  /** The code of an invitation */
  code: string;
}

export interface WalletsAcceptOutput {
  wallet_id: string;
  role: "owner" | "admin" | "member" | "viewer";
}

export interface WalletsMembersInput {
  /** The team's wallet */
  wallet_id: string;
}

export interface WalletsMembersOutput {
  members: {
    user_id: string;
    role: "owner" | "admin" | "member" | "viewer";
    /** The most that the member may spend in a month (UTC); null for no cap */
    monthly_cap_tokens: number | null;
    /** What the member's running requests hold */
    held: number;
    spent_this_month: number;
    joined_at: string;
  }[];
}

export interface WalletsRoleInput {
  /** The team's wallet */
  wallet_id: string;
  member_id: string;
  role: "owner" | "admin" | "member" | "viewer";
}

export interface WalletsRoleOutput {
  success: true;
}

export interface WalletsCapInput {
  /** The team's wallet */
  wallet_id: string;
  member_id: string;
  /** The most that the member may spend in a month (UTC); null for no cap */
  monthly_cap_tokens: number | null;
}

export interface WalletsCapOutput {
  success: true;
}

export interface WalletsRemoveInput {
  /** The team's wallet */
  wallet_id: string;
  member_id: string;
}

export interface WalletsRemoveOutput {
  success: true;
}

export interface WalletsLeaveInput {
  /** The team's wallet */
  wallet_id: string;
}

export interface WalletsLeaveOutput {
  success: true;
}

export interface WalletsTransferInput {
  /** The team's wallet */
  wallet_id: string;
  member_id: string;
}

export interface WalletsTransferOutput {
  success: true;
}
