import HTTPClient
package import Pipeline

/// What is read of an API's response that comes in one piece; the whole of it is kept as text.
package struct ChatResponse {
    private var hasChoices = false
    /// How many choices there are; only the first counts.
    private var choices = 0
    private var hasMessage = false
    private var text: String?
    private var finishReason: String?
    private var tokensUsed: Int?
    private var error: ReportedError?
    private var isRepaired = false

    /// The answer of a response, which may also be a stream of events, whatever was asked for.
    ///
    /// - Throws: `model_bad_response` where there is none, and the error that the API says it has instead.
    package static func completion(
        from body: [UInt8], hiding reason: ReportedReason = ReportedReason()
    ) throws(PipelineError) -> Completion {
        var reader = AnswerReader(hiding: reason, isStreamed: false)
        try reader.append(body)
        try reader.end()
        while try reader.next() != nil {}
        return try reader.completion()
    }

    /// The answer of a body that is JSON.
    static func answer(in body: [UInt8], _ reason: ReportedReason) throws(PipelineError) -> Completion {
        var response = ChatResponse()
        do throws(JSONReader.Problem) {
            try JSONReader.read(body, leniency: .everything) { (reader) throws(JSONReader.Problem) in
                try response.read(&reader)
                response.isRepaired = reader.isRepaired
            }
        } catch {
            throw response.unreadable(body, error, reason)
        }
        try response.checkError(body, reason)
        guard response.hasChoices else { throw ModelError.badResponse("'choices' is missing in the response") }
        guard response.choices > 0 else { throw ModelError.badResponse("the response has no choices") }
        try FinishReason.check(response.finishReason, of: response.text)
        guard response.hasMessage else { throw ModelError.badResponse("'message' is missing in the response") }
        guard let text = response.text else {
            throw ModelError.badResponse(
                "the response has no text" + (response.finishReason.map { " (\(reason.shortened($0)))" } ?? ""))
        }
        return Completion(
            text: text, tokensUsed: response.tokensUsed, response: response.stored(body),
            finishReason: FinishReason.shown(response.finishReason))
    }

    private mutating func read(_ reader: inout JSONReader) throws(JSONReader.Problem) {
        try reader.members { (reader, key) throws(JSONReader.Problem) in
            switch key {
            case "choices" where !hasChoices:
                hasChoices = true
                if try reader.takesNull() { return }
                try reader.array { (reader) throws(JSONReader.Problem) in try readChoice(&reader) }
            case "usage":
                tokensUsed = try TokenCount.total(of: reader.members([TokenCount.key]))
            case "error" where error == nil: try readError(&reader)
            default: try reader.skip()
            }
        }
    }

    private mutating func readChoice(_ reader: inout JSONReader) throws(JSONReader.Problem) {
        choices += 1
        guard choices == 1 else { return try reader.skip() }
        try reader.members { (reader, key) throws(JSONReader.Problem) in
            switch key {
            case "message" where !hasMessage:
                if try reader.takesNull() { return }
                hasMessage = true
                var hasContent = false
                try reader.members { (reader, key) throws(JSONReader.Problem) in
                    guard "content" ~= key, !hasContent else { return try reader.skip() }
                    hasContent = true
                    text = try reader.content()?.closed
                }
            case "finish_reason": finishReason = try FinishReason.read(&reader)
            case "error" where error == nil: try readError(&reader)
            default: try reader.skip()
            }
        }
    }

    /// An error that says nothing is none.
    private mutating func readError(_ reader: inout JSONReader) throws(JSONReader.Problem) {
        var reported = ReportedError()
        let value = reader
        guard try reader.skipsSomething() else { return }
        reader = value
        try reported.read(&reader, key: "error")
        error = reported
    }

    /// Some APIs say what went wrong with a status that says nothing did.
    private func checkError(_ body: [UInt8], _ reason: ReportedReason) throws(PipelineError) {
        let how = "the API answered"
        if let error {
            // What was said so far is nobody's business but the client's.
            throw ModelError.reported(error, how, in: text?.isEmpty ?? true ? body : [], reason)
        }
        guard choices == 0, let error = ReportedError(in: body), error.message != nil || error.isNamedError else {
            return
        }
        throw ModelError.reported(error, how, in: body, reason)
    }

    private func unreadable(
        _ body: [UInt8], _ problem: JSONReader.Problem, _ reason: ReportedReason
    ) -> PipelineError {
        let text = "the API's response is not the JSON it should be: \(problem)"
        // Nor is an answer that came to this half.
        guard !hasChoices else { return ModelError.badResponse(text) }
        if let error = ReportedError(in: body), error.message != nil || error.isNamedError {
            return ModelError.reported(error, "the API answered", in: body, reason)
        }
        guard !body.contains("\"choices\"".utf8), let said = reason.beginning(of: body) else {
            return ModelError.badResponse(text)
        }
        return ModelError.badResponse("\(text): \(said)")
    }

    /// The whole as it came, but for what no database would take.
    private func stored(_ body: [UInt8]) -> String? {
        if !isRepaired, let text = body.withUnsafeBytes({ String(strictUTF8: $0) }) { return text }
        return try? JSONReader.repaired(body)
    }
}
