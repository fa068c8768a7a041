import Pipeline

/// Your own way in: a line protocol over `POST`, beside JSON over WebSocket. A request's body has lines `NAME: TEXT`:
///
///     user: ada
///     topic: sums
///     ask: What is 2+2?
///
/// and its answer has lines, too: `answer: 4` and `tokens: 1`, or `error: too_long The prompt is longer than …`.
struct Lines: TranslatingEntryStage, ImmediateStage {
    static let name = "lines"
    static let summary = "Takes messages as lines of text by POST, and as JSON over WebSocket."

    @Setting("Where clients connect.", problem: EntryPath.problem) var path = "/lines"

    var format: Message.Format { .json }
    var provides: Fields { [.prompt] }
    var contentType: String { "text/plain; charset=utf-8" }

    func request(in body: String) throws -> EntryRequest {
        var request = EntryRequest(prompt: "")
        for line in body.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else {
                throw PipelineError(.invalidMessage, "A line is a name, ':' and a text")
            }
            let text = String(line[line.index(after: colon)...].drop { $0 == " " })
            switch line[..<colon] {
            case "ask": request.prompt = text
            case "user": request.username = text
            case "id": request.id = text
            case let name: request.metadata[String(name)] = .string(text)
            }
        }
        return request
    }

    func text(of answer: EntryRequest.Answer) -> String {
        switch answer {
        case .answer(let text, let tokens):
            // What follows belongs to the line that it is indented below.
            "answer: \(text.replacing("\n", with: "\n  "))\n" + (tokens.map { "tokens: \($0)\n" } ?? "")
        case .failure(let code, let message): "error: \(code) \(message)\n"
        }
    }

    func run(_ message: inout Message) throws {}
}
