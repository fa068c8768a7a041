package import Pipeline
import Synchronization

/// A pipeline file as it was read once, and where it is served. Where the file is read again another replaces it.
package final class ServedPipeline: Sendable {
    private struct State {
        var running = 0
        var onIdle: [CheckedContinuation<Void, Never>] = []
    }

    let name: String
    /// Where its messages come in, and how.
    let entry: EntrySettings
    let chain: Chain
    /// Whether a stage of the chain makes its answer in pieces, looked for once.
    let streams: Bool
    /// Where the chain stores, looked for once.
    let tables: [StoredTable]
    let meter: MessageMeter
    /// The file's index among those that are served.
    let index: Int
    /// Hears what is said; `nil` where nobody wants to know.
    let observer: (any ConversationObserver)?
    private let state = Mutex(State())

    package var path: String { entry.path }

    /// For how long a session is kept without a client; `nil` where none is.
    var retention: Duration? { if case .hold(let time, _) = entry.onDisconnect { time } else { nil } }
    /// By what its sessions are shared with other hosts; `nil` where they are not.
    let shared: (any SharedStore)?

    init(
        name: String, entry: some EntryStage, chain: Chain, index: Int = 0, observer: (any ConversationObserver)? = nil
    ) {
        (self.name, self.entry, self.chain, self.index) = (name, EntrySettings(entry), chain, index)
        self.observer = observer
        streams = chain.stages.contains(where: \.streams)
        tables = StoredTable.all(in: chain)
        if case .hold(_, let name?) = entry.onDisconnect {
            shared = chain.namedResources(of: (any SharedStore).self).first { $0.name == name }?.resource
        } else {
            shared = nil
        }
        meter = MessageMeter(pipeline: name)
    }

    /// `nil` for a chain that no message can enter, which no pipeline file builds.
    package convenience init?(_ file: PipelineFile, index: Int = 0, observer: (any ConversationObserver)? = nil) {
        guard let entry = file.chain.stages.first as? any EntryStage else { return nil }
        self.init(name: file.name, entry: entry, chain: file.chain, index: index, observer: observer)
    }

    /// How many messages wait in one of its stages.
    var running: Int { state.withLock(\.running) }

    /// Notes a message that waits in a stage, so that the stages stay open for it.
    func begin() { state.withLock { $0.running += 1 } }

    /// Notes the end of such a message.
    func end() {
        let waiting: [CheckedContinuation<Void, Never>] = state.withLock { state in
            state.running -= 1
            guard state.running == 0 else { return [] }
            defer { state.onIdle = [] }
            return state.onIdle
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns once no message is in a stage. Nothing may begin any more.
    package func waitUntilIdle() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                if state.running > 0 { state.onIdle.append(continuation) }
                return state.running == 0
            }
            if isIdle { continuation.resume() }
        }
    }
}

/// What the host asks of an entry stage for each message, asked once.
struct EntrySettings {
    let path: String
    let format: Message.Format
    let concurrency: Int
    let onDisconnect: OnDisconnect
    let remember: Remember
    /// The stage, where it says itself what requests by `POST` look like.
    let translator: (any TranslatingEntryStage)?

    init(_ stage: some EntryStage) {
        (path, format, concurrency) = (stage.path, stage.format, stage.concurrency)
        (onDisconnect, remember) = (stage.onDisconnect, stage.remember)
        translator = stage as? any TranslatingEntryStage
    }
}

/// What an event loop serves of a file now: the next message goes through it. Touched on that loop alone.
final class LoopPipeline {
    var current: ServedPipeline {
        didSet { uncounted = Uncounted(current) }
    }
    @exclusivity(unchecked) private var uncounted: Uncounted<ServedPipeline>

    init(_ current: ServedPipeline) {
        self.current = current
        uncounted = Uncounted(current)
    }

    /// Lends what is served now, which nothing replaces before `body` returns: that happens on the same loop.
    @inline(__always)
    func lend<Result>(to body: (ServedPipeline) -> Result) -> Result { uncounted.lend(to: body) }
}
