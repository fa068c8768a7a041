import Dispatch
package import Pipeline
import Synchronization

/// What hosts share, in the memory of one process: several ``SharedMemory`` links to one ``Hub`` are several hosts.
package final class Hub: Sendable {
    fileprivate struct State {
        var listeners: [String: [(id: Int, link: ObjectIdentifier, body: @Sendable ([UInt8], String?) -> Void)]] = [:]
        var values: [String: SharedValue] = [:]
        var former: [String: SharedValue] = [:]
        var next = 0
        var revision: UInt64 = 0
        var isDown = false
        var cut: Set<ObjectIdentifier> = []
        /// Messages on their way; delivered in order, one at a time.
        var queue: [(bytes: [UInt8], subject: String, reply: String?)] = []
        var isDelivering = false
        var passage: @Sendable (_ bytes: [UInt8], _ subject: String) -> Passage = { _, _ in .sent }
        var writing: @Sendable (_ values: String, _ key: String) -> Writing = { _, _ in .done }
        var isOld: @Sendable (_ values: String, _ key: String) -> Bool = { _, _ in false }
    }

    fileprivate let state = Mutex(State())
    private let thread = DispatchQueue(label: "hub")

    package init() {}

    /// What becomes of a message on its way.
    package enum Passage: Sendable {
        case sent
        case lost
        case twice
        /// It comes after what is sent meanwhile.
        case late(Duration)
    }

    /// What becomes of a value that is set.
    package enum Writing: Sendable {
        case done
        /// Nothing is set, and who sets it does not hear so.
        case failed
        /// It is set, and who sets it does not hear so.
        case unanswered
        /// The same, but it is set only later.
        case late(Duration)
        /// Somebody else is faster.
        case overtaken
    }

    /// Says what becomes of each message, and of each reply. Called on any thread.
    package func onMessage(_ passage: @escaping @Sendable (_ bytes: [UInt8], _ subject: String) -> Passage) {
        state.withLock { $0.passage = passage }
    }

    /// Says what becomes of each value that is set. Called on any thread.
    package func onWrite(_ writing: @escaping @Sendable (_ values: String, _ key: String) -> Writing) {
        state.withLock { $0.writing = writing }
    }

    /// Says whether a value is read as it was before it was set last, as from a server that lags. Called on any thread.
    package func onRead(_ isOld: @escaping @Sendable (_ values: String, _ key: String) -> Bool) {
        state.withLock { $0.isOld = isOld }
    }

    /// The keys of values, and what they hold.
    package func content(of values: String) -> [String: [UInt8]] {
        let prefix = "\(values) "
        let found = state.withLock { $0.values.filter { $0.key.hasPrefix(prefix) } }
        return Dictionary(uniqueKeysWithValues: found.map { (String($0.key.dropFirst(prefix.count)), $0.value.bytes) })
    }

    fileprivate func set(_ name: String, _ value: [UInt8], ifRevision revision: UInt64?) -> UInt64? {
        state.withLock { state in
            let found = state.values[name]
            guard revision == nil || found?.revision ?? 0 == revision else { return nil }
            state.revision += 1
            state.former[name] = found
            state.values[name] = SharedValue(value, revision: state.revision, setAt: .now)
            return state.revision
        }
    }

    /// Whether nothing gets through.
    package var isDown: Bool {
        get { state.withLock(\.isDown) }
        set { state.withLock { $0.isDown = newValue } }
    }

    /// How many times a value was set.
    package var revision: UInt64 { state.withLock(\.revision) }

    fileprivate func listens(_ subject: String) -> Bool {
        state.withLock { state in
            state.listeners[subject]?.contains { !state.cut.contains($0.link) } ?? false
        }
    }

    fileprivate func send(_ bytes: [UInt8], _ subject: String, _ reply: String?) {
        switch state.withLock(\.passage)(bytes, subject) {
        case .sent: add(bytes, subject, reply)
        case .lost: break
        case .twice:
            add(bytes, subject, reply)
            add(bytes, subject, reply)
        case .late(let time):
            Task {
                try? await Task.sleep(for: time)
                self.add(bytes, subject, reply)
            }
        }
    }

    private func add(_ bytes: [UInt8], _ subject: String, _ reply: String?) {
        let begins = state.withLock { state in
            state.queue.append((bytes, subject, reply))
            defer { state.isDelivering = true }
            return !state.isDelivering
        }
        // On a thread of its own, as a client of NATS has one: the tasks of all tests share a thread a processor.
        if begins { thread.async { self.deliver() } }
    }

    private func deliver() {
        while true {
            let next = state.withLock { state -> ([@Sendable ([UInt8], String?) -> Void], [UInt8], String?)? in
                guard !state.queue.isEmpty else {
                    state.isDelivering = false
                    return nil
                }
                let message = state.queue.removeFirst()
                let bodies = (state.listeners[message.subject] ?? [])
                    .filter { !state.isDown && !state.cut.contains($0.link) }.map(\.body)
                return (bodies, message.bytes, message.reply)
            }
            guard let (bodies, bytes, reply) = next else { return }
            for body in bodies { body(bytes, reply) }
        }
    }
}

