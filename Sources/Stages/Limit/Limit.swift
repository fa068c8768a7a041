public import Pipeline
import Resources
import Synchronization

/// Refuses messages of clients that send too many, or have used up their tokens.
public struct Limit: OftenImmediateStage, BoundedStage {
    public static let name = "limit"
    public static let summary = "Limits how many messages a client may send, and how many tokens a user may use."
    public static let example = "- limit: {per: address, messages: 20, every: 1m}"

    /// Who shares a limit.
    public enum Scope: String, CaseIterable, SettingValue {
        /// Each conversation has its own.
        case session
        /// Each user: who was authenticated, or the name that a client gives.
        case user
        /// Each address that clients connect from.
        case address
    }

    /// Who shares a limit of messages.
    @Setting("Who shares the limit of messages.") public var per = Scope.session

    /// How many messages.
    @Setting("How many messages in that time; so many may come at once.", in: 1...) public var messages: Int?

    /// In what time.
    @Setting("The time in which so many messages may come.", in: .milliseconds(1)...)
    public var every: Duration = .seconds(60)

    /// How many tokens a user may use.
    @Setting("How many tokens a user may use in a period, counted from the table.", in: 1...) public var tokens: Int?

    /// The period of tokens.
    @Setting(
        "The period; the first began at midnight UTC of 1970-01-01, so that 24h ends at midnight.", in: .seconds(1)...)
    public var period: Duration = .seconds(86_400)

    /// Where tokens are counted.
    @Uses("Where tokens are counted.") public var database: (any RowStore)?

    /// The table's name.
    @Setting("The table's name.", problem: TableName.problem) public var table = "requests"

    /// By what several hosts keep the limits together.
    @Uses("The resource, of type nats, by which all hosts keep the limits together.", onlyNamed: true)
    package var shared: (any SharedStore)?

    @State private var buckets = TokenBuckets()
    @State private var budget = Budget()

    /// The accounts, which are there from the opening on.
    private final class Budget: Sendable {
        let ledger = Mutex<TokenLedger?>(nil)
        let together = Mutex<(buckets: SharedBuckets?, ledger: SharedLedger?)>((nil, nil))
    }

    public init() {}

    /// A limit of messages in a time.
    public init(per scope: Scope, messages: Int, every time: Duration = .seconds(60)) {
        per = scope
        self.messages = messages
        every = time
    }

    public var requires: Fields { [.prompt] }

    /// Besides, a message that may not fit a budget waits for answers to those of its user before it.
    public var longestRun: Duration? {
        let outages = shared == nil ? .zero : SharedOutage.patience + SharedOutage.longestTry
        return (tokens == nil ? .zero : database?.longestLookUp).map { $0 + outages }
    }

    public func open(_ context: StageContext) async throws {
        if let problem { throw PipelineError(.stageFailed, problem) }
        if let messages, let link = shared?.link {
            let name = SharedBuckets.name([context.pipeline, context.label])
            let buckets = SharedBuckets(link, name: name, capacity: messages, every: every)
            budget.together.withLock { $0.buckets = buckets }
        }
        guard tokens != nil, let database else { return }
        try await database.prepare(table: table)
        let ledger = TokenLedger.shared(for: database, table: table, period: period)
        ledger.watch(context.pending)
        budget.ledger.withLock { $0 = ledger }
        guard let link = shared?.link else { return }
        let name = SharedBuckets.name([context.pipeline, table, "\(period.components.seconds)"])
        let together = SharedLedger(link, hosts: try SharedHosts(link), name: name, period: period, own: ledger)
        budget.together.withLock { $0.ledger = together }
    }

    public func run(_ message: inout Message) async throws {
        if let together = budget.together.withLock(\.buckets) {
            let (kind, text) = client(of: message.session)
            // What other hosts know the client by.
            let verdict = await together.take(ClientKey(kind, text), name: "\(kind) \(text)")
            try Task.checkCancellation()
            try check(verdict, of: message)
        } else {
            try checkRate(of: message)
        }
        try await checkBudget(of: &message)
    }

    public func runWithoutWaiting(_ message: inout Message) throws -> Bool {
        guard tokens == nil else { return false }
        if shared != nil, let together = budget.together.withLock(\.buckets) {
            guard let verdict = together.takeAtOnce(key(of: message)) else { return false }
            try check(verdict, of: message)
            return true
        }
        try checkRate(of: message)
        return true
    }

    /// Where other hosts can't be asked this one keeps the limit by itself.
    private func check(_ verdict: SharedBuckets.Verdict, of message: Message) throws(PipelineError) {
        switch verdict {
        case .admitted: break
        case .refused(let wait): throw refusal(for: wait)
        case .contended:
            throw PipelineError(.busy, "Other hosts are busy with messages of this client", isRetryable: true)
        case .away: try checkRate(of: message)
        }
    }

