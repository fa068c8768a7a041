public import Pipeline

/// Where messages come in: the path of the WebSocket and what is spoken on it.
public struct Receive: EntryStage, ImmediateStage, BoundedStage {
    public static let name = "receive"
    public static let summary = "Takes messages from clients, by WebSocket and by POST."
    public static let example = "- receive: {path: /ws, format: text}"

    /// Where clients connect.
    @Setting("Where clients connect.", problem: EntryPath.problem) public var path = "/ws"

    /// What is spoken where the client doesn't choose with `?format=`.
    @Setting("The format for clients that don't choose one with ?format=.") public var format = Message.Format.text

    /// How many messages of one connection are worked on at once.
    @Setting("How many messages of a connection are worked on at once; answers leave in order.", in: 1...1_024)
    public var concurrency = 1

    /// What happens to messages whose client leaves before their answer.
    @Setting("What happens to messages whose client leaves before their answer.")
    public var onDisconnect = OnDisconnect.cancel

    /// For how long a message that comes again gets the answer it had.
    @Setting(
        "How long a message that comes again with the client's id gets its first answer; stored: by the table.")
    public var remember = Remember.memory(.seconds(600))

    public init() {}

    /// An entry at a path.
    public init(path: String, format: Message.Format = .text) {
        self.path = path
        self.format = format
    }

    public var provides: Fields { [.prompt] }

    public var longestRun: Duration? { .zero }

    public func run(_ message: inout Message) throws {}
}

extension Receive: ChainDependentStage {
    package func problem(among stages: [any Stage]) -> String? {
        guard remember == .stored else { return nil }
        guard let persist = stages.firstIndex(where: { $0 is any StoringStage }) else {
            return
                "'remember: stored' looks for answers in the table of a 'persist' stage, and there is none; add one, or "
                + "give a time, as in 'remember: 10m'"
        }
        let changing = stages[..<persist].first { !($0 is any EntryStage) && $0.provides.contains(.prompt) }
        return changing.map {
            "'remember: stored' compares what is asked with what is stored, but '\(type(of: $0).name)' changes the prompt "
                + "before 'persist' stores it; put it below, or give a time, as in 'remember: 10m'"
        }
    }
}

extension Receive: Guaranteeing {
    public var guarantees: [Guarantee] {
        [
            Guarantee(
                "order",
                concurrency == 1
                    ? "works on the messages of a connection one after the other"
                    : "works on \(concurrency) messages of a connection at once; their answers leave in order",
                .level(concurrency == 1 ? 1 : 0), otherwise: "messages have no order"),
            Guarantee(
                "messages that come again", remember.words, .level(remember.rank),
                otherwise: "works on a message again that comes again"),
            Guarantee(
                "clients that leave", onDisconnect.words, .levels(onDisconnect.ranks),
                otherwise: "messages of clients that leave end"),
        ]
    }
}

extension Remember {
    fileprivate var words: String {
        switch self {
        case .off: "works on a message again that comes again"
        case .memory(let time):
            "gives a message that comes again within \(time.words) the answer it had"
        case .stored: "gives a message that comes again the answer that is stored, after a restart and on any host"
        }
    }

    fileprivate var rank: Double {
        switch self {
        case .off: 0
        case .memory(let time): time.inSeconds
        case .stored: .infinity
        }
    }
}

extension OnDisconnect {
    fileprivate var words: String {
        switch self {
        case .cancel: "messages of clients that leave end where they are; what was answered is stored"
        case .finish: "messages of clients that leave are worked on to their end"
        case .hold(let time, let shared):
            "messages of clients that leave are worked on to their end, and the session is kept for "
                + "\(time.words)\(shared == nil ? "" : ", on any host")"
        }
    }

    fileprivate var ranks: [Double] {
        switch self {
        case .cancel: [0, 0, 0]
        case .finish: [1, 0, 0]
        case .hold(let time, let shared): [1, time.inSeconds, shared == nil ? 0 : 1]
        }
    }
}
