/// The metrics of the engine: what every stage has.
package enum EngineMetric: String, CaseIterable {
    case stageReceived = "stagecoach_stage_received_total"
    case stageSent = "stagecoach_stage_sent_total"
    case stageErrors = "stagecoach_stage_errors_total"
    case stageRetries = "stagecoach_stage_retries_total"
    case stageDuration = "stagecoach_stage_duration_seconds"
    case modelTokens = "stagecoach_model_tokens_total"
    case modelFallbacks = "stagecoach_model_fallbacks_total"
    case unreadableRows = "stagecoach_rows_unreadable_total"

    /// What its values mean.
    package var kind: MetricKind { self == .stageDuration ? .histogram : .counter }

    /// The names of its labels.
    package var labels: [String] {
        switch self {
        case .stageReceived, .stageSent, .stageRetries, .stageDuration, .modelTokens: ["pipeline", "stage"]
        case .stageErrors: ["pipeline", "stage", "code"]
        case .modelFallbacks: ["from", "to", "code"]
        case .unreadableRows: ["resource", "column"]
        }
    }

    /// What it says, in one sentence.
    package var help: String {
        switch self {
        case .stageReceived: "Messages that came to the stage."
        case .stageSent: "Messages that the stage passed on."
        case .stageErrors: "Messages that failed in the stage, by code; a code of a stage's own is 'other'."
        case .stageRetries: "Runs of the stage that failed and were made again."
        case .stageDuration: "How long runs of the stage took, waits and retries included; a batch is one run."
        case .modelTokens: "Tokens that the model's API counted."
        case .modelFallbacks: "Calls that another model got, as the one before it failed."
        case .unreadableRows: "Rows that were left out when a table was read, by the column that can't be read."
        }
    }
}
