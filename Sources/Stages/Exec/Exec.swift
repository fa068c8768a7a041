public import Pipeline

/// Lets the user's own program work on messages: a pool of processes that read and write JSON lines.
///
/// What goes over the pipes is written down in `docs/exec.md`.
public struct Exec: StreamingStage, BoundedStage {
    public static let name = "exec"
    public static let summary =
        "Runs a program of your own, in any language, on messages: it reads and writes JSON lines."
    public static let example = "- exec: {command: [cat], timeout: 5s}   # your own program; 'cat' changes nothing"

    /// The program and its arguments.
    @Setting("The program and its arguments; it runs in the host's working directory.") public var command: Command

    /// The fields that it gets.
    @Setting(
        "The fields that it gets: prompt, completion, history, tokens_used, finish_reason, session.username, metadata.KEY, or those of other stages."
    )
    public var reads = [ReadField(.prompt)]

    /// The fields that it sets.
    @Setting(
        "The fields that it sets: prompt, completion, history or new names; of metadata.KEY, tokens_used and finish_reason those that it knows."
    )
    public var writes = [WrittenField(.prompt)]

    /// Whether the answer comes in pieces.
    @Setting("Whether it may write an answer in pieces, which 'respond: {stream: true}' sends as they come.")
    public var stream = false

    /// What it is told besides the message.
    @Setting("Settings of its own, of any kind; it gets them with each message.")
    public var settings: [String: JSONSetting] = [:]

    /// Variables of its environment.
    @Setting(
        "Variables of its environment, besides \(ProgramEnvironment.inherited.joined(separator: ", ")): it has no others."
    )
    public var environment: [String: Secret] = [:]

    /// How many processes of it run.
    @Setting("How many processes of it run.", in: 1...256) public var processes = 2

    /// How many messages one process works on at once.
    @Setting("How many messages one process works on at once.", in: 1...1_024) public var concurrency = 1

    /// How long a message may take.
    @Setting(
        "How long it may work on a message, and a message wait for it; a process that takes longer is killed.",
        in: .milliseconds(1)...) public var timeout: Duration = .seconds(30)

    /// How much CPU time a message may take.
    @Setting("The CPU time that a message may take; a process that takes more is killed.", in: .milliseconds(100)...)
    public var cpu: Duration?

    /// How much memory a process may have.
    @Setting("The memory that each process may have for its data.", in: .mebibytes(1)...) public var memory: ByteSize?

    /// The longest line that it may write.
    @Setting(
        "The longest line that it may write, and the longest answer in pieces.", in: .kibibytes(1) ... .mebibytes(256))
    public var maxLine = ByteSize.mebibytes(1)

    /// How often an idle process is asked for a sign of life.
    @Setting(
        "How often an idle process is pinged; one that does not answer for that long is replaced.",
        in: .milliseconds(10)...) public var heartbeat: Duration?

    @State private var made = Lazy<Made>()

    /// What every message needs. Making it starts nothing.
    private final class Made: Sendable {
        let pool: ProgramPool
        let request: RequestLine
        let contract: AnswerContract

        init(pool: ProgramPool, request: RequestLine, contract: AnswerContract) {
            (self.pool, self.request, self.contract) = (pool, request, contract)
        }
    }

    public init() {}

    /// A program with its arguments.
    public init(
        command: Command, reads: [String] = ["prompt"], writes: [String] = ["prompt"], stream: Bool = false
    ) {
        self.command = command
        self.reads = reads.map { ReadField(FieldPath($0)) }
        self.writes = writes.map { WrittenField(FieldPath($0)) }
        self.stream = stream
    }

    /// Tokens can be counted of an answer that is there.
    public var requires: Fields {
        var fields = Fields(reads.compactMap(\.path.field))
        fields.formUnion(writes.map(\.path).requiredToWrite)
        return fields
    }

    /// There is always a prompt, so that who rewrites it provides nothing new.
    public var provides: Fields { Fields(writes.compactMap(\.path.provided).filter { $0 != .prompt }) }

    public var sendsDeltas: Bool { stream }

    /// Waiting for a process, and then its work.
    public var longestRun: Duration? { timeout * 2 }

    public func open(_ context: StageContext) async throws {
        try await parts.pool.start(logger: context.logger)
    }

    public func run(_ message: inout Message) async throws {
        let parts = parts
        if stream {
            try await runInPieces(&message, parts)
        } else {
            let answer = try await parts.pool.answer(to: parts.request.text(for: message))
            try parts.contract.apply(answer, to: &message)
        }
        if provides.contains(.completion) { message.settleClaims() }
    }

    private func runInPieces(_ message: inout Message, _ parts: Made) async throws {
        // A client that takes little holds up the process for no longer than a program that says little.
        let deadline = EngineTime.now + timeout * 2
        let line = parts.request.text(for: message, streams: message.deltas != nil)
        var text = ""
        let answer = try await parts.pool.answer(to: line) { [message] piece in
            text += piece
            try await message.deltas?.send(piece, of: message, until: deadline, orThrow: Exec.late)
        }
        try parts.contract.apply(answer, after: text, to: &message)
    }

    private static var late: PipelineError {
        PipelineError(
            .timeout, "The message took too long", isRetryable: true,
            detail: "the client took too little of the answer, or it took too long to come")
    }

    public func close() async {
        await parts.pool.stop(within: ClosingTime.left(atMost: .seconds(2)))
    }

    private var parts: Made {
        made.value {
            Made(
                pool: ProgramPool(program, rules: rules, processes: processes),
                request: RequestLine(settings: settings.mapValues(\.value), reads: reads.map(\.path)),
                contract: AnswerContract(writes: writes.map(\.path)))
        }
    }

    private var program: Program {
        Program(
            command: command, environment: ProgramEnvironment(environment.mapValues(\.revealed)),
            memory: memory?.bytes ?? 0)
    }

    private var rules: ProgramRules {
        ProgramRules(
            concurrency: concurrency, timeout: timeout.nanoseconds, cpu: cpu?.nanoseconds,
            heartbeat: heartbeat?.nanoseconds, maxLine: maxLine.bytes, streams: stream)
    }
}

extension Exec: ChainDependentStage {
    package func problem(among stages: [any Stage]) -> String? {
        guard stream, !writes.contains(where: { $0.path == .completion }) else { return nil }
        return "'stream: true' is for pieces of an answer, and 'writes' doesn't name 'completion'; "
            + "write 'writes: [completion]', or take 'stream' away"
    }
}

extension Exec: SupervisedStage {
    public var health: Health { parts.pool.health }
}

extension Exec: Guaranteeing {
    public var guarantees: [Guarantee] {
        let time = cpu.map { limit in
            Guarantee(
                "CPU time",
                "a process that takes more than \(limit.settingText ?? "\(limit)") of CPU time for a message is killed",
                .atMost(limit), otherwise: "a message may take any CPU time")
        }
        let data = memory.map { limit in
            Guarantee(
                "memory", "each process has at most \(limit.settingText ?? "\(limit)") for its data",
                .atMost(Double(limit.bytes)), otherwise: "its processes may take any memory")
        }
        return [time, data].compactMap(\.self)
    }
}
