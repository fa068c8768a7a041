import NIOCore
import Pipeline
import Synchronization

extension RememberedAnswers {
    /// What is known of the messages of one session: answers, and what is worked on.
    struct OfSession: Sendable {
        struct Answered: Sendable {
            let key: Key
            let mark: PromptMark
            let frame: ServerFrame?
            let left: Duration
        }

        var answers: [Answered] = []
        var work: [Worked] = []

        struct Worked: Sendable {
            let key: Key
            let mark: PromptMark
            /// Whether the answer goes to the session's client; otherwise somebody else has asked, by `POST`.
            var isOfClient = true
        }
    }

    /// What another host is told, which has the session from now on.
    ///
    /// - Parameters:
    ///   - keys: The messages; `nil` to look for them among all.
    ///   - owner: The session's client, as far as it is known here.
    ///   - host: The other host; `nil` where it isn't known.
    ///   - tell: Hears how each ends that is worked on here.
    func handOver(
        _ keys: [Key]?, of session: String, pipeline: String, for owner: ObjectIdentifier? = nil, to host: String?,
        at now: NIODeadline = .now(),
        telling tell: @escaping @Sendable (Key, Outcome) -> Void
    ) -> OfSession {
        state.withLock { state in
            func belongs(_ key: Key) -> Bool { key.session == session && key.pipeline.text.isExactly(pipeline) }
            let keys = keys ?? state.answers.keys.filter(belongs) + state.work.keys.filter(belongs)
            var found = OfSession()
            for key in Set(keys) {
                if let answer = state.answers[key], answer.expires > now {
                    let left = Duration.nanoseconds((answer.expires - now).nanoseconds)
                    found.answers.append(.init(key: key, mark: answer.prompt, frame: answer.frame, left: left))
                } else if let work = state.work[key] {
                    state.work[key]?.listen(for: host) { tell(key, $0) }
                    found.work.append(.init(key: key, mark: work.prompt, isOfClient: work.owner == owner))
                }
            }
            return found
        }
    }

    /// The answer to a message: one that says nothing where the pipeline answers nothing; `nil` where there is none.
    func answer(to key: Key, at now: NIODeadline = .now()) -> ServerFrame?? {
        state.withLock { state in
            state.answers[key].flatMap { $0.expires > now ? .some($0.frame) : nil }
        }
    }

    /// Those of the keys of which something is known.
    func known(of keys: [Key]) -> [Key] {
        state.withLock { state in keys.filter { state.answers[$0] != nil || state.work[$0] != nil } }
    }

    /// Takes over what another host knew.
    ///
    /// - Parameters:
    ///   - owner: Whose client gets the answers to what it has asked of that.
    ///   - other: Who stands for the others that have asked; kept for as long as the work goes on.
    func take(
        _ known: OfSession, for owner: ObjectIdentifier, or other: HostClient = HostClient(),
        at now: NIODeadline = .now()
    ) {
        let grown = state.withLock { state in
            var grown = 0
            for answer in known.answers where state.answers[answer.key] == nil {
                let size = answer.key.size + (answer.frame?.size ?? 0)
                let new = Answer(
                    frame: answer.frame, prompt: answer.mark, credential: nil, stamp: budget.stamp(),
                    expires: now + TimeAmount(answer.left))
                state.answers[answer.key] = new
                state.order.append((answer.key, new.stamp, size, new.expires))
                grown += size
            }
            for work in known.work where state.answers[work.key] == nil {
                if state.work[work.key] != nil {
                    // It is worked on here, and its client has come back.
                    if work.isOfClient { state.work[work.key]?.owner = owner }
                    continue
                }
                let asked = work.isOfClient ? owner : ObjectIdentifier(other)
                state.work[work.key] = Work(owner: asked, credential: nil, prompt: work.mark)
                // While it is worked on nobody else is to be taken for who has asked.
                state.work[work.key]?.listen(for: nil) { _ in withExtendedLifetime(other) {} }
            }
            return grown - expire(&state, at: now)
        }
        budget.add(grown, of: Self.kind)
    }

    /// Has another host told how the work on a message ends; at once where it has ended.
    ///
    /// - Parameter host: The other host; `nil` for what only lasts as long as the work does.
    func listen(
        to key: Key, for host: String?, at now: NIODeadline = .now(), _ tell: @escaping @Sendable (Outcome) -> Void
    ) {
        let outcome = state.withLock { state -> Outcome? in
            guard state.work[key] == nil else {
                state.work[key]?.listen(for: host, tell)
                return nil
            }
            if let answer = state.answers[key], answer.expires > now { return .answered(answer.frame) }
            return .failed
        }
        if let outcome { tell(outcome) }
    }
}
