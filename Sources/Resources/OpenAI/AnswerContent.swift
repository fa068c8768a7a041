import Pipeline

extension JSONReader {
    /// The text of `content`: a string, or a list of parts, of which those that are text are joined; `nil` where there is
    /// none. What a model thinks is no text.
    mutating func content() throws(Problem) -> TextPiece? {
        switch next() {
        case .null:
            try skip()
            return nil
        case .array:
            var whole: TextPiece?
            try array { (reader) throws(Problem) in
                guard let part = try reader.part() else { return }
                if whole?.append(part) == nil { whole = part }
            }
            return whole
        case .object: return try part()
        case .string, .other: return try piece()
        }
    }

    private mutating func part() throws(Problem) -> TextPiece? {
        switch next() {
        case .string: return try piece()
        case .object: break
        default:
            try skip()
            return nil
        }
        var isText = true
        var text: TextPiece?
        try object { (reader, key) throws(Problem) in
            switch key {
            case "type": isText = try reader.value().text.map { $0 == "text" || $0 == "output_text" } ?? true
            case "text" where reader.next() == .string: text = try reader.piece()
            default: try reader.skip()
            }
        }
        return isText ? text : nil
    }
}

extension FinishReason {
    /// What an answer that ended so is.
    ///
    /// - Throws: `model_filtered` where a filter left nothing of it, `model_unavailable` where it broke off.
    static func check(_ reason: String?, of text: String?) throws(PipelineError) {
        guard let reason else { return }
        // Gemini says after a colon which filter it was.
        if reason.hasPrefix("content_filter"), text?.isEmpty ?? true { throw ModelError.filtered }
        if reason == "error" { throw ModelError.unavailable("the API ended the answer with an error") }
    }
}
