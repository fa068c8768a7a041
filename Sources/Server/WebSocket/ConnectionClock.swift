import NIOCore
import Pipeline
import WebSocketCodec

/// When a connection must be pinged or closed: a pure value that is told what happened and asked now and then.
struct ConnectionClock {
    enum Action {
        case nothing
        case ping
        case close(WebSocketCloseCode, String)
        case abort(String)
    }

    private var ping, idle, lifetime: TimeAmount?
    private let expires: NIODeadline?
    private let start: NIODeadline
    private var lastHeard: NIODeadline
    private var lastPrompt: NIODeadline
    private var lastPing: NIODeadline
    private var closeDeadline: NIODeadline?

    /// - Parameter expires: When the client's token does.
    init(limits: HostLimits, expires: NIODeadline? = nil, now: NIODeadline) {
        self.expires = expires
        ping = limits.ping.timeAmount
        idle = limits.idle.timeAmount
        lifetime = limits.lifetime.timeAmount
        start = now
        lastHeard = now
        lastPrompt = now
        lastPing = now
    }

    /// Takes other limits. What the client has missed counts from now on: it was not pinged as often before.
    mutating func take(_ limits: HostLimits, now: NIODeadline) {
        (idle, lifetime) = (limits.idle.timeAmount, limits.lifetime.timeAmount)
        guard ping != limits.ping.timeAmount else { return }
        ping = limits.ping.timeAmount
        (lastHeard, lastPing) = (now, now)
    }

    mutating func heard(at now: NIODeadline) { lastHeard = now }

    /// What was heard last held a prompt.
    mutating func prompted() { lastPrompt = lastHeard }

    mutating func closing(at now: NIODeadline, within limit: TimeAmount) {
        closeDeadline = closeDeadline ?? now + limit
    }

    mutating func tick(at now: NIODeadline, isBusy: Bool) -> Action {
        if let closeDeadline { return now > closeDeadline ? .abort("the client did not answer the close") : .nothing }
        if let expires, now >= expires { return .close(.policyViolation, "the token has expired") }
        if let lifetime, now - start > lifetime { return .close(.normal, "the connection has lived long enough") }
        if isBusy { lastPrompt = now }
        if let idle, now - lastPrompt > idle { return .close(.normal, "no prompt for too long") }
        guard let ping else { return .nothing }
        if now - lastHeard > ping + ping { return .abort("the client missed two pings") }
        guard now - max(lastHeard, lastPing) >= ping else { return .nothing }
        lastPing = now
        return .ping
    }
}

extension Duration {
    /// `nil` for 0, which is no limit.
    fileprivate var timeAmount: TimeAmount? { self == .zero ? nil : TimeAmount(self) }
}
