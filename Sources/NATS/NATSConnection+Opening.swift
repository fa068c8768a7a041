import CNATS
import Glibc
import Synchronization
import Threads

/// How the connection comes and goes.
extension NATSConnection {
    /// Reaches the first server, or fails to, and has the library go on trying.
    func open(isFirst: Bool = true) -> Handle? {
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
        state.withLock { ($0.problem, $0.isClosing) = (problem, true) }
        connects.wakeAll()
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
        let observers = state.withLock { state in
            state.isConnected = true
            if let limit, limit > 0 { state.maxPayload = limit }
            return state.observers.values
        }
        connects.wakeAll()
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

/// A text as C has it, for as long as `body` runs.
func withOptionalCString<Result>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
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
