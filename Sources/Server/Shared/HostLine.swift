import DequeModule
import Pipeline
import Synchronization

/// A host's line to the other hosts of a pipeline, over whichever link there is: questions with their answers, and messages that
/// come once and in their order.
final class HostLine: Sendable {
    /// What this host is called among them, until its process ends.
    let host: String
    private let pipeline: String
    let patience: HostPatience
    private let receive: @Sendable (HostMessage) -> Void
    private let hasLost: @Sendable (String) -> Void
    private let joiner = HostParts.Joiner()
    private let numbers = Atomic<UInt64>(UInt64.random(in: 0..<1 << 40))

    struct State {
        var link: any SharedLink
        var listening: (any SharedListening)?
        var questions: [Int: (host: String, tell: @Sendable ([String: JSONValue]?) -> Void)] = [:]
        /// Hosts that were not there when they were asked, and since when that is known.
        var dead: [String: ContinuousClock.Instant] = [:]
        var peers: [String: HostPeer] = [:]
        var isSending = false
        /// What has come, in order, and whether somebody works on it.
        var heard = Deque<Heard>()
        var isHearing = false
    }

    enum Heard {
        case message(HostMessage)
        /// What a host has said is lost in part.
        case lost(String)
    }

    let state: Mutex<State>

    /// What is said to one host and not acknowledged, in bytes. Past that it is lost, and both hosts know it.
    private let maxBytes: Int
    /// What a host says when it is asked whether it is there: that it puts messages in order.
    static let presence: [UInt8] = [1]

    /// - Parameters:
    ///   - host: What this host is called.
    ///   - pipeline: Whose sessions are spoken of.
    ///   - maxBytes: How much may be said to one host that it has not acknowledged.
    ///   - hasLost: Hears of a host that it has said something which never came.
    ///   - receive: Takes what other hosts say, one at a time.
    init(
        _ link: any SharedLink, host: String, pipeline: String, patience: HostPatience, maxBytes: Int = 64 << 20,
        hasLost: @escaping @Sendable (String) -> Void, receive: @escaping @Sendable (HostMessage) -> Void
    ) {
        (self.host, self.pipeline, self.patience) = (host, SharedName.escaped(pipeline), patience)
        (self.hasLost, self.receive, self.maxBytes) = (hasLost, receive, maxBytes)
        state = Mutex(State(link: link))
    }

    func subject(of host: String, _ link: any SharedLink) -> String { "\(link.prefix)-shared.\(pipeline).\(host)" }

    /// Hears the others by a link, and speaks to them by it from now on. What is under way goes on.
    func use(_ link: any SharedLink) throws(SharedFailure) {
        let isSame = state.withLock { $0.link === link && $0.listening != nil }
        if isSame { return }
        let listening = try link.listen(on: subject(of: host, link)) { [weak self] bytes, reply in
            self?.hear(bytes, reply, by: link)
        }
        let former = state.withLock { state in
            state.link = link
            return state.listening.replace(by: listening)
        }
        former?.cancel()
    }

    func stop() { state.withLock { $0.listening.take() }?.cancel() }

    var link: any SharedLink { state.withLock(\.link) }

    func nextNumber() -> Int { Int(numbers.add(1, ordering: .relaxed).newValue) }

    // MARK: - What is heard

    private func hear(_ bytes: [UInt8], _ reply: String?, by link: any SharedLink) {
        if let reply { link.send(Self.presence, to: reply) }
        guard let whole = joiner.add(bytes), let message = HostMessage(whole), message.from != host else { return }
        let hears = state.withLock { state in
            let now = ContinuousClock.now
            // Taken out meanwhile, so that what it keeps is not copied.
            var peer = state.peers.removeValue(forKey: message.from) ?? HostPeer(at: now)
            peer.lastHeard = now
            switch message.kind {
            case .ping: break
            case .acknowledge: peer.acknowledge(message.number)
            default:
                guard let order = message.order else {
                    state.heard.append(.message(message))
                    break
                }
                peer.isNumbered = true
                let (ready, isLost) = peer.accept(message, order, size: whole.count)
                if isLost { state.heard.append(.lost(message.from)) }
                state.heard.append(contentsOf: ready.map(Heard.message))
                acknowledge(message.from, &peer)
            }
            state.peers[message.from] = peer
            let hears = !state.isHearing && !state.heard.isEmpty
            if hears { state.isHearing = true }
            return hears
        }
        if hears { work() }
    }

