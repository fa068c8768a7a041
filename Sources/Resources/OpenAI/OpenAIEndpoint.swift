import HTTPClient
import Pipeline

/// Where the calls of an API go, and the header fields that all of them have: put together once, not for each call.
final class OpenAIEndpoint: Sendable, CustomReflectable {
    let url: String
    private let own: [(name: String, value: String)]
    /// Those of the file, which take the place of our own.
    private let more: [(name: String, value: String)]
    let headers: [(name: String, value: String)]

    init(_ url: String, key: Secret, _ headers: [String: Secret]) {
        self.url = url
        own = [
            ("Authorization", "Bearer \(key.revealed)"), ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"), ("User-Agent", "stagecoach"),
        ]
        more = headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value.revealed) }
        self.headers = OpenAIEndpoint.joined(own, more)
    }

    /// The same, and those that say which trace a call is a part of.
    func headers(with tracing: [(String, String)]) -> [(name: String, value: String)] {
        OpenAIEndpoint.joined(own + tracing, more)
    }

    private static func joined(
        _ own: [(name: String, value: String)], _ more: [(name: String, value: String)]
    ) -> [(name: String, value: String)] {
        own.filter { field in !more.contains { $0.name.lowercased() == field.name.lowercased() } } + more
    }

    /// Never the key.
    var customMirror: Mirror { Mirror(self, children: [:]) }
}
