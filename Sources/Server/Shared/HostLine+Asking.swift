import Pipeline
import Synchronization

/// Questions to other hosts, and whether those are there.
extension HostLine {
    /// Answers a question.
    func answer(_ question: HostMessage, _ members: [String: JSONValue]) {
        tell(
            question.from,
            HostMessage(.reply, from: host, session: question.session, number: question.number, members))
    }

    /// Asks a host something, and waits for as long as it is there.
    ///
    /// - Parameters:
    ///   - host: Which one.
    ///   - message: The question, with a number of its own.
    ///   - outage: How long it is waited for while this host can reach nobody.
    ///   - late: Takes an answer that comes after all, once it was given up.
    /// - Throws: ``SharedFailure/nobody`` where the host is dead.
    func ask(
        _ host: String, _ message: HostMessage, outage: Duration,
        late: (@Sendable ([String: JSONValue]?) -> Void)? = nil
    ) async throws(SharedFailure) -> [String: JSONValue] {
        let race = FirstAnswer<[String: JSONValue]?>()
        // Whether it is of a version before is known once it has said something.
        if state.withLock({ $0.peers[host]?.isNumbered != true }) { try await reach(host) }
        let number = message.number
        state.withLock { $0.questions[number] = (host, { race.finish($0) }) }
        tell(host, message)
        let begun = ContinuousClock.now
        while true {
            if let answer = await race.answer(within: patience.look) {
                guard let answer else { throw .nobody }
                return answer
            }
            let isAlive = await isAlive(host)
            if isAlive == false || .now - begun > (isAlive == nil ? outage : patience.answer) {
                let isOpen = state.withLock { state in
                    let isOpen = state.questions.removeValue(forKey: number) != nil
                    if isOpen, let late, isAlive != false { state.questions[number] = (host, late) }
                    return isOpen
                }
                // Otherwise it is answered just now.
                if isOpen { throw isAlive == false ? .nobody : .away }
            }
        }
    }

    /// Lets go of questions that a host won't answer.
    func forgetQuestions(to host: String) {
        let asked = state.withLock { state in
            let asked = state.questions.filter { $0.value.host == host }
            for number in asked.keys { state.questions[number] = nil }
            return asked.values.map(\.tell)
        }
        for tell in asked { tell(nil) }
    }

    /// Whether a host was found dead just now.
    func isDead(_ host: String) -> Bool {
        state.withLock { $0.dead[host].map { .now - $0 < patience.memory } ?? false }
    }

    /// For how long nothing has been heard of a host.
    func silence(of host: String) -> Duration {
        state.withLock { $0.peers[host].map { .now - $0.lastHeard } ?? .zero }
    }

    /// Whether a host is there; `nil` where that can't be told.
    func isAlive(_ host: String) async -> Bool? {
        do throws(SharedFailure) {
            try await reach(host)
            return true
        } catch {
            return error == .nobody ? false : nil
        }
    }

    /// Looks whether a host is there.
    ///
    /// - Throws: ``SharedFailure/nobody`` where the host is silent and the way to it is not.
    private func reach(_ host: String) async throws(SharedFailure) {
        if isDead(host) { throw .nobody }
        let link = link
        let presence = await presence(of: host, by: link)
        if case .there(let reply) = presence {
            return state.withLock { state in
                let now = ContinuousClock.now
                state.peers[host, default: HostPeer(at: now)].lastHeard = now
                if reply == Self.presence { state.peers[host]?.isNumbered = true }
            }
        }
        guard case .gone = presence, link.connectedFor > patience.grace else { throw .away }
        state.withLock { state in
            let now = ContinuousClock.now
            state.dead = state.dead.filter { now - $0.value < patience.memory }
            state.dead[host] = now
        }
        throw .nobody
    }

    private enum Presence: Sendable {
        /// It replies, with these bytes.
        case there([UInt8])
        /// It does not, while the way there is open.
        case gone
        /// The way there is not open.
        case unknown
    }

    /// Asks again and again whether a host is there: a question or its reply may be lost, and the host may be about to connect.
    private func presence(of host: String, by link: any SharedLink) async -> Presence {
        guard link.isConnected else { return .unknown }
        let (subject, limit) = (subject(of: host, link), patience.silence)
        let ping = [0] + HostMessage(.ping, from: self.host, session: "", number: 0).bytes
        let race = FirstAnswer<[UInt8]>()
        let asking = Task {
            for _ in 0..<8 where !Task.isCancelled {
                Task {
                    if let reply = try? await link.ask(ping, of: subject, within: limit) { race.finish(reply) }
                }
                try? await Task.sleep(for: limit / 8)
            }
        }
        let reply = await race.answer(within: limit)
        asking.cancel()
        if let reply { return .there(reply) }
        do throws(SharedFailure) {
            _ = try await link.ask([], of: self.subject(of: self.host, link), within: .seconds(1))
            return .gone
        } catch {
            return .unknown
        }
    }
}
