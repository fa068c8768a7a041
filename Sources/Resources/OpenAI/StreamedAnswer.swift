package import Pipeline

/// A streamed answer as it grows, and the response that it comes to: what the API would have sent in one piece.
package struct StreamedAnswer {
    /// As much as an answer that comes whole may have.
    static let limit = 1 << 20

    private let reason: ReportedReason
    private var head = ResponseHead()
    private var text: String?
    /// That of an event which has the whole answer; it counts where there are no pieces.
    private var whole: TextPiece?
    private var half: UInt32?
    /// How the last word was written.
    var form: WordForm?
    private var usage: JSONValue?
    private var finishReason: String?
    /// Whether there was a piece of an answer.
    private(set) var hasPieces = false
    /// Whether the model thinks, or has begun to answer.
    private(set) var hasBegun = false
    /// The last message among events that are no pieces.
    private var aside: String?
    /// Whether it came behind the last piece.
    private var endsAside = false

    package init() {
        self.init(hiding: ReportedReason())
    }

    /// - Parameter reason: What the log may say of an error.
    init(hiding reason: ReportedReason) {
        self.reason = reason
    }

    /// Whether the stream has said that it ends.
    package private(set) var isOver = false

    /// Whether the text is whole, though the stream may not have ended.
    var isWhole: Bool { isOver || finishReason != nil }

    /// Takes an event.
    ///
    /// - Returns: The text it adds.
    /// - Throws: ``PipelineError`` for an error that the API sends in the middle, and for what is no event of an answer.
    package mutating func add(_ event: [UInt8]) throws(PipelineError) -> String {
        if event.count < 16, let word = Word(event) {
            guard word == .done else { return "" }
            isOver = true
            return end()
        }
        if half == nil, let word = form?.word(in: event) {
            (hasPieces, endsAside) = (true, false)
            return try add(text: word)
        }
        let chunk: ChatChunk
        do throws(JSONReader.Problem) {
            chunk = try ChatChunk(event, &head)
        } catch {
            if let lines = StreamedAnswer.lines(of: event) { return try add(lines) }
            if !event.contains("\"choices\"".utf8), let error = ReportedError(in: event), error.message != nil {
                throw failure(error, event)
            }
            throw ModelError.badResponse("an event of the stream is not the JSON it should be: \(error)")
        }
        form = WordForm(event, chunk)
        return try add(chunk, event)
    }

    private mutating func add(_ chunk: ChatChunk, _ event: [UInt8]) throws(PipelineError) -> String {
        if let error = chunk.error { throw failure(error, chunk.delta == nil ? event : []) }
        if chunk.isPiece {
            (hasPieces, endsAside) = (true, false)
        } else if chunk.usage == nil, let message = ReportedError(in: event)?.message {
            (aside, endsAside) = (message, true)
        }
        if let counted = chunk.usage, counted != .null { usage = counted }
        finishReason = chunk.finishReason ?? finishReason
        if chunk.isThought { hasBegun = true }
        if let text = chunk.whole { whole = text }
        guard let delta = chunk.delta?.joined(to: &half) else { return "" }
        return try add(text: delta)
    }

    private mutating func add(text delta: String) throws(PipelineError) -> String {
        if text?.append(delta) == nil { text = delta }
        guard text?.utf8.count ?? 0 <= StreamedAnswer.limit else {
            throw ModelError.badResponse("the answer has more than \(StreamedAnswer.limit) bytes")
        }
        return delta
    }

    /// Some small servers leave out the empty lines between events.
    private mutating func add(_ lines: [[UInt8]]) throws(PipelineError) -> String {
        var text = ""
        for line in lines where !isOver { text += try add(line) }
        return text
    }

    /// The events that the lines of one are; `nil` where they are none.
    private static func lines(of event: [UInt8]) -> [[UInt8]]? {
        let lines = event.split(separator: UInt8(ascii: "\n")).map(Array.init)
        return lines.count > 1 && lines.allSatisfy(isWhole) ? lines : nil
    }

    private static func isWhole(_ event: [UInt8]) -> Bool {
        if Word(event) != nil { return true }
        let isRead: Void? = try? JSONReader.read(event, leniency: .everything) { (reader) throws(JSONReader.Problem) in
            try reader.skip()
        }
        return isRead != nil
    }

    /// Takes what stands at the end of a stream without the empty line that ends an event.
    ///
    /// - Returns: The text that it adds; none where it was cut off.
    mutating func addLast(_ event: [UInt8]) throws(PipelineError) -> String {
        guard StreamedAnswer.isWhole(event) || StreamedAnswer.lines(of: event) != nil else { return "" }
        return try add(event)
    }

    /// What an event says whose name is `error`.
    func failure(_ event: [UInt8]) -> PipelineError {
        failure(ReportedError(in: event) ?? ReportedError(), event)
    }

    private func failure(_ error: ReportedError, _ event: [UInt8]) -> PipelineError {
        ModelError.reported(error, "the API ended the stream with an error", in: event, reason)
    }

    /// The text that is left at the end: what was half a character, or all of an answer that came as one event.
    package mutating func end() -> String {
        var rest = TextPiece.end(of: &half)
        if isWhole, rest.isEmpty, text?.isEmpty ?? true, let all = whole.take() { rest = all.closed }
        if !rest.isEmpty { text = (text ?? "") + rest }
        return rest
    }

    /// The whole answer.
    ///
    /// - Throws: ``PipelineError`` where the stream ended before it.
    package func completion() throws(PipelineError) -> Completion {
        // Some APIs leave [DONE] out.
        // An end behind a message and without a reason is not the answer's.
        guard isWhole, !endsAside || finishReason != nil else {
            throw ModelError.unavailable("the stream broke off" + (aside.map { ": \(reason.shortened($0))" } ?? ""))
        }
        guard hasPieces else { throw ModelError.badResponse("the stream has no answer") }
        try FinishReason.check(finishReason, of: text)
        // As of an answer that comes whole: the model asked for tools, or refused.
        guard let text else {
            throw ModelError.badResponse(
                "the answer has no text" + (finishReason.map { " (\(reason.shortened($0)))" } ?? ""))
        }
        return Completion(
            text: text, tokensUsed: tokensUsed, response: response(text),
            finishReason: FinishReason.shown(finishReason))
    }

    private var tokensUsed: Int? {
        guard case .object(let counts) = usage else { return nil }
        return TokenCount.total(of: counts)
    }

    private func response(_ text: String) -> String {
        ChatAnswer.json(text, finishReason: finishReason, head: head.members, tail: usage.map { ("usage", $0.json) })
    }

    /// Events that are no JSON.
    private enum Word {
        case nothing, done

        init?(_ event: [UInt8]) {
            let word = event.drop { $0 <= 0x20 }
            if word.isEmpty {
                self = .nothing
            } else if word.starts(with: "[DONE]".utf8), word.dropFirst(6).allSatisfy({ $0 <= 0x20 }) {
                self = .done
            } else {
                return nil
            }
        }
    }
}
