import Pipeline

/// A queue under trial.
struct QueueTrial: Sendable {
    /// A rule that did not come to its end.
    struct TooLong: Error {}

    let make: @Sendable () -> any QueueStore

    func findings(for rule: QueueConformance) async throws -> [String] {
        switch rule {
        case .wholeMessages: try await comesOut(Self.message("hello"))
        case .unusualText: try await comesOut(Self.message("\u{0}\"\\\n\u{7f}\u{2028}é\u{301}👩‍👩‍👧 \r\n\t"))
        case .largeMessages: try await comesOut(Self.message(String(repeating: "0123456789abcdef", count: 16 << 10)))
        case .order: try await order()
        case .lanes: try await lanes()
        case .finished: try await finished()
        case .putBack: try await putBack()
        case .steps: try await steps()
        case .capacity: try await capacity()
        case .depth: try await depth()
        case .sessions: try await sessions()
        case .waking: try await waking()
        case .closing: try await closing()
        case .restart: try await restart()
        case .unfinished: try await unfinished()
        case .words: words()
        }
    }

    // MARK: - What the rules have in common

    static func message(_ prompt: String, of session: Session = Session()) -> Message {
        var message = Message(
            prompt: prompt, session: session, clientID: "c-1", metadata: ["a": .array([.int(1), .null])])
        message.completion = Completion(text: "answer to \(prompt)", tokensUsed: 7, response: #"{"x":"A"}"#)
        message[Field("mood")] = .string("good")
        return message
    }

    /// Opens the resource for as long as `body` runs.
    func open<Value: Sendable>(_ body: (any QueueStore) async throws -> Value) async throws -> Value {
        let store = make()
        do {
            try await store.open(ResourceContext(name: "queue"))
            let value = try await body(store)
            await store.close()
            return value
        } catch {
            await store.close()
            throw error
        }
    }

    /// The queue of a step, while `body` runs.
    func queue<Value: Sendable>(
        capacity: Int? = nil, lanes: Int = 1, _ body: (any MessageQueue) async throws -> Value
    ) async throws -> Value {
        try await open { store in
            let queue = try await store.queue(
                for: "step", Queue.Options(capacity: capacity, lanes: lanes, pipeline: "trial"))
            let value = try await body(queue)
            queue.close()
            return value
        }
    }

    /// Hands a message over as a step does: without waiting where that can be.
    static func hand(_ message: Message, to queue: any MessageQueue) async throws -> Queue.PushOutcome {
        if let outcome = queue.pushWithoutWaiting(message) { return outcome }
        return try await queue.push(message)
    }

    static func push(_ messages: [Message], into queue: any MessageQueue) async throws -> [String] {
        for message in messages {
            let outcome = try await hand(message, to: queue)
            guard outcome == .accepted else { return ["it does not take a message: \(outcome)"] }
        }
        return []
    }

    /// So many messages of a lane, however they come.
    static func take(_ count: Int, from queue: any MessageQueue, lane: Int = 0) async -> [QueuedMessage] {
        var taken: [QueuedMessage] = []
        while taken.count < count {
            let batch = await queue.next(lane: lane, upTo: count - taken.count, lingering: .zero)
            if batch.isEmpty { break }
            taken += batch
        }
        return taken
    }

    static func check(_ isGood: Bool, _ finding: @autoclosure () -> String) -> [String] {
        isGood ? [] : [finding()]
    }

    static func prompts(_ messages: [QueuedMessage]) -> [String] { messages.map(\.message.prompt) }

    static func expect(_ found: [String], _ wanted: [String], _ what: String) -> [String] {
        check(
            found == wanted,
            "\(what): \(wanted.count) messages were to come, and \(found.count) came, or in another order")
    }
}
