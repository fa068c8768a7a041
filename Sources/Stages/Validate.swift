public import Pipeline
import Synchronization

/// Refuses a message that can't succeed, before it costs anything.
public struct Validate: OftenImmediateStage, BoundedStage {
    public static let name = "validate"
    public static let summary = "Checks that the prompt is acceptable and that resources are ready."
    public static let example = "- validate: {max_length: 8000}"

    /// The resources that must be ready.
    @Uses("The resources that must be ready, by name; all of the file's where this is left out.")
    public var resources: [any Resource]

    /// The longest prompt.
    @Setting("The longest prompt, in Unicode scalars; no limit but the connection's where this is left out.", in: 1...)
    public var maxLength: Int?

    @State private var alternatives = KnownAlternatives()
    @State private var changing = Lazy<ChangingResources>()

    public init() {}

    /// A check with a limit on prompts.
    public init(maxLength: Int?) {
        self.maxLength = maxLength
    }

    public var requires: Fields { [.prompt] }

    public var longestRun: Duration? { resources.reduce(.zero) { $0 + $1.longestRefresh } }

    public func open(_ context: StageContext) { alternatives.take(context.alternatives) }

    public func run(_ message: inout Message) async throws {
        for resource in resources where !resource.isHealthFresh { await resource.refreshHealth() }
        for (index, resource) in resources.enumerated() {
            if let error = resource.health.error { try check(error, of: index) }
        }
        try checkPrompt(of: message)
    }

    public func runWithoutWaiting(_ message: inout Message) throws -> Bool {
        let areFresh = try changing.lend({ ChangingResources(resources) }) { changing in
            for (index, resource) in changing.all {
                guard resource.isHealthFresh else { return false }
                if let error = resource.health.error { try check(error, of: index) }
            }
            return true
        }
        guard areFresh else { return false }
        try checkPrompt(of: message)
        return true
    }

    /// A model in whose place others answer is as good as one that is ready.
    private func check(_ error: PipelineError, of index: Int) throws {
        let names = _resources.names
        let name = names.indices.contains(index) ? names[index] : ""
        if alternatives.standIns(for: name) == nil { throw error }
    }

    private func checkPrompt(of message: Message) throws {
        let prompt = message.prompt
        if prompt.utf8.allSatisfy({ $0 == 0x20 || (0x09...0x0D).contains($0) }) {
            throw PipelineError(.invalidMessage, "The prompt is empty")
        }
        // PostgreSQL can't store U+0000 in text, so no pipeline takes it.
        if prompt.holds(byte: 0) {
            throw PipelineError(.invalidMessage, "The prompt holds a character that can't be stored (U+0000)")
        }
        // A scalar has at least one byte, so most prompts need no counting.
        guard let maxLength, prompt.utf8.count > maxLength else { return }
        if prompt.unicodeScalars.count > maxLength {
            throw PipelineError(.tooLong, "The prompt is longer than \(maxLength) characters")
        }
    }
}

/// The resources that are not always ready, with their indices among all.
private final class ChangingResources: Sendable {
    let all: [(index: Int, resource: any Resource)]

    init(_ resources: [any Resource]) {
        all = resources.enumerated().filter { !($0.element is any PromptModel) }.map { ($0.offset, $0.element) }
    }
}

/// The models of the chain that answer in place of others, once it is open.
private final class KnownAlternatives: Sendable {
    private let known = Mutex<ModelAlternatives?>(nil)

    func take(_ alternatives: ModelAlternatives) { known.withLock { $0 = alternatives } }

    func standIns(for name: String) -> [String]? { known.withLock(\.self)?.standIns(for: name) }
}

extension Validate: Guaranteeing {
    public var guarantees: [Guarantee] {
        let names = _resources.names
        let ready = names.map { name in
            Guarantee(
                "ready resource", "refuses messages while '\(name)' is not ready", .level(1),
                otherwise: "takes messages while '\(name)' is not ready", refuses: true, of: name)
        }
        let plain = Guarantee(
            "empty prompts", "refuses prompts that are empty or can't be stored", .level(1),
            otherwise: "empty prompts are taken", refuses: true)
        return ready + [plain]
            + (maxLength.map {
                [
                    Guarantee(
                        "longest prompt", "refuses prompts longer than \($0) characters", .atMost(Double($0)),
                        otherwise: "takes prompts as long as the connection does", refuses: true)
                ]
            } ?? [])
    }
}