    private func checkRate(of message: Message) throws(PipelineError) {
        guard let messages, let wait = buckets.take(key(of: message), capacity: messages, every: every) else {
            return
        }
        throw refusal(for: wait)
    }

    private func refusal(for wait: Duration) -> PipelineError {
        var error = PipelineError(
            .rateLimited, "Too many messages; try again in \(wait.roundedUp)", isRetryable: true)
        error.retryAfter = wait
        return error
    }

    private func checkBudget(of message: inout Message) async throws {
        guard let tokens, let database, let ledger = budget.ledger.withLock(\.self) else { return }
        let user = Row.User(message.session)
        let window: () -> Window = { Window(of: .now, period: period) }
        let ask: (Window) async throws -> Int = { window in
            try await database.tokensUsed(by: user, since: window.start, in: table)
        }
        let claim: (any MessageClaim)? =
            if let together = budget.together.withLock(\.ledger) {
                try await together.admit(message, user, to: tokens, in: window, ask)
            } else {
                try await ledger.admit(message, user, to: tokens, in: window, ask)
            }
        if let claim {
            if !message.claims.contains(where: { $0 === claim }) { message.claims.append(claim) }
            return
        }
        let wait = window().left
        var error = PipelineError(
            .budgetSpent, "The tokens for this period are used up; there are more in \(wait.roundedUp)",
            isRetryable: true)
        error.retryAfter = wait
        throw error
    }

    private func key(of message: Message) -> ClientKey {
        let (kind, text) = client(of: message.session)
        return ClientKey(kind, text)
    }

    /// Who shares the limit.
    private func client(of session: Session) -> (ClientKey.Kind, String) {
        switch per {
        case .session: return (.session, session.id)
        case .user:
            if let id = session.userID { return (.id, id) }
            // Who says no name shares none with all the others who don't.
            if session.username != Session.anonymous { return (.name, session.username) }
        case .address: break
        }
        guard let text = session.address else { return (.session, session.id) }
        return (.address, IPAddress(text)?.network.description ?? text)
    }
}

extension Limit: ChainDependentStage {
    package func problem(among stages: [any Stage]) -> String? { problem }

    package func doubt(among stages: [any Stage]) -> String? { missedTable(among: stages) }

    /// Why it can't work; `nil` where it can.
    private var problem: String? {
        if messages == nil, tokens == nil {
            return "'limit' limits nothing: give it 'messages' or 'tokens', as in limit: {messages: 20, every: 1m}"
        }
        return tokens != nil && database == nil
            ? "'limit' counts tokens in a database, and 'resources' has none; add 'database: {sqlite: {…}}'" : nil
    }
}

extension Limit: TableReader {
    var tableToRead: String? { tokens == nil ? nil : table }

    var databaseNames: [String] { _database.names }
}

extension Limit: NameCountingStage {
    package var countsByName: String? {
        if messages != nil, per == .user { return "'per: user'" }
        return tokens == nil ? nil : "'tokens'"
    }
}

extension Limit: WaitingStage {
    package var waits: String? {
        tokens == nil
            ? nil
            : "while answers to earlier messages of the same user are on their way that may use its tokens up, each with a "
                + "bound like this one"
    }
}

extension Duration {
    /// In the largest unit that says it well, never too short.
    fileprivate var roundedUp: String {
        let seconds = components.seconds + (components.attoseconds > 0 ? 1 : 0)
        if seconds <= 120 { return "\(max(1, seconds))s" }
        return seconds <= 7_200 ? "\((seconds + 59) / 60)m" : "\((seconds + 3_599) / 3_600)h"
    }
}

extension Limit: Guaranteeing {
    public var guarantees: [Guarantee] {
        var all: [Guarantee] = []
        if let messages {
            let rate = Double(messages) / every.inSeconds
            all.append(
                Guarantee(
                    "messages", "takes \(messages) messages in \(every.words) per \(per.rawValue)",
                    // A client has as many sessions as it likes.
                    .levels([-Double(messages), -rate, per == .session ? 0 : 1]),
                    otherwise: "takes any number of messages", refuses: true))
        }
        if let tokens {
            let rate = Double(tokens) / period.inSeconds
            all.append(
                Guarantee(
                    "tokens", "lets a user have \(tokens) tokens in \(period.words)",
                    .levels([-Double(tokens), -rate]), otherwise: "lets a user have any number of tokens", refuses: true
                ))
        }
        return all
    }
}
