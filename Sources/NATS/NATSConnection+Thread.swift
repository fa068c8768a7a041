import CNATS
import Glibc
import Synchronization
import Threads

/// What the connection's thread does.
extension NATSConnection {
    /// How many bytes may wait in the library.
    private static let unwrittenLimit: Int32 = 1 << 20
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
        guard let handle = open() else { return }
        work(on: handle)
        // The library closes a connection that is refused again and again: who is let in may change.
        while !state.withLock(\.isClosing) {
            usleep(NATSConnection.pause + UInt32.random(in: 0..<NATSConnection.pause))
            if state.withLock(\.isClosing) { return }
            if let handle = open(isFirst: false) { work(on: handle) }
        }
    }

    /// How many microseconds pass at least before another connection is made.
    private static let pause: UInt32 = 500_000

    private func work(on handle: Handle) {
        var local = Local()
        let replies = subscribe(handle, to: "\(inbox)*", group: nil) { [weak self] in self?.take($0) }
        guard let replies else {
            stagecoach_nats_close(handle.pointer)
            return
        }
        state.withLock { state in
            state.handle = handle
            state.subscriptionChanges = Array(state.subscriptions.values)
        }
        while !local.isClosing {
            send(through: handle, &local)
            let pause = local.isClosing ? 0 : local.isWaitingForReplies ? Int32(NATSConnection.sweep) : -1
            stagecoach_nats_wait(handle.pointer, pause)
            // What is asked for from here on is seen before the next wait, without the bell.
            state.withLock { $0.isRung = true }
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
        stagecoach_nats_close(handle.pointer)
    }

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
                let error =
                    stagecoach_nats_is_away(status) != 0
                    ? NATSError.notConnected : .library(String(cString: stagecoach_nats_status(status)))
                state.withLock { $0.replies.removeValue(forKey: token) }?.receiver(.failure(error))
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
    fileprivate func take(_ message: NATSMessage) {
        switch message.place(after: inbox) {
        case .reply(let token): state.withLock { $0.replies.removeValue(forKey: token) }?.receiver(.success(message))
        case .inbox(let number):
            state.withLock { state in state.inboxes[number].flatMap { state.takers[$0] } }?(message, nil)
        case nil:
            guard let delivery = Delivery(message) else { return }
            state.withLock { $0.takers[delivery.worker] }?(message, delivery)
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

/// How the connection comes and goes.
extension NATSConnection {
    /// Reaches the first server, or fails to, and has the library go on trying.
    private func open(isFirst: Bool = true) -> Handle? {
        state.withLock { $0.isLost = false }
        var isConnected: Int32 = 0
        var problem = [CChar](repeating: 0, count: 256)
        let context = Unmanaged.passRetained(self)
        let pointer = withCStrings(settings.servers) { servers in
            withOptionalCString(settings.credentials) { credentials in
                withOptionalCString(settings.tls?.authority) { authority in
                    withOptionalCString(settings.tls?.certificate) { certificate in
                        withOptionalCString(settings.tls?.key) { key in
                            withCStrings([settings.name, inbox]) { names in
                                var options = stagecoach_nats_options(
                                    servers: servers.baseAddress, server_count: Int32(servers.count), name: names[0],
                                    credentials: credentials, authority: authority, certificate: certificate, key: key,
                                    secure: settings.tls == nil ? 0 : 1,
                                    connect_milliseconds: NATSSettings.connectTimeout,
                                    ping_milliseconds: NATSSettings.ping,
                                    pings_unanswered: NATSSettings.unansweredPings,
                                    reconnect_milliseconds: NATSSettings.reconnectWait,
                                    reconnect_jitter_milliseconds: NATSSettings.reconnectJitter,
                                    context: context.toOpaque(), bell: bell, inbox: names[1],
                                    received: whenTaken,
                                    changed: whenChanged)
                                return stagecoach_nats_open(&options, &isConnected, &problem, problem.count)
                            }
                        }
                    }
                }
            }
        }
        guard let pointer else {
            context.release()
            guard isFirst else { return nil }
            fail(String(decoding: problem.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
            return nil
        }
        let handle = Handle(pointer: pointer)
        if isConnected != 0 { connected(handle) }
        return handle
    }

    private func fail(_ problem: String) {
        let connects = state.withLock { state in
            (state.problem, state.isClosing) = (problem, true)
            defer { state.connects = [:] }
            return state.connects.values
        }
        for connect in connects { connect.resume() }
    }

    fileprivate func changed(_ what: Int, _ text: String?) {
        switch what {
        case Int(stagecoach_nats_connected): connected(state.withLock(\.handle))
        case Int(stagecoach_nats_disconnected): disconnected(text ?? "the connection was lost")
        default:
            disconnected(text ?? "it is closed")
            state.withLock { state in
                state.isLost = true
                state.isRung = true
            }
            stagecoach_nats_ring(bell)
        }
    }

    private func connected(_ handle: Handle?) {
        let limit = handle.map { Int(stagecoach_nats_max_payload($0.pointer)) }
        let (observers, connects) = state.withLock { state in
            state.isConnected = true
            if let limit, limit > 0 { state.maxPayload = limit }
            defer { state.connects = [:] }
            return (state.observers.values, state.connects.values)
        }
        for connect in connects { connect.resume() }
        for observer in observers { observer(true) }
    }

    private func disconnected(_ problem: String) {
        let (observers, replies) = state.withLock { state in
            state.isConnected = false
            state.problem = problem
            // Whoever waits asks again over the next connection.
            (state.outgoing, state.outgoingBytes) = ([], 0)
            defer { state.replies = [:] }
            return (state.observers.values, state.replies.values)
        }
        for reply in replies { reply.receiver(.failure(.notConnected)) }
        for observer in observers { observer(false) }
    }
}

private let whenChanged: @convention(c) (UnsafeMutableRawPointer?, Int32, UnsafePointer<CChar>?) -> Void = {
    context, what, text in
    guard let context else { return }
    let connection = Unmanaged<NATSConnection>.fromOpaque(context)
    connection.takeUnretainedValue().changed(Int(what), text.map { String(cString: $0) })
    if what == Int32(stagecoach_nats_closed) { connection.release() }
}

private let whenTaken: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Void = {
    context, message in
    guard let context, let message else { return }
    Unmanaged<NATSConnection>.fromOpaque(context).takeUnretainedValue().take(NATSMessage(message))
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

private func withOptionalCString<Result>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
    guard let text else { return body(nil) }
    return text.withCString(body)
}

/// The texts as C has them, for as long as `body` runs.
private func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafeBufferPointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
    if texts.isEmpty { return body(UnsafeBufferPointer(start: nil, count: 0)) }
    var bytes: [CChar] = []
    var starts: [Int] = []
    for text in texts {
        starts.append(bytes.count)
        bytes.append(contentsOf: text.utf8.lazy.map(CChar.init(bitPattern:)))
        bytes.append(0)
    }
    return bytes.withUnsafeBufferPointer { bytes in
        let pointers = starts.map { start in bytes.baseAddress.map { $0 + start } }
        return pointers.withUnsafeBufferPointer(body)
    }
}

/// Names and values, each with its NUL, for as long as `body` runs.
private func withCText<Result>(of headers: [NATSHeader], _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
    if headers.isEmpty { return body(nil) }
    let size = headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 2 }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { text in
        var end = text.startIndex
        for header in headers {
            for part in [header.name, header.value] {
                end = text[end...].update(fromContentsOf: part.utf8.lazy.map(CChar.init(bitPattern:)))
                text[end] = 0
                end += 1
            }
        }
        return body(text.baseAddress)
    }
}