/// A host's way to a ``Hub``.
package final class SharedMemory: SharedStore, SharedLink {
    package static let name = "shared_memory"
    package static let kind = "queue"

    private enum CodingKeys: CodingKey {}

    private let hub: Hub
    package let prefix = "test"
    package let maxMessage: Int

    /// A link of its own to nobody.
    package convenience init() { self.init(to: Hub()) }

    package convenience init(from decoder: any Decoder) throws { self.init() }

    package init(to hub: Hub, maxMessage: Int = 1 << 20) {
        self.hub = hub
        self.maxMessage = maxMessage
    }

    package var link: (any SharedLink)? { self }

    private var isCut: Bool { hub.state.withLock { $0.isDown || $0.cut.contains(ObjectIdentifier(self)) } }

    package var isConnected: Bool { !isCut }

    package var connectedFor: Duration { isCut ? .zero : .seconds(60) }

    /// Its host is gone, or can't be reached.
    package func cut() { hub.state.withLock { _ = $0.cut.insert(ObjectIdentifier(self)) } }

    /// It is reached again.
    package func mend() { hub.state.withLock { _ = $0.cut.remove(ObjectIdentifier(self)) } }

    @discardableResult
    package func send(_ bytes: [UInt8], to subject: String) -> Bool {
        guard !isCut else { return false }
        hub.send(bytes, subject, nil)
        return true
    }

    package func ask(
        _ bytes: [UInt8], of subject: String, within limit: Duration
    ) async throws(SharedFailure) -> [UInt8] {
        guard !isCut else { throw .away }
        guard hub.listens(subject) else { throw .nobody }
        let inbox = "inbox.\(hub.state.withLock { $0.next += 1; return $0.next })"
        let race = Race()
        let listening = try listen(on: inbox) { bytes, _ in race.finish(bytes) }
        hub.send(bytes, subject, inbox)
        let timer = Task {
            try? await Task.sleep(for: limit)
            race.finish(nil)
        }
        let reply = await race.value
        timer.cancel()
        listening.cancel()
        guard let reply else { throw .away }
        return reply
    }

    package func listen(
        on subject: String, _ body: @escaping @Sendable (_ bytes: [UInt8], _ reply: String?) -> Void
    ) throws(SharedFailure) -> any SharedListening {
        let link = ObjectIdentifier(self)
        let id = hub.state.withLock { state in
            state.next += 1
            state.listeners[subject, default: []].append((state.next, link, body))
            return state.next
        }
        return Listening(hub: hub, subject: subject, id: id)
    }

    package func values(_ name: String, keptFor time: Duration, upTo bytes: Int?) -> any SharedValues {
        Values(link: self, hub: hub, name: name)
    }

    private struct Listening: SharedListening {
        let hub: Hub
        let subject: String
        let id: Int

        func cancel() { hub.state.withLock { $0.listeners[subject]?.removeAll { $0.id == id } } }
    }

    private struct Values: SharedValues {
        let link: SharedMemory
        let hub: Hub
        let name: String

        func get(_ key: String) async throws(SharedFailure) -> SharedValue? {
            await Task.yield()
            guard !link.isCut else { throw .away }
            let isOld = hub.state.withLock(\.isOld)(name, key)
            return hub.state.withLock { isOld ? $0.former["\(name) \(key)"] : $0.values["\(name) \(key)"] }
        }

        func set(_ key: String, _ value: [UInt8], ifRevision revision: UInt64) async throws(SharedFailure) -> UInt64? {
            await Task.yield()
            let name = "\(name) \(key)"
            let writing = hub.state.withLock(\.writing)(self.name, key)
            guard !link.isCut else { throw .away }
            switch writing {
            case .done: return hub.set(name, value, ifRevision: revision)
            case .failed: break
            case .unanswered: _ = hub.set(name, value, ifRevision: revision)
            case .late(let time):
                Task { [hub] in
                    try? await Task.sleep(for: time)
                    _ = hub.set(name, value, ifRevision: revision)
                }
            case .overtaken:
                let bytes = hub.state.withLock { $0.values[name]?.bytes }
                _ = hub.set(name, bytes ?? [], ifRevision: nil)
                return nil
            }
            throw .away
        }
    }

    private final class Race: Sendable {
        private enum Outcome {
            case none
            case waiting(CheckedContinuation<[UInt8]?, Never>)
            case done([UInt8]?)
        }

        private let state = Mutex(Outcome.none)

        func finish(_ bytes: [UInt8]?) {
            let waiting = state.withLock { outcome -> CheckedContinuation<[UInt8]?, Never>? in
                switch outcome {
                case .waiting(let continuation):
                    outcome = .done(bytes)
                    return continuation
                case .none: outcome = .done(bytes)
                case .done: break
                }
                return nil
            }
            waiting?.resume(returning: bytes)
        }

        var value: [UInt8]? {
            get async {
                await withCheckedContinuation { continuation in
                    let done = state.withLock { outcome -> [UInt8]?? in
                        if case .done(let bytes) = outcome { return .some(bytes) }
                        outcome = .waiting(continuation)
                        return nil
                    }
                    if let done { continuation.resume(returning: done) }
                }
            }
        }
    }
}
