import NIOCore
import Pipeline
import Synchronization

/// A session that outlives its connection for a while: the frames it was sent, for a client that comes back, whichever
/// event loop that is on.
final class RetainedSession: Sendable {
    private struct State {
        var sequence = 0
        var frames: RetainedFrames
        var delivery = ClientDelivery()
        /// When it is forgotten where no client has come by then.
        var expires: NIODeadline
        var stamp: Int
        var isForgotten = false
        /// What the last client has authenticated with.
        var credential: ClientCredential?
        /// Takes the frames where another host has the session.
        var forward: (@Sendable (ServerFrame) -> Void)?
        /// Whether no client has had it.
        var isNew = true
    }

    let userID: String?
    /// How long it is kept once its client has left.
    let time: Duration
    /// The session among the hosts that share it; `nil` where it is this host's alone.
    let shared: SharedSession?
    private let budget: KeptBudget
    private let state: Mutex<State>

    /// - Parameters:
    ///   - limit: How many bytes of frames are kept.
    ///   - time: For how long the session is kept without a client.
    ///   - shared: The session among the hosts that share it.
    init(
        userID: String?, by credential: ClientCredential? = nil, limit: Int, for time: Duration, budget: KeptBudget,
        at now: NIODeadline, shared: SharedSession? = nil
    ) {
        self.userID = userID
        self.time = time
        self.budget = budget
        self.shared = shared
        state = Mutex(
            State(
                frames: RetainedFrames(limit: limit), expires: now + TimeAmount(time), stamp: budget.stamp(),
                credential: credential))
    }

    /// Whether no client has had it before the one that asks.
    func takeNewness() -> Bool {
        state.withLock { state in
            defer { state.isNew = false }
            return state.isNew
        }
    }

    /// The number of the last frame.
    var sequence: Int { state.withLock(\.sequence) }

    /// Goes on where another host has left off.
    ///
    /// - Returns: How many bytes are kept now.
    func resume(at sequence: Int, with frames: [(sequence: Int, text: String)]) -> Int {
        state.withLock { state in
            (state.sequence, state.isNew) = (sequence, false)
            state.frames.replace(by: frames)
            return state.frames.size
        }
    }

    /// Leaves the session to another host, or to none: its client is closed, and what is told it from now on goes to
    /// `forward`.
    ///
    /// - Returns: What the client has been told last, and how many bytes are kept no more.
    func handOver(
        to forward: @escaping @Sendable (ServerFrame) -> Void
    ) -> (sequence: Int, frames: [(sequence: Int, text: String)], freed: Int) {
        let (former, sequence, frames, freed) = state.withLock { state in
            let frames = state.frames.all
            let freed = state.frames.size + size(with: state.credential)
            (state.forward, state.isForgotten) = (forward, true)
            state.frames.removeAll()
            return (state.delivery.pass(to: nil), state.sequence, frames, freed)
        }
        former?.giveWay()
        return (sequence, frames, freed)
    }

    /// What it takes without frames, with its slot among the sessions.
    var size: Int { size(with: credential) }

    private func size(with credential: ClientCredential?) -> Int {
        1_024 + (userID?.utf8.count ?? 0) + (credential?.size ?? 0)
    }

    /// What the last client has authenticated with.
    var credential: ClientCredential? { state.withLock(\.credential) }

    /// When it was used last.
    var stamp: Int { state.withLock(\.stamp) }

    /// Whether a client may come back to it.
    func isThere(at now: NIODeadline) -> Bool {
        state.withLock { !$0.isForgotten && ($0.delivery.client != nil || $0.expires > now) }
    }

    /// Puts off its end for a client that is on its way.
    ///
    /// - Returns: How many bytes more are kept now.
    func expectClient(with credential: ClientCredential?, at now: NIODeadline) -> Int {
        state.withLock { state in
            state.expires = now + TimeAmount(time)
            state.stamp = budget.stamp()
            let former = state.credential
            state.credential = credential
            return size(with: credential) - size(with: former)
        }
    }