    /// Works on what has come. Two links may bring messages at one instant, while a reload goes from one to the other.
    private func work() {
        while true {
            let next = state.withLock { state in
                state.isHearing = !state.heard.isEmpty
                return state.heard.popFirst()
            }
            switch next {
            case nil: return
            case .lost(let host):
                forgetQuestions(to: host)
                hasLost(host)
            case .message(let message) where message.kind == .reply:
                let waiting = state.withLock { $0.questions.removeValue(forKey: message.number) }
                waiting?.tell(message.members)
            case .message(let message): receive(message)
            }
        }
    }

    /// Says soon how far a host was heard.
    private func acknowledge(_ host: String, _ peer: inout HostPeer) {
        if peer.isAcknowledging { return }
        peer.isAcknowledging = true
        Task {
            try? await Task.sleep(for: .milliseconds(5))
            state.withLock { state in
                guard let heard = state.peers[host]?.heard else { return }
                state.peers[host]?.isAcknowledging = false
                let message = HostMessage(.acknowledge, from: self.host, session: "", number: heard)
                state.link.send([0] + message.bytes, to: subject(of: host, state.link))
            }
        }
    }

    // MARK: - What is said

    /// Says something to a host, after what was said to it before. It comes there once, unless the host dies.
    func tell(_ host: String, _ message: HostMessage) {
        let begins = state.withLock { state -> Bool in
            let now = ContinuousClock.now
            var peer = state.peers.removeValue(forKey: host) ?? HostPeer(at: now)
            defer { state.peers[host] = peer }
            // A host of a version before would take what comes twice for two.
            guard peer.isNumbered else {
                send(message.bytes, to: host, by: state.link)
                return false
            }
            say(message, to: host, &peer, by: state.link, at: now)
            if peer.bytes > maxBytes { loseAll(of: host, &peer, by: state.link, at: now) }
            defer { state.isSending = true }
            return !state.isSending
        }
        if begins { Task { await self.sendAgain() } }
    }

    private func say(
        _ message: HostMessage, to host: String, _ peer: inout HostPeer, by link: any SharedLink,
        at now: ContinuousClock.Instant
    ) {
        var message = message
        let order = peer.nextOrder()
        message.order = order
        let bytes = message.bytes
        peer.keep(bytes, order, wasSent: send(bytes, to: host, by: link), at: now)
    }

    /// Gives up what a host has not acknowledged, and tells it so.
    private func loseAll(
        of host: String, _ peer: inout HostPeer, by link: any SharedLink, at now: ContinuousClock.Instant
    ) {
        peer.giveUp()
        say(HostMessage(.lost, from: self.host, session: "", number: 0), to: host, &peer, by: link, at: now)
    }

    @discardableResult
    private func send(_ bytes: [UInt8], to host: String, by link: any SharedLink) -> Bool {
        let number = numbers.add(1, ordering: .relaxed).newValue
        var isTaken = true
        for part in HostParts.of(bytes, number: number, upTo: link.maxMessage) {
            isTaken = link.send(part, to: subject(of: host, link)) && isTaken
        }
        return isTaken
    }

    /// Sends what is not acknowledged again and again.
    private func sendAgain() async {
        while true {
            try? await Task.sleep(for: patience.resend / 4)
            let isOver = state.withLock { state in
                let now = ContinuousClock.now
                let link = state.link
                let waiting = state.peers.filter { $0.value.isWaiting }.map(\.key)
                for host in link.isConnected ? waiting : [] {
                    guard var peer = state.peers.removeValue(forKey: host) else { continue }
                    if peer.age(at: now) > patience.keep {
                        let isMarked = peer.isGivenUp
                        peer.giveUp()
                        // It is told once more for as long; then it is gone, or nobody there depends on this host.
                        if !isMarked { loseAll(of: host, &peer, by: link, at: now) }
                        peer.isGivenUp = !isMarked
                    } else {
                        for bytes in peer.due(at: now, patience) { send(bytes, to: host, by: link) }
                    }
                    state.peers[host] = peer
                }
                state.isSending = state.peers.values.contains(where: \.isWaiting)
                // Hosts that are gone: each process has a name of its own.
                if state.peers.count > 256 {
                    state.peers = state.peers.filter {
                        $0.value.isWaiting || now - $0.value.lastHeard < .seconds(86_400)
                    }
                }
                return !state.isSending
            }
            if isOver { return }
        }
    }

    /// Waits until everything that was said has come, or no longer.
    func flush(until deadline: ContinuousClock.Instant) async {
        while ContinuousClock.now < deadline, state.withLock({ $0.isSending }) {
            do { try await Task.sleep(for: .milliseconds(10)) } catch { return }
        }
    }
}

extension Optional {
    /// Puts another value here.
    ///
    /// - Returns: What was here.
    fileprivate mutating func replace(by value: Wrapped) -> Wrapped? {
        defer { self = value }
        return self
    }
}
