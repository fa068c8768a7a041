import Pipeline
import Synchronization

/// Messages of clients whose session another host has.
extension SharedSessions {
    /// What becomes of a message that came here while another host has the session.
    enum Verdict: Sendable {
        /// It is to be worked on.
        case new
        /// It is worked on, or answered, for the same client.
        case asked
        case answered(ServerFrame?)
        case otherPrompt
        /// Nobody can say.
        case unavailable
    }

    /// Asks the host that has the session.
    ///
    /// - Parameters:
    ///   - ofClient: Whether it is a message of the client that has the session.
    ///   - tell: Called once, on any thread.
    func ask(
        _ key: RememberedAnswers.Key, _ mark: PromptMark, of comer: Comer, ofClient: Bool,
        _ tell: @escaping @Sendable (Verdict) -> Void
    ) {
        Task {
            for _ in 0..<4 {
                if let verdict = await self.ask(key, mark, comer, ofClient, tell) {
                    if case .some(let verdict) = verdict { tell(verdict) }
                    return
                }
            }
            tell(.unavailable)
        }
    }

    /// - Returns: `nil` where the session has moved; nothing within where it will be told later.
    private func ask(
        _ key: RememberedAnswers.Key, _ mark: PromptMark, _ comer: Comer, _ ofClient: Bool,
        _ tell: @escaping @Sendable (Verdict) -> Void
    ) async -> Verdict?? {
        var home = state.withLock { $0.homes[comer.key.id] }
        if home == nil || line.isDead(home ?? "") {
            do { try await arrive(comer) } catch { return .some(.unavailable) }
            if let shared = sessions.session(comer.key)?.shared {
                // It is here by now. Whoever asks has it noted as worked on.
                if let answer = answers.answer(to: key) { return .some(.answered(answer)) }
                return shared.begin(key) { .new } == nil ? nil : .some(.new)
            }
            home = state.withLock { $0.homes[comer.key.id] }
        }
        guard let home else { return .some(.unavailable) }
        let number = line.nextNumber()
        let wait: @Sendable (RememberedAnswers.Outcome?) -> Void = { outcome in
            switch outcome {
            case .answered(let frame): tell(.answered(frame))
            case .failed: self.begun(key, at: home, of: comer.key.id, number, tell)
            case nil: tell(.unavailable)
            }
        }
        state.withLock { $0.waiting[number] = (home, wait) }
        let question = HostMessage(
            .begin, from: host, session: comer.key.id, number: number,
            ["key": key.json(mark), "user": JSONValue(comer.userID), "of_client": .bool(ofClient)])
        do throws(SharedFailure) {
            let answer = try await line.ask(home, question, outage: patience.entering) { [weak self] late in
                // It believes now that this host works on it.
                if late?["finding"]?.text == "new" {
                    self?.tellEnd(of: key, to: home, comer.key.id, number, .failed)
                }
            }
            if answer["finding"]?.text == "awaited" {
                watch(home, for: nil)
                return .some(nil)
            }
            _ = state.withLock { $0.waiting.removeValue(forKey: number) }
            switch answer["finding"]?.text {
            case "new":
                begun(key, at: home, of: comer.key.id, number, tell)
                return .some(nil)
            case "asked": return .some(.asked)
            case "answered": return .some(.answered(ServerFrame(shared: answer["frame"])))
            case "other_prompt": return .some(.otherPrompt)
            default:
                _ = state.withLock { $0.homes.removeValue(forKey: comer.key.id) }
                return nil
            }
        } catch {
            // Where it was told already, the host having died, nothing more is to be said.
            guard state.withLock({ $0.waiting.removeValue(forKey: number) }) != nil else { return .some(nil) }
            return error == .nobody ? nil : .some(.unavailable)
        }
    }

    /// A message is worked on here for a session that another host has, which hears how it ends.
    private func begun(
        _ key: RememberedAnswers.Key, at home: String, of session: String, _ number: Int,
        _ tell: @Sendable (Verdict) -> Void
    ) {
        answers.listen(to: key, for: home) { [weak self] outcome in
            self?.tellEnd(of: key, to: home, session, number, outcome)
        }
        tell(.new)
    }

    /// Tells a host how the work on a message has ended.
    ///
    /// - Parameter number: Of the question by which the host knows that it is worked on here.
    func tellEnd(
        of key: RememberedAnswers.Key, to home: String, _ session: String, _ number: Int,
        _ outcome: RememberedAnswers.Outcome
    ) {
        let members = ["key": key.json(key.prompt ?? PromptMark("")), "outcome": outcome.json]
        line.tell(home, HostMessage(.ended, from: host, session: session, number: number, members))
    }
}
