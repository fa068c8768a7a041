import CNATS
import Glibc
import Synchronization
import Threads

/// What the connection's thread does.
extension NATSConnection {
    /// How many bytes may wait in the library.
    private static let unwrittenLimit: Int32 = 1 << 20
    /// For how many milliseconds deliveries gather. Whoever works on them waits for others, too.
    private static let gathering: Int32 = 1
    /// How many at once need not wait for others.
    fileprivate static let enough = 16
    /// How often what has waited too long is looked for, in milliseconds.
    private static let sweep: UInt64 = 250

    /// What the thread has for itself.
    private struct Local {
        var subscriptions: [(token: UInt64, pointer: UnsafeMutableRawPointer)] = []
        var nextSweep: UInt64 = 0
        var isWaitingForReplies = false
        var isClosing = false
    }

    /// Starts the thread.
    ///
    /// - Throws: Where the library isn't there, or there is no thread.
    func start() throws(NATSError) {
        if let problem = stagecoach_nats_load() { throw .library(String(cString: problem)) }
        guard startThread(named: "nats", { self.run() }) else { throw .library("there is no thread left for NATS") }
    }

    private func run() {
        defer { state.withLock { $0.worker.take() }?.hasEnded() }
        var begun = NATSConnection.now
        guard let handle = open() else { return }
        work(on: handle)
        // Another takes the place of one that is lost. One that is refused again and again is lost, too: who is let in may change.
        while !state.withLock(\.isClosing) {
            let hasLasted = NATSConnection.now > begun + NATSConnection.lasting
            usleep(hasLasted ? .random(in: 0..<NATSConnection.spread) : .random(in: NATSConnection.pauses))
            if state.withLock(\.isClosing) { return }
            begun = NATSConnection.now
            if let handle = open(isFirst: false) { work(on: handle) }
        }
    }

    /// After how many milliseconds the loss of a connection is no refusal.
    private static let lasting: UInt64 = 2_000
    /// Over how many microseconds those who have lost one server come to another.
    private static let spread: UInt32 = 200_000
    /// How many pass before another is made in place of one that has not lasted.
    private static let pauses: Range<UInt32> = 500_000..<1_000_000

    private func work(on handle: Handle) {
        var local = Local()
        let replies = subscribe(handle, to: "\(inbox)*", group: nil) { [weak self] in self?.take($0) }
        guard let replies else { return close(handle) }
        state.withLock { state in
            state.handle = handle
            state.subscriptionChanges = Array(state.subscriptions.values)
        }
        if let worker = state.withLock(\.worker) {
            worker.work(on: handle)
            local.isClosing = true
        }
        while !local.isClosing {
            send(through: handle, &local)
            let pause = local.isClosing ? 0 : local.isWaitingForReplies ? Int32(NATSConnection.sweep) : -1
            stagecoach_nats_wait(handle.pointer, pause)
            if state.withLock({ $0.gathers() }) { stagecoach_nats_rest(handle.pointer, NATSConnection.gathering) }
            // What is asked for from here on is seen before the next wait, without the bell.
            state.withLock { ($0.isRung, $0.isGathering) = (true, false) }
            giveUpLate(&local)
        }
        for subscription in local.subscriptions { stagecoach_nats_unsubscribe(subscription.pointer) }
        stagecoach_nats_unsubscribe(replies)
        // What was handed over before it was closed still leaves.
        let deadline = NATSConnection.now + 500
        while isConnected, stagecoach_nats_unwritten(handle.pointer) > 0, NATSConnection.now < deadline {
            stagecoach_nats_wait(handle.pointer, 50)
        }
        state.withLock { $0.handle = nil }
        close(handle)
    }

    /// Closes it, and waits for the library's last word: it comes on another thread, and is not to be taken for one of the next
    /// connection's.
    private func close(_ handle: Handle) {
        stagecoach_nats_close(handle.pointer)
        while !isEnding { usleep(1_000) }
    }

    /// Whether who works on it is to end, as it is to be closed, or made anew.
    var isEnding: Bool { state.withLock { $0.isClosing || $0.isLost } }

    /// Hands over what is to be sent, and makes the subscriptions that are wanted.
    private func send(through handle: Handle, _ local: inout Local) {
        let isRoom = stagecoach_nats_unwritten(handle.pointer) < NATSConnection.unwrittenLimit
        let (outgoing, changes) = state.withLock { state in
            state.isRung = false
            local.isClosing = state.isClosing || state.isLost
            local.isWaitingForReplies = !state.replies.isEmpty
            let changes = state.subscriptionChanges
            state.subscriptionChanges = []
            guard isRoom || state.isClosing else { return ([Outgoing](), changes) }
            let outgoing = state.outgoing
            (state.outgoing, state.outgoingBytes) = ([], 0)
            return (outgoing, changes)
        }
        for change in changes { apply(change, through: handle, &local) }
        for message in outgoing {
            let status = publish(message, through: handle)
            if status != 0, let token = message.reply {
                state.withLock { $0.replies.removeValue(forKey: token) }?.receiver(.failure(NATSError(status: status)))
            }
        }
    }

