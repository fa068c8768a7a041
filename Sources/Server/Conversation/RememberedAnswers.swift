import DequeModule
import NIOCore
import Pipeline
import Synchronization

/// A conversation with messages whose answers come from somebody else's work. Used on its event loop alone.
protocol AnswerWaiter: AnyObject {
    /// Goes on with a message: with the answer of who has worked on it, or with work of its own where there is none.
    func proceed(_ id: UniqueID, with outcome: RememberedAnswers.Outcome)
}

/// The answers to clients' messages by the clients' own ids, so that a message which comes again is worked on once,
/// whichever connection or request it comes by.
///
/// Errors are not kept: the same message may be tried again.
final class RememberedAnswers: KeptKind {
    static let kind = KeptBudget.Kind.answers

    /// What makes two messages the same.
    struct Key: Sendable, Hashable {
        let pipeline: ExactText
        let session: String
        /// Who was authenticated: users don't get each other's answers.
        let user: ExactText?
        let id: ExactText
        /// Another prompt under the same id is another message; `nil` where it is an error.
        let prompt: PromptMark?

        /// About what it takes, with a slot among the answers and one in their order.
        var size: Int {
            768 + pipeline.text.utf8.count + session.utf8.count + (user?.text.utf8.count ?? 0) + id.text.utf8.count
                + (prompt?.size ?? 0)
        }
    }

    /// What to do with a message.
    enum Finding {
        /// It is new: whoever asked works on it, and says how that ended.
        case new
        /// Who asked has asked before, and will be answered once.
        case asked
        /// Somebody else asked before; who asks now is told what comes of it.
        case awaited
        /// It was answered, with nothing where the pipeline says nothing.
        case answered(ServerFrame?)
        /// Its id was used for another prompt.
        case otherPrompt
    }

    /// How the work on a message has ended.
    enum Outcome {
        /// With this answer, or with none where the pipeline has none to give.
        case answered(ServerFrame?)
        /// With an error: it may be tried again.
        case failed
    }

    /// A conversation that waits for what comes of another's message.
    struct Waiter: Sendable {
        let message: UniqueID
        let owner: ObjectIdentifier
        let credential: ClientCredential?
        /// Whether it is at another host, which looks itself who may be there.
        let isElsewhere: Bool
        let tell: @Sendable (Outcome) -> Void

        init(
            message: UniqueID, owner: ObjectIdentifier, credential: ClientCredential? = nil,
            conversation: NIOLoopBound<any AnswerWaiter>
        ) {
            self.init(message: message, owner: owner, credential: credential) { outcome in
                conversation.eventLoop.execute { conversation.value.proceed(message, with: outcome) }
            }
        }

        init(
            message: UniqueID, owner: ObjectIdentifier, credential: ClientCredential? = nil, isElsewhere: Bool = false,
            tell: @escaping @Sendable (Outcome) -> Void
        ) {
            (self.message, self.owner, self.credential) = (message, owner, credential)
            (self.isElsewhere, self.tell) = (isElsewhere, tell)
        }
    }

    struct Work {
        var owner: ObjectIdentifier
        let credential: ClientCredential?
        let prompt: PromptMark
        var waiters: [Waiter] = []
        var listeners: [Listener] = []

        /// Has another host hear how it ends, once, however often its client moves there and back.
        mutating func listen(for host: String?, _ tell: @escaping @Sendable (Outcome) -> Void) {
            if host != nil { listeners.removeAll { $0.host == host } }
            listeners.append(Listener(host: host, tell: tell))
        }
    }

    /// Who is to hear how the work on a message ends.
    struct Listener {
        /// Another host; `nil` for what only lasts as long as the work does.
        let host: String?
        let tell: @Sendable (Outcome) -> Void
    }

    struct Answer {
        let frame: ServerFrame?
        let prompt: PromptMark
        let credential: ClientCredential?
        let stamp: Int
        let expires: NIODeadline
    }

    struct State {
        var work: [Key: Work] = [:]
        var answers: [Key: Answer] = [:]
        /// The answers, the oldest first; one that was replaced or has expired may still have its line.
        var order = Deque<(key: Key, stamp: Int, size: Int, expires: NIODeadline)>()
    }

    let budget: KeptBudget
    let state = Mutex(State())

    init(_ budget: KeptBudget) {
        self.budget = budget
    }

