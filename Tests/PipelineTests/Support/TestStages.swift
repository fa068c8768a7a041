import Synchronization

@testable import Pipeline

/// Says that there is a prompt, as `receive` does.
struct Entry: EntryStage {
    static let name = "entry"
    var path: String { "/entry" }
    var provides: Fields { [.prompt] }
    func run(_ message: inout Message) async throws {}
}

/// Answers with the prompt.
struct Answer: Stage {
    static let name = "answer"
    var requires: Fields { [.prompt] }
    var provides: Fields { [.completion] }
    func run(_ message: inout Message) async throws { message.completion = Completion(text: message.prompt) }
}

/// Needs an answer, and sends it.
struct Reply: ReplyStage {
    static let name = "reply"
    var requires: Fields { [.completion] }
    func run(_ message: inout Message) async throws { message.reply?.answer(message) }
}

/// Runs what a test gives it.
struct Probe: Stage {
    static let name = "probe"
    @State var body: @Sendable (inout Message) async throws -> Void = { _ in }

    init() {}

    init(_ body: @escaping @Sendable (inout Message) async throws -> Void) {
        self.body = body
    }

    func run(_ message: inout Message) async throws { try await body(&message) }
}

/// Runs what a test gives it, for one message or several.
struct BatchProbe: BatchStage {
    static let name = "batch_probe"
    @State var body: @Sendable ([Message]) async throws -> Void = { _ in }

    init() {}

    init(_ body: @escaping @Sendable ([Message]) async throws -> Void) {
        self.body = body
    }

    func run(_ message: inout Message) async throws { try await body([message]) }
    func run(batch: [Message]) async throws { try await body(batch) }
}

/// Notes things that happen, in order, and lets a test wait until enough have.
final class Journal<Entry: Sendable>: Sendable {
    private struct State {
        var entries: [Entry] = []
        var waiting: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var entries: [Entry] { state.withLock(\.entries) }

    func note(_ entry: Entry) {
        let ready = state.withLock { state in
            state.entries.append(entry)
            let ready = state.waiting.filter { $0.count <= state.entries.count }
            state.waiting.removeAll { $0.count <= state.entries.count }
            return ready
        }
        for waiter in ready { waiter.continuation.resume() }
    }

    func wait(for count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.entries.count >= count { return true }
                state.waiting.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}

/// A door that a stage waits at until a test opens it.
final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            defer { state = (true, []) }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}

struct SomeError: Error {}

extension PipelineError {
    static let passing = PipelineError(.modelUnavailable, "not now", isRetryable: true)
}
