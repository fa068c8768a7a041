/// A stage that messages come in through: it stands first, once, and the host serves its path.
///
/// ```swift
/// struct Door: EntryStage {
///     static let name = "door"
///     @Setting("Where clients connect.", problem: EntryPath.problem) var path = "/door"
///     var provides: Fields { [.prompt] }
///     func run(_ message: inout Message) async throws {}
/// }
/// ```
public protocol EntryStage: Stage {
    /// Where clients connect, such as `/ws`. The host refuses one that it can't serve; see ``EntryPath``.
    var path: String { get }

    /// What is spoken with WebSocket clients that don't choose with `?format=`; text by default.
    var format: Message.Format { get }

    /// How many messages of one connection are worked on at once; one by default.
    var concurrency: Int { get }

    /// What happens to messages whose client leaves before their answer; by default they end.
    var onDisconnect: OnDisconnect { get }

    /// For how long a message that comes again with the client's id gets the answer it had; ten minutes by default.
    var remember: Remember { get }
}

extension EntryStage {
    /// Text.
    public var format: Message.Format { .text }

    /// One after the other.
    public var concurrency: Int { 1 }

    /// They end where they are.
    public var onDisconnect: OnDisconnect { .cancel }

    /// Ten minutes.
    public var remember: Remember { .memory(.seconds(600)) }
}

extension Message {
    /// How messages look on a connection.
    public enum Format: String, CaseIterable, SettingValue {
        /// Each frame is a prompt, an answer or an error's text.
        case text
        /// Each frame is a JSON object with a `type`.
        case json
    }
}

/// The paths that an ``EntryStage`` can have.
public enum EntryPath {
    /// Paths that the host serves itself.
    private static let reserved = ["/", "/console", "/healthz", "/readyz", "/metrics"]
    /// What paths that it serves itself begin with.
    private static let reservedFolders = ["/assets/", "/console/", "/sessions/"]

    /// What is wrong with a path, as the end of a sentence; `nil` where nothing is. For the setting's `problem`.
    public static let problem: @Sendable (String) -> String? = { path in
        let isPlain = path.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"?#%\"<>\\{}|^`".utf8.contains($0) }
        if !path.hasPrefix("/") || !isPlain { return "must be a path such as /ws" }
        let isReserved = reserved.contains(path) || reservedFolders.contains { path.hasPrefix($0) }
        return isReserved ? "can't be \(path): the host serves it" : nil
    }
}
