import Pipeline

/// What is read of one event of a streamed answer.
struct ChatChunk {
    private(set) var usage: JSONValue?
    /// The text that it adds, if it has any.
    private(set) var delta: TextPiece?
    /// Where that stands in the event, between its quotes; `nil` where it is not one string.
    private(set) var word: Range<Int>?
    /// The text of a whole answer, which some gateways send as one event and others repeat with each piece.
    private(set) var whole: TextPiece?
    /// Whether it has a part of what the model thinks.
    private(set) var isThought = false
    private(set) var finishReason: String?
    /// What went wrong, where it is that it says.
    private(set) var error: ReportedError?
    /// Whether it is a piece of an answer.
    private(set) var isPiece = false
    private var hasChoice = false

    /// - Parameter head: What the pieces have in common; this one adds what those before it did not have.
    init(_ event: [UInt8], _ head: inout ResponseHead) throws(JSONReader.Problem) {
        try JSONReader.read(event, leniency: .everything) { (reader) throws(JSONReader.Problem) in
            try reader.members { (reader, key) throws(JSONReader.Problem) in
                switch key {
                case "id": try head.read(.id, &reader)
                case "created": try head.read(.created, &reader)
                case "model": try head.read(.model, &reader)
                case "service_tier": try head.read(.serviceTier, &reader)
                case "system_fingerprint": try head.read(.systemFingerprint, &reader)
                case "usage": usage = try reader.value()
                case "choices":
                    isPiece = true
                    if try !reader.takesNull() { try readChoices(&reader) }
                case "error": try readError(&reader)
                // Groq counts the tokens here.
                case "x_groq": if let counted = try reader.members(["usage"])?["usage"] { usage = usage ?? counted }
                default: try reader.skip()
                }
            }
        }
        if !isPiece, error == nil, let other = ReportedError(in: event), other.isNamedError { error = other }
    }

    /// Only the first counts: more than one is only ever asked for by `extra`.
    private mutating func readChoices(_ reader: inout JSONReader) throws(JSONReader.Problem) {
        try reader.array { (reader) throws(JSONReader.Problem) in
            var choice = Choice()
            try reader.members { (reader, key) throws(JSONReader.Problem) in
                switch key {
                case "index": if case .int(let number) = try reader.value() { choice.index = number }
                case "finish_reason": choice.finishReason = try FinishReason.read(&reader)
                case "delta": if try !reader.takesNull() { try choice.readDelta(&reader) }
                case "message" where reader.next() == .object: try choice.readMessage(&reader)
                // Moonshot counts the tokens here.
                case "usage": choice.usage = try reader.value()
                case "error": try readError(&reader)
                default: try reader.skip()
                }
            }
            guard choice.index == 0, !hasChoice else { return }
            hasChoice = true
            (delta, isThought, finishReason) = (choice.delta, choice.isThought, choice.finishReason)
            word = choice.word
            whole = choice.whole
            usage = usage ?? choice.usage
        }
    }

    private struct Choice {
        var index = 0
        var delta: TextPiece?
        var word: Range<Int>?
        var whole: TextPiece?
        var isThought = false
        var finishReason: String?
        var usage: JSONValue?

        mutating func readMessage(_ reader: inout JSONReader) throws(JSONReader.Problem) {
            try reader.members { (reader, key) throws(JSONReader.Problem) in
                if "content" ~= key { whole = try reader.content() } else { try reader.skip() }
            }
        }

        mutating func readDelta(_ reader: inout JSONReader) throws(JSONReader.Problem) {
            try reader.members { (reader, key) throws(JSONReader.Problem) in
                switch key {
                case "content":
                    let kind = reader.next()
                    let start = reader.offset + 1
                    delta = try reader.content()
                    word = kind == .string ? start..<(reader.offset - 1) : nil
                    if delta == nil, kind != .null { isThought = true }
                case "reasoning_content", "reasoning", "reasoning_details":
                    if try reader.skipsSomething() { isThought = true }
                default: try reader.skip()
                }
            }
        }
    }

    /// Whether it says nothing but a word, so that another event which says it alike differs by that alone.
    var isWordAlone: Bool {
        isPiece && delta != nil && whole == nil && !isThought && finishReason == nil && error == nil
            && (usage == nil || usage == .null)
    }

    /// An error that says nothing is none.
    private mutating func readError(_ reader: inout JSONReader) throws(JSONReader.Problem) {
        let value = reader
        guard try reader.skipsSomething(), error == nil else { return }
        reader = value
        var reported = ReportedError()
        try reported.read(&reader, key: "error")
        error = reported
    }
}

/// What the pieces of an answer have in common: `id`, `created`, `model` and the like, whatever their types, from the first
/// piece that has them.
struct ResponseHead {
    /// What is kept of a piece besides its text.
    enum Key: String {
        case id, created, model
        case serviceTier = "service_tier"
        case systemFingerprint = "system_fingerprint"

        /// Every piece has them all: that one is known must cost nothing.
        fileprivate var bit: UInt8 {
            switch self {
            case .id: 1
            case .created: 2
            case .model: 4
            case .serviceTier: 8
            case .systemFingerprint: 16
            }
        }
    }

    private(set) var members: [(key: String, value: JSONValue)] = []
    private var known: UInt8 = 0

    /// Takes a value, where it is one and the first: some APIs begin with a piece whose id is empty.
    mutating func read(_ key: Key, _ reader: inout JSONReader) throws(JSONReader.Problem) {
        guard known & key.bit == 0 else { return try reader.skip() }
        let value = try reader.value()
        switch value {
        case .null, .string(""), .int(0): break
        default:
            known |= key.bit
            members.append((key.rawValue, value))
        }
    }
}
