import HTTPClient
package import Pipeline

/// Takes an answer out of a response's body as it comes: events, or JSON in one piece. The body's beginning decides which,
/// not its label.
///
/// ```swift
/// try reader.append(bytes)
/// while let delta = try reader.next() { … }
/// ```
package struct AnswerReader {
    private enum Form {
        case unknown, events, whole
    }

    private var form = Form.unknown
    private let reason: ReportedReason
    /// The beginning of what may be events, the whole of what is none.
    private var body: [UInt8] = []
    private var parser: ServerSentEvents
    private var events: ArraySlice<ServerSentEvent> = []
    private var answer: StreamedAnswer
    private var hasEvents = false
    private var rest: [UInt8]?
    private let isStreamed: Bool
    private var hasEnded = false
    private var completed: Completion?

    /// - Parameters:
    ///   - reason: What the log may say of an error.
    ///   - isStreamed: Whether it comes piece by piece: an event may have so many bytes then, not the whole.
    package init(hiding reason: ReportedReason = ReportedReason(), isStreamed: Bool = true) {
        self.reason = reason
        answer = StreamedAnswer(hiding: reason)
        self.isStreamed = isStreamed
        parser = isStreamed ? ServerSentEvents() : ServerSentEvents(limit: .max)
    }

    /// Whether nothing more is to come.
    package var isOver: Bool { answer.isOver && events.isEmpty }

    /// Whether the text is whole, so that a connection which breaks off takes nothing away.
    package var isWhole: Bool { answer.isWhole }

    /// Whether the model thinks, of which clients hear nothing.
    package var isThinking: Bool { answer.hasBegun }

    /// Takes the bytes that come next; all text of those before must have been taken.
    ///
    /// - Throws: `model_bad_response` where it is too much.
    package mutating func append(_ bytes: [UInt8]) throws(PipelineError) {
        try bytes.withUnsafeBufferPointer { (bytes) throws(PipelineError) in
            try append(UnsafeRawBufferPointer(bytes))
        }
    }

    /// Takes the bytes that come next from where they are.
    mutating func append(_ bytes: UnsafeRawBufferPointer) throws(PipelineError) {
        if form == .unknown {
            body += bytes
            decide()
            guard form == .events else { return }
            let body = body
            try body.withUnsafeBufferPointer { (body) throws(PipelineError) in
                try parse(UnsafeRawBufferPointer(body))
            }
            keepBeginning()
            return
        }
        guard form == .whole else {
            try parse(bytes)
            if !body.isEmpty {
                body += bytes
                keepBeginning()
            }
            return
        }
        body += bytes
        guard body.count <= StreamedAnswer.limit else {
            throw ModelError.badResponse("the response has more than \(StreamedAnswer.limit) bytes")
        }
    }

    /// So much of what may be no events as the log shows.
    private mutating func keepBeginning() {
        if hasEvents {
            body = []
        } else if body.count > 1_024 {
            body.removeSubrange(1_024...)
        }
    }

    private mutating func parse(_ bytes: UnsafeRawBufferPointer) throws(PipelineError) {
        do throws(HTTPClientError) {
            events = try parser.read(bytes)[...]
            if !events.isEmpty { hasEvents = true }
        } catch {
            throw ModelError.badResponse(error.description)
        }
    }

    private mutating func decide() {
        var beginning = body[...]
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        if beginning.starts(with: mark) {
            beginning = beginning.dropFirst(3)
        } else if mark.starts(with: beginning) {
            return
        }
        beginning = beginning.drop { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
        if beginning.isEmpty {
            // Spaces alone keep some connections open until the model answers.
            if body.count > 64 { body.removeSubrange(3..<body.count) }
        } else if AnswerReader.fields.contains(where: { beginning.starts(with: $0.utf8) }) {
            form = .events
            if body.count != beginning.count { body = Array(beginning) }
        } else if !AnswerReader.fields.contains(where: { $0.utf8.starts(with: beginning) }) {
            form = .whole
        }
    }

    /// What a stream of events begins with.
    private static let fields = ["data", ":", "event", "id", "retry", "error:"]

    /// The next text; `nil` where more must come first.
    ///
    /// - Throws: ``PipelineError`` for an error that the API sends, and for what is no answer.
    package mutating func next() throws(PipelineError) -> String? {
        while let event = events.popFirst() {
            if event.isError { throw answer.failure(event.data) }
            let delta = try answer.add(event.data)
            if answer.isOver { events = [] }
            if !delta.isEmpty { return delta }
        }
        guard hasEnded else { return nil }
        if let last = rest {
            rest = nil
            let delta = try answer.addLast(last)
            if !delta.isEmpty { return delta }
        }
        if form == .events {
            let delta = answer.end()
            return delta.isEmpty ? nil : delta
        }
        guard completed == nil else { return nil }
        let completion = try ChatResponse.answer(in: body, reason)
        completed = completion
        return completion.text
    }

    /// Says that nothing more comes. ``next()`` gives what is left, then ``completion()`` the whole.
    package mutating func end() throws(PipelineError) {
        hasEnded = true
        if form == .unknown { form = isStreamed ? .events : .whole }
        guard form == .events, !answer.isOver, let last = parser.finish() else { return }
        if last.isError { throw answer.failure(last.data) }
        rest = last.data
        hasEvents = true
    }

    /// The whole answer.
    ///
    /// - Throws: ``PipelineError`` where there is none.
    package func completion() throws(PipelineError) -> Completion {
        if let completed { return completed }
        if !hasEvents, let said = reason.beginning(of: body) {
            throw ModelError.unavailable("the stream broke off: \(said)")
        }
        return try answer.completion()
    }
}