    /// Gives a client the seat of the one before, which is closed.
    ///
    /// - Returns: What it missed after the frame that it saw last, and its generation.
    func attach(
        _ client: NIOLoopBound<any RetainedClient>, after seen: Int
    ) -> (missed: [String], generation: Int) {
        let (former, missed, generation) = state.withLock { state -> (ClientDelivery.Former?, [String], Int) in
            // Where another host has taken the session meanwhile, this client comes too late.
            if state.forward != nil {
                return (.init(client: client), [], state.delivery.generation + 1)
            }
            let former = state.delivery.pass(to: client)
            return (former, state.frames.texts(after: seen), state.delivery.generation)
        }
        former?.giveWay()
        return (missed, generation)
    }

    /// Notes that a client has left; nothing changes where another has come.
    func detach(_ generation: Int, at now: NIODeadline) {
        state.withLock { state in
            guard state.delivery.generation == generation else { return }
            state.delivery.leave()
            state.expires = now + TimeAmount(time)
            state.stamp = budget.stamp()
        }
    }

    /// Numbers a frame, keeps it, and sends it to the client there is now.
    ///
    /// - Parameter generation: That of the client for which it is sent, on its event loop; `nil` where there is none any more.
    ///   A greeting is for that client alone: one that has come since, here or to another host, has its own.
    func deliver(_ frame: ServerFrame, for generation: Int? = nil) {
        var numbered = NumberedFrame(text: "", isPiece: frame.isPiece)
        let (way, grown) = state.withLock { state -> (ClientDelivery.Way, Int) in
            if case .session = frame.kind, let generation, generation != state.delivery.generation { return (.none, 0) }
            if let forward = state.forward {
                // In the lock, so that frames are sent on in their order.
                forward(frame)
                return (.none, 0)
            }
            state.sequence += 1
            numbered.text = frame.text(sequence: state.sequence)
            if budget.age(of: state.stamp) > 64 { state.stamp = budget.stamp() }
            let grown = state.isForgotten ? 0 : state.frames.append(numbered.text, as: state.sequence)
            return (state.delivery.send(numbered, by: generation), grown)
        }
        switch way {
        case .none: break
        // Outside of the lock: what it makes the connection do may come back here.
        case .direct(let client): client.value.write(numbered)
        case .begun(let client, let generation): bring(to: client, generation)
        }
        budget.add(grown, of: .sessions)
    }

    /// Writes what is under way to a client, on its event loop, all of it in one turn.
    private func bring(to client: NIOLoopBound<any RetainedClient>, _ generation: Int) {
        client.eventLoop.execute {
            for frame in self.state.withLock({ $0.delivery.takeNext(for: generation) }) { client.value.write(frame) }
            let goesOn = self.state.withLock { $0.delivery.goesOn(for: generation) }
            if goesOn { self.bring(to: client, generation) }
        }
    }

    /// Keeps as many bytes of frames from now on.
    ///
    /// - Returns: How many bytes more are kept now, 0 or less.
    func change(limit: Int) -> Int { state.withLock { $0.frames.change(limit: limit) } }

    /// Why a session is to be let go of.
    enum Reason {
        /// Nobody came back in time.
        case expired(NIODeadline)
        /// Too much is kept. Of one whose client is there the frames go, which it has been sent.
        case surplus
        /// Nobody may come back to it any more.
        case revoked
    }

    /// Lets go of it.
    ///
    /// - Returns: How many bytes that has freed, and whether the session is forgotten.
    func drop(because reason: Reason) -> (freed: Int, isForgotten: Bool) {
        state.withLock { state in
            if case .expired(let now) = reason, state.delivery.client != nil || state.expires > now {
                return (0, false)
            }
            let frames = state.frames.size
            state.frames.removeAll()
            if case .revoked = reason {
                state.isForgotten = true
            } else {
                state.isForgotten = state.delivery.client == nil
            }
            state.stamp = budget.stamp()
            return (frames + (state.isForgotten ? size(with: state.credential) : 0), state.isForgotten)
        }
    }
}

/// A connection's seat in a retained session.
struct SessionSeat {
    let session: RetainedSession
    /// Whether the session was there before the connection.
    let isKnown: Bool
    var generation = 0
}
