/// How steps are called, and what is said of them, in the wiring's diagnostics.
extension Chain.Step {
    /// Its label, or its stage's name.
    var shownName: String { modifiers.label ?? name }

    /// Its line, for the end of a sentence.
    var line: String { origin ?? place.map { " (line \($0.start.line))" } ?? "" }

    /// Whether the steps after it find it done, for every message, by itself or by what runs instead of it.
    var runsForEveryMessage: Bool {
        if case .continue = modifiers.onError { return false }
        return modifiers.async == nil && modifiers.when == nil
    }

    /// Why what this step provides is not there for certain after it.
    var uncertainty: (what: String, remedy: String)? {
        if modifiers.async != nil { return ("provides in the background", "; take its 'async' away") }
        if modifiers.when != nil { return ("provides only for some messages", "; take its 'when' away") }
        switch modifiers.onError {
        case .stop: return nil
        case .continue: return ("may fail to provide", "; take its 'on_error' away")
        case .run: return ("may fail to provide", "; let a stage of its 'on_error' provide it")
        }
    }

    /// Why what a stage inside this one provides is not there for certain after it.
    var uncertaintyOfInside: (what: String, remedy: String) {
        if modifiers.async != nil { return ("provides in the background", "a stage before it must provide it") }
        if modifiers.when != nil { return ("provides only for some messages", "take its 'when' away") }
        switch composite?.flow {
        case .oneOf(isExhaustive: false):
            return (
                "provides only for messages that match a case", "add a last case without 'when' that provides it, too"
            )
        case .oneOf: return ("does not provide in every case", "let a stage of every case provide it")
        case .fallback: return ("does not provide where 'catch' runs", "let a stage of both provide it")
        case .all, nil: return ("may fail to provide", "take its 'on_error' away")
        }
    }
}

extension DiagnosticCode {
    /// A stage needs a field that no stage above it provides for certain.
    public static let wiring = DiagnosticCode(rawValue: "wiring")
    /// The stage where messages come in is not the first, or there are two.
    public static let misplacedEntry = DiagnosticCode(rawValue: "misplaced_entry")
    /// A stage that answers clients behind a queue that outlives the process.
    public static let replyBehindQueue = DiagnosticCode(rawValue: "reply_behind_queue")
    /// A queue that outlives the process gets messages only after the client has its answer.
    public static let lateQueue = DiagnosticCode(rawValue: "late_queue")
    /// A stage keeps the pieces of an answer from leaving as they come.
    public static let streamingOff = DiagnosticCode(rawValue: "streaming_off")
    /// Two branches that run at the same time provide the same.
    public static let conflictingBranches = DiagnosticCode(rawValue: "conflicting_branches")
    /// Two stages with one label.
    public static let duplicateLabel = DiagnosticCode(rawValue: "duplicate_label")
}
