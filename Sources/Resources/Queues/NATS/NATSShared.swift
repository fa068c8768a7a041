import NATS
package import Pipeline
import Synchronization

extension NATSQueue: SharedStore {
    package var link: (any SharedLink)? { hosts }
}

/// What hosts share by NATS: messages of its core, and values that are the last messages of subjects, as its own key-value
/// buckets have them.
final class NATSShared: SharedLink {
    private let connection: NATSConnection
    let prefix: String
    private let replicas: Int
    private let creates: Bool
    /// Since when there is a connection; the first counts as an old one.
    private let connected: ConnectedSince
    private let observation: NATSObservation

    init(_ connection: NATSConnection, prefix: String, replicas: Int, creates: Bool) {
        (self.connection, self.prefix, self.replicas, self.creates) = (connection, prefix, replicas, creates)
        let connected = ConnectedSince()
        self.connected = connected
        observation = connection.observe { connected.note($0) }
    }

    var connectedFor: Duration { connected.time }

    var isConnected: Bool { connection.isConnected }

    var maxMessage: Int { connection.maxPayload }

    @discardableResult
    func send(_ bytes: [UInt8], to subject: String) -> Bool { connection.publish(bytes, to: subject) }

    func ask(_ bytes: [UInt8], of subject: String, within limit: Duration) async throws(SharedFailure) -> [UInt8] {
        do throws(NATSError) {
            return try await connection.request(bytes, to: subject, timeout: limit).payload
        } catch {
            throw error == .noResponders ? .nobody : .away
        }
    }

    func listen(
        on subject: String, _ body: @escaping @Sendable (_ bytes: [UInt8], _ reply: String?) -> Void
    ) throws(SharedFailure) -> any SharedListening {
        // Where a reload has made another connection, both listen for a moment: each message comes to one of them.
        Listening(observation: connection.subscribe(to: subject, group: "hosts") { body($0.payload, $0.reply) })
    }

    func values(_ name: String, keptFor time: Duration, upTo bytes: Int?) -> any SharedValues {
        var configuration = StreamConfiguration(
            name: "KV_\(prefix)-\(name)", subjects: ["$KV.\(prefix)-\(name).>"])
        configuration.maxMessagesPerSubject = 1
        configuration.replicas = replicas
        configuration.discard = bytes == nil ? "new" : "old"
        configuration.maxBytes = bytes ?? -1
        configuration.maxAge = time
        // Longer than replicas take to agree.
        configuration.duplicateWindow = min(time, .seconds(3))
        return NATSValues(connection, configuration, "$KV.\(prefix)-\(name)", creates: creates)
    }

    private struct Listening: SharedListening {
        let observation: NATSObservation

        func cancel() { observation.cancel() }
    }
}

/// Since when there is a connection.
private final class ConnectedSince: Sendable {
    private let begin = Mutex<ContinuousClock.Instant?>(nil)
    private let wasConnected = Atomic<Bool>(false)

    func note(_ isConnected: Bool) {
        begin.withLock { begin in
            guard isConnected else { return begin = nil }
            // Before the first there was no outage of which others may come back.
            let isFirst = !wasConnected.exchange(true, ordering: .relaxed)
            if begin == nil { begin = isFirst ? .now - .seconds(3_600) : .now }
        }
    }

    var time: Duration { begin.withLock { $0.map { .now - $0 } } ?? .zero }
}

/// Values in a stream that has one message for each subject.
private final class NATSValues: SharedValues {
    private let stream: JetStream
    private let configuration: StreamConfiguration
    private let subject: String
    private let creates: Bool
    /// Whether the stream is known to be there.
    private let isThere = Atomic<Bool>(false)

    /// How long the stream is waited for: longer than it takes when all is well. While it has no leader it is asked again.
    private static let patience: Duration = .seconds(1)

    init(_ connection: NATSConnection, _ configuration: StreamConfiguration, _ subject: String, creates: Bool) {
        stream = JetStream(connection)
        (self.configuration, self.subject, self.creates) = (configuration, subject, creates)
    }

    func get(_ key: String) async throws(SharedFailure) -> SharedValue? {
        do throws(NATSError) {
            try await prepare()
            var question = JSONText()
            question.add("last_by_subj", "\(subject).\(key)")
            let found = try await stream.connection.request(
                question.finishedBytes, to: "$JS.API.DIRECT.GET.\(configuration.name)", timeout: Self.patience)
            if found.status == 404 { return nil }
            guard let revision = found.header("Nats-Sequence").flatMap({ UInt64($0) }) else { throw .timeout }
            let time = found.header("Nats-Time-Stamp").flatMap { Timestamp(iso8601: $0) }
            return SharedValue(found.payload, revision: revision, setAt: time)
        } catch {
            isThere.store(false, ordering: .relaxed)
            throw .away
        }
    }

    func set(_ key: String, _ value: [UInt8], ifRevision revision: UInt64) async throws(SharedFailure) -> UInt64? {
        do throws(NATSError) {
            try await prepare()
            // With replicas the server compares before its peers agree, so that of two writes at the same time both would be
            // taken (2.9). By its id a second one in place of the same revision is known for one too many.
            let subject = "\(subject).\(key)"
            let taken = try await stream.publish(
                value, to: subject, id: "\(subject) \(revision)", expectedLast: revision, timeout: Self.patience)
            return taken.isDuplicate ? nil : taken.sequence
        } catch {
            if case .api(JetStream.Code.wrongLastSequence, _, _) = error { return nil }
            if case .api(JetStream.Code.duplicateInProcess, _, _) = error { return nil }
            isThere.store(false, ordering: .relaxed)
            throw .away
        }
    }

    /// Makes the stream where it is missing. One that is there is as good; but one of a version before gets its bounds, and one
    /// whose values go too soon a greater age, unless the server refuses that.
    private func prepare() async throws(NATSError) {
        guard creates, !isThere.load(ordering: .relaxed) else { return }
        do throws(NATSError) {
            if let found = try await stream.stream(configuration.name, timeout: Self.patience)?.configuration {
                let changes = changes(of: found)
                if !changes.isEmpty { try await stream.change(configuration.name, changes) }
            } else {
                try await create()
            }
        } catch {
            if error.isTransient { throw error }
        }
        isThere.store(true, ordering: .relaxed)
    }

    /// Makes the stream, with as much room as the server has to promise.
    private func create() async throws(NATSError) {
        typealias Code = JetStream.Code
        var configuration = configuration
        while true {
            do throws(NATSError) {
                _ = try await stream.create(configuration, timeout: Self.patience)
                return
            } catch {
                let noRoom = [Code.storageExceeded, Code.resourcesExceeded, Code.noSuitablePeers]
                guard case .api(let code, _, _) = error, noRoom.contains(code), configuration.maxBytes > 16 << 20 else {
                    throw error
                }
                configuration.maxBytes /= 4
            }
        }
    }

    private func changes(of found: StreamConfiguration) -> [String: JSONValue] {
        var changes: [String: JSONValue] = [:]
        let age = configuration.maxAge.map { Int($0 / .nanoseconds(1)) } ?? 0
        let isUnbounded = configuration.maxBytes > 0 && found.maxBytes <= 0
        if let wanted = configuration.maxAge, let foundAge = found.maxAge, foundAge < wanted || isUnbounded {
            changes["max_age"] = .int(age)
        }
        if isUnbounded {
            changes["max_bytes"] = .int(configuration.maxBytes)
            changes["discard"] = .string(configuration.discard)
        }
        return changes
    }
}