    private func apply(_ change: SubscriptionChange, through handle: Handle, _ local: inout Local) {
        switch change {
        case .add(let token, let subject, let group, let body):
            guard let pointer = subscribe(handle, to: subject, group: group, body) else { return }
            local.subscriptions.append((token, pointer))
        case .remove(let token):
            guard let index = local.subscriptions.firstIndex(where: { $0.token == token }) else { return }
            stagecoach_nats_unsubscribe(local.subscriptions.remove(at: index).pointer)
        }
    }

    private func publish(_ message: Outgoing, through handle: Handle) -> Int32 {
        let reply = message.reply.map { inbox + String($0) } ?? message.replySubject
        return message.payload.withUnsafeBytes { payload in
            message.subject.withCString { subject in
                withOptionalCString(reply) { reply in
                    withCText(of: message.headers) { headers in
                        stagecoach_nats_publish(
                            handle.pointer, subject, reply, headers, Int32(message.headers.count),
                            payload.baseAddress, Int32(payload.count))
                    }
                }
            }
        }
    }

    private func subscribe(
        _ handle: Handle, to subject: String, group: String?, _ body: @escaping @Sendable (NATSMessage) -> Void
    ) -> UnsafeMutableRawPointer? {
        let context = Unmanaged.passRetained(Listener(body))
        let pointer = subject.withCString { subject in
            withOptionalCString(group) { group in
                stagecoach_nats_subscribe(
                    handle.pointer, subject, group, context.toOpaque(), whenReceived, whenEnded)
            }
        }
        if pointer == nil { context.release() }
        return pointer
    }

    /// A message of the connection's own inbox, or one that a consumer has delivered.
    func take(_ message: NATSMessage) {
        switch message.place(after: inbox) {
        case .reply(let token):
            let (reply, worker) = state.withLock { ($0.replies.removeValue(forKey: token), $0.worker) }
            reply?.receiver(.success(message))
            worker?.take(message, as: token)
        case .inbox(let number):
            state.withLock { state in state.inboxes[number].flatMap { state.takers[$0] } }?(message, nil)
        case nil:
            guard let delivery = Delivery(message) else { return }
            let taker = state.withLock { state in
                state.delivered += 1
                // One, most often: comparing it costs less than finding it by a text that is made for that.
                return state.takers.first { delivery.isOf(worker: $0.key) }?.value
            }
            taker?(message, delivery)
        }
    }

    private func giveUpLate(_ local: inout Local) {
        let now = NATSConnection.now
        guard local.isWaitingForReplies, now >= local.nextSweep else { return }
        local.nextSweep = now + NATSConnection.sweep
        let late = state.withLock { state in
            let late = state.replies.filter { $0.value.deadline <= now }
            for token in late.keys { state.replies[token] = nil }
            return late.values.map(\.receiver)
        }
        for receiver in late { receiver(.failure(.timeout)) }
    }
}

extension NATSConnection.State {
    /// Whether deliveries are to gather: some have come, each of which has woken the thread, and nobody waits for it.
    fileprivate mutating func gathers() -> Bool {
        isGathering =
            (1..<NATSConnection.enough).contains(delivered) && replies.isEmpty && outgoing.isEmpty && !isClosing
        delivered = 0
        return isGathering
    }
}

/// Who hears a subscription's messages.
private final class Listener: Sendable {
    let body: @Sendable (NATSMessage) -> Void

    init(_ body: @escaping @Sendable (NATSMessage) -> Void) { self.body = body }
}

private let whenReceived: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Void = {
    context, message in
    guard let context, let message else { return }
    Unmanaged<Listener>.fromOpaque(context).takeUnretainedValue().body(NATSMessage(message))
}

private let whenEnded: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
    guard let context else { return }
    Unmanaged<Listener>.fromOpaque(context).release()
}

/// Names and values, each with its NUL, for as long as `body` runs.
private func withCText<Result>(of headers: [NATSHeader], _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
    if headers.isEmpty { return body(nil) }
    let size = headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 2 }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { text in
        var end = text.startIndex
        for header in headers {
            for var part in [header.name, header.value] {
                part.withUTF8 { bytes in
                    UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: text[end...]))
                        .copyMemory(from: UnsafeRawBufferPointer(bytes))
                    end += bytes.count
                }
                text[end] = 0
                end += 1
            }
        }
        return body(text.baseAddress)
    }
}