    /// Notes a message that came, before any stage has changed it.
    ///
    /// - Parameters:
    ///   - owner: Whose client gets the answer: who asks twice is answered once.
    ///   - credential: What that client has authenticated with.
    ///   - waiter: Made where the answer is to come from somebody else's work.
    func begin(
        _ key: Key, _ prompt: PromptMark, for owner: ObjectIdentifier, by credential: ClientCredential? = nil,
        at now: NIODeadline = .now(),
        waiter: () -> Waiter
    ) -> Finding {
        state.withLock { state in
            if let answer = state.answers[key], answer.expires > now {
                return answer.prompt == prompt ? .answered(answer.frame) : .otherPrompt
            }
            guard let work = state.work[key] else {
                state.work[key] = Work(owner: owner, credential: credential, prompt: prompt)
                return .new
            }
            if work.prompt != prompt { return .otherPrompt }
            if work.owner == owner || work.waiters.contains(where: { $0.owner == owner }) { return .asked }
            state.work[key]?.waiters.append(waiter())
            return .awaited
        }
    }

    /// Notes how the work on a message has ended, and tells who waits for it: all of them the answer, or the first of them
    /// to go on himself.
    func end(_ key: Key, _ outcome: Outcome, for time: Duration, at now: NIODeadline = .now()) {
        let size = key.size
        var grown = 0
        let told: [@Sendable (Outcome) -> Void] = state.withLock { state in
            guard var work = state.work.removeValue(forKey: key) else { return [] }
            switch outcome {
            case .answered(let frame):
                let size = size + (frame?.size ?? 0) + (work.credential?.size ?? 0)
                let answer = Answer(
                    frame: frame, prompt: work.prompt, credential: work.credential, stamp: budget.stamp(),
                    expires: now + TimeAmount(time))
                state.answers[key] = answer
                state.order.append((key, answer.stamp, size, answer.expires))
                grown = size - expire(&state, at: now)
                return work.waiters.map(\.tell) + work.listeners.map(\.tell)
            case .failed:
                guard let next = work.waiters.first else { return work.listeners.map(\.tell) }
                work.waiters.removeFirst()
                state.work[key] = Work(
                    owner: next.owner, credential: next.credential, prompt: work.prompt, waiters: work.waiters,
                    listeners: work.listeners)
                return [next.tell]
            }
        }
        budget.add(grown, of: Self.kind)
        for tell in told { tell(outcome) }
    }

    /// Takes somebody away who waited; `false` where he was told already.
    func withdraw(_ message: UniqueID, from key: Key) -> Bool {
        state.withLock { state in
            guard let index = state.work[key]?.waiters.firstIndex(where: { $0.message == message }) else {
                return false
            }
            state.work[key]?.waiters.remove(at: index)
            return true
        }
    }

    /// What those have shown whose answers there are.
    var credentials: [ClientCredential] { state.withLock { $0.answers.values.compactMap(\.credential) } }

    /// Lets nobody go on with what another has asked for who may not be here any more.
    func dropWaiters(unless review: AccessReview) {
        state.withLock { state in
            for (key, work) in state.work where !work.waiters.isEmpty {
                state.work[key]?.waiters.removeAll { !$0.isElsewhere && !review.admits($0.credential) }
            }
        }
    }

    /// Lets go of answers to those who may not be here any more.
    func forget(unless review: AccessReview) {
        let freed = state.withLock { state in
            state.answers = state.answers.filter { review.admits($0.value.credential) }
            let before = state.order.reduce(0) { $0 + $1.size }
            // Lines without an answer go with them.
            state.order.removeAll { [answers = state.answers] in answers[$0.key]?.stamp != $0.stamp }
            return before - state.order.reduce(0) { $0 + $1.size }
        }
        budget.add(-freed, of: Self.kind)
    }

    /// Lets go of answers whose time is over.
    func sweep(at now: NIODeadline) {
        let freed = state.withLock { expire(&$0, at: now) }
        budget.add(-freed, of: Self.kind)
    }

    var oldest: Int? { state.withLock { $0.order.first?.stamp } }

    func dropOldest() {
        let freed = state.withLock { removeOldest(&$0) }
        budget.add(-freed, of: Self.kind)
    }

    func expire(_ state: inout State, at now: NIODeadline) -> Int {
        var freed = 0
        while let first = state.order.first, first.expires <= now { freed += removeOldest(&state) }
        return freed
    }

    private func removeOldest(_ state: inout State) -> Int {
        guard let oldest = state.order.popFirst() else { return 0 }
        if state.answers[oldest.key]?.stamp == oldest.stamp { state.answers[oldest.key] = nil }
        return oldest.size
    }
}
