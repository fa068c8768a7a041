import CNATS
import Glibc
import Synchronization
import Threads

/// A connection to NATS. It has one thread, on which the library reads and writes; nobody who calls it waits for the network.
///
/// It connects in the background and goes on trying for ever, with some chance in its pauses so that hosts don't come all at
/// once. While there is no connection, what is asked fails at once.
package final class NATSConnection: Sendable {
    /// What an answer is handed to, on the connection's thread.
    typealias Receiver = @Sendable (Result<NATSMessage, NATSError>) -> Void

    struct Outgoing: Sendable {
        let subject: String
        let reply: UInt64?
        let replySubject: String?
        let headers: [NATSHeader]
        let payload: [UInt8]
    }

    struct Reply {
        /// When it is given up, by the thread's clock.
        let deadline: UInt64
        let receiver: Receiver
    }

    enum SubscriptionChange: Sendable {
        case add(UInt64, subject: String, group: String?, @Sendable (NATSMessage) -> Void)
        case remove(UInt64)
    }

    struct State: Sendable {
        /// Only the thread uses it.
        var handle: Handle?
        var outgoing: [Outgoing] = []
        var outgoingBytes = 0
        var isRung = false
        /// Whether the thread lets deliveries gather, and looks in a moment.
        var isGathering = false
        /// Messages of consumers that have come since the thread last looked.
        var delivered = 0
        var isConnected = false
        var isClosing = false
        /// Whether the library has closed it by itself; another takes its place.
        var isLost = false
        var problem: String? = "no server could be reached yet"
        var maxPayload = 1 << 20
        var lastToken: UInt64 = 0
        var replies: [UInt64: Reply] = [:]
        var subscriptions: [UInt64: SubscriptionChange] = [:]
        /// Who takes what consumers deliver, by what they are called, with the words of the server's to their inboxes.
        var takers: [String: @Sendable (NATSMessage, Delivery?) -> Void] = [:]
        var inboxes: [UInt64: String] = [:]
        var subscriptionChanges: [SubscriptionChange] = []
        var observers: [UInt64: @Sendable (Bool) -> Void] = [:]
        /// What works on it in place of its thread.
        var worker: (any ConnectionWorker)?
        /// Those of event loops, which have connections of their own.
        var publishers: [LoopPublisher] = []
    }

    /// The library's connection.
    struct Handle: @unchecked Sendable {
        // Used on the connection's thread alone.
        let pointer: OpaquePointer
    }

    /// How many bytes may wait for the thread.
    private static let outgoingLimit = 16 << 20

    let settings: NATSSettings
    /// The beginning of subjects that this connection alone listens to.
    let inbox: String
    /// Wakes the thread. It is rung without the lock: the thread would wake only to wait for that.
    let bell = stagecoach_nats_bell()
    let state = Mutex(State())
    /// Those who wait for the connection.
    let connects = TimedWaits()

    init(_ settings: NATSSettings) {
        self.settings = settings
        let name =
            String(UInt64.random(in: .min ... .max), radix: 36) + String(UInt64.random(in: .min ... .max), radix: 36)
        inbox = "_INBOX.\(name)."
    }

    deinit { Glibc.close(bell) }

    /// Whether there is a connection now.
    package var isConnected: Bool { state.withLock(\.isConnected) }

    /// Why there is none; `nil` where there is one.
    package var problem: String? { state.withLock { $0.isConnected ? nil : $0.problem } }

    /// Whether it is closed, or could not be made, and never comes.
    package var isOver: Bool { state.withLock(\.isClosing) }

    /// How many bytes a message may have.
    package var maxPayload: Int { state.withLock(\.maxPayload) }

    /// A subject that this connection alone listens to, for a subscription.
    package func newInbox() -> String {
        let token = state.withLock { state in
            state.lastToken += 1
            return state.lastToken
        }
        return "\(inbox)s.\(token)"
    }

    /// Which inbox a subject is one of; `nil` where it is none of ``newInbox()``'s.
    private func inboxNumber(of subject: String) -> UInt64? {
        guard subject.hasPrefix("\(inbox)s.") else { return nil }
        return UInt64(subject.dropFirst(inbox.utf8.count + 2).prefix { $0 != "." })
    }

    /// Waits until there is a connection, for so long at most.
    ///
    /// - Returns: Whether there is one.
    package func waitUntilConnected(within limit: Duration) async -> Bool {
        await connects.wait(within: limit) { state.withLock { $0.isConnected || $0.isClosing } }
        return isConnected
    }

    /// Calls something whenever the connection comes (`true`) or goes, and at once with how it is. It is called on threads
    /// of the connection and must not wait.
    package func observe(_ body: @escaping @Sendable (Bool) -> Void) -> NATSObservation {
        let (token, isConnected) = state.withLock { state in
            state.lastToken += 1
            state.observers[state.lastToken] = body
            return (state.lastToken, state.isConnected)
        }
        body(isConnected)
        return NATSObservation { [weak self] in _ = self?.state.withLock { $0.observers.removeValue(forKey: token) } }
    }

    /// Sends a message, if there is a connection.
    ///
    /// - Returns: Whether it is on its way, which is no promise that it arrives.
    @discardableResult
    package func publish(
        _ payload: [UInt8], to subject: String, headers: [NATSHeader] = [], reply: String? = nil
    ) -> Bool {
        send(
            Outgoing(subject: subject, reply: nil, replySubject: reply, headers: headers, payload: payload), nil)
            == nil
    }

    /// Sends messages for which nobody waits, if there is a connection: where its thread lets deliveries gather they leave together,
    /// a millisecond later at most.
    func publishInTime(_ messages: [Outgoing]) {
        if messages.isEmpty { return }
        let rings = state.withLock { state in
            guard state.isConnected, !state.isClosing else { return false }
            for index in messages.indices { state.outgoingBytes += messages[index].payload.count + 128 }
            if state.outgoing.isEmpty { state.outgoing = messages } else { state.outgoing += messages }
            return state.isGathering ? false : state.isToRing()
        }
        if rings { stagecoach_nats_ring(bell) }
    }

    /// Asks, and hands the answer, or why there is none, to something that is called on a thread of the connection and must
    /// not wait. It is called once, but where this throws.
    package func ask(
        _ payload: [UInt8], to subject: String, headers: [NATSHeader] = [], timeout: Duration = .seconds(5),
        _ receiver: @escaping @Sendable (Result<NATSMessage, NATSError>) -> Void
    ) throws(NATSError) -> UInt64 {
        let token = state.withLock { state in
            state.lastToken += 1
            return state.lastToken
        }
        let outgoing = Outgoing(
            subject: subject, reply: token, replySubject: nil, headers: headers, payload: payload)
        let reply = Reply(deadline: NATSConnection.now + UInt64(max(0, timeout / .milliseconds(1))), receiver: receiver)
        if let error = send(outgoing, reply) { throw error }
        return token
    }

    /// Asks and waits for the answer.
    ///
    /// - Throws: Where none comes. What was asked may be done all the same.
    package func request(
        _ payload: [UInt8], to subject: String, headers: [NATSHeader] = [], timeout: Duration = .seconds(5)
    ) async throws(NATSError) -> NATSMessage {
        let asked = Mutex<UInt64?>(nil)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation {
                (continuation: CheckedContinuation<Result<NATSMessage, NATSError>, Never>) in
                do throws(NATSError) {
                    let token = try ask(payload, to: subject, headers: headers, timeout: timeout) {
                        continuation.resume(returning: $0)
                    }
                    asked.withLock { $0 = token }
                    if Task.isCancelled { giveUp(token) }
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        } onCancel: {
            if let token = asked.withLock(\.self) { giveUp(token) }
        }
        let message = try result.get()
        if message.status == 503 { throw .noResponders }
        return message
    }

    private func giveUp(_ token: UInt64) {
        state.withLock { $0.replies.removeValue(forKey: token) }?.receiver(.failure(.closed))
    }

    private func send(_ outgoing: Outgoing, _ reply: Reply?) -> NATSError? {
        let (error, rings): (NATSError?, Bool) = state.withLock { state in
            if state.isClosing { return (.closed, false) }
            guard state.isConnected, state.outgoingBytes < NATSConnection.outgoingLimit else {
                return (.notConnected, false)
            }
            guard outgoing.payload.count <= state.maxPayload else {
                return (.tooLarge(bytes: outgoing.payload.count, limit: state.maxPayload), false)
            }
            state.outgoing.append(outgoing)
            state.outgoingBytes += outgoing.payload.count + 128
            if let reply, let token = outgoing.reply { state.replies[token] = reply }
            return (nil, state.isToRing())
        }
        if rings { stagecoach_nats_ring(bell) }
        return error
    }

    /// Hears the messages of a subject, wildcards included, also after a reconnect. `body` is called on the connection's
    /// thread, for one message at a time and in order, and must not wait.
    ///
    /// - Parameter group: Of those who subscribe with the same one, each message comes to one alone.
    package func subscribe(
        to subject: String, group: String? = nil, _ body: @escaping @Sendable (NATSMessage) -> Void
    ) -> NATSObservation {
        let (token, rings) = state.withLock { state in
            state.lastToken += 1
            let change = SubscriptionChange.add(state.lastToken, subject: subject, group: group, body)
            state.subscriptions[state.lastToken] = change
            state.subscriptionChanges.append(change)
            return (state.lastToken, state.isToRing())
        }
        if rings { stagecoach_nats_ring(bell) }
        return NATSObservation { [weak self] in self?.unsubscribe(token) }
    }

    private func unsubscribe(_ token: UInt64) {
        let rings = state.withLock { state in
            state.subscriptions[token] = nil
            state.subscriptionChanges.append(.remove(token))
            return state.isToRing()
        }
        if rings { stagecoach_nats_ring(bell) }
    }

    /// Takes what a worker's consumers deliver, and the words of the server's to its inbox, one at a time and in order. It must
    /// not wait. Consumers of a worker are called `…_WORKER_NUMBER`, and pulls are answered to subjects that begin with the inbox.
    ///
    /// - Parameters:
    ///   - worker: What it is called, as nobody else.
    ///   - inbox: One of ``newInbox()``'s.
    package func takeDeliveries(
        of worker: String, to inbox: String, _ body: @escaping @Sendable (NATSMessage, Delivery?) -> Void
    ) -> NATSObservation {
        let number = inboxNumber(of: inbox)
        state.withLock { state in
            state.takers[worker] = body
            if let number { state.inboxes[number] = worker }
        }
        // They come here only where the library can't hand them over on the thread that reads.
        let subscription = subscribe(to: "\(inbox).>") { body($0, Delivery($0)) }
        return NATSObservation { [weak self] in
            subscription.cancel()
            self?.state.withLock { state in
                state.takers[worker] = nil
                if let number { state.inboxes[number] = nil }
            }
        }
    }

    /// Milliseconds of a clock that only goes forward.
    static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return UInt64(time.tv_sec) * 1_000 + UInt64(time.tv_nsec) / 1_000_000
    }
}

extension NATSConnection.State {
    /// Whether the connection's thread is to be woken, and nobody does yet: where it is awake it looks before it waits again.
    mutating func isToRing() -> Bool {
        guard !isRung, handle != nil else { return false }
        isRung = true
        return true
    }
}

/// Something that goes on until it is cancelled, or nobody has it any more.
package final class NATSObservation: Sendable {
    private let end: Mutex<(@Sendable () -> Void)?>

    init(_ end: @escaping @Sendable () -> Void) { self.end = Mutex(end) }

    deinit { cancel() }

    /// Ends it. It may be heard of once more.
    package func cancel() { end.withLock { $0.take() }?() }
}
