import DequeModule
import NIOCore
import Pipeline
import Synchronization

/// The client that has a retained session now. Used on its event loop alone.
protocol RetainedClient: AnyObject {
    /// Writes a frame that the session has numbered.
    func write(text: String)

    /// Another connection has taken the session.
    func giveWay()
}

/// A session that outlives its connection for a while: the frames it was sent, for a client that comes back, whichever
/// event loop that is on.
final class RetainedSession: Sendable {
    private struct State {
        var sequence = 0
        /// The last frames with their numbers.
        var frames = Deque<(sequence: Int, text: String)>()
        var bytes = 0
        /// How many bytes of frames are kept.
        var limit: Int
        var client: NIOLoopBound<any RetainedClient>?
        /// Counts clients, so that one which has left long ago ends nothing.
        var generation = 0
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

    /// A slot among the frames, and what the allocator adds to a text.
    private static let frameSize = 96

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
            State(limit: limit, expires: now + TimeAmount(time), stamp: budget.stamp(), credential: credential))
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
            state.frames = Deque(frames)
            state.bytes = frames.reduce(0) { $0 + $1.text.utf8.count }
            return trim(&state)
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
            let (former, frames) = (state.client, Array(state.frames))
            let freed = state.bytes + frames.count * Self.frameSize + size(with: state.credential)
            (state.client, state.forward, state.isForgotten) = (nil, forward, true)
            state.generation += 1
            (state.frames, state.bytes) = (Deque(), 0)
            return (former, state.sequence, frames, freed)
        }
        if let former { former.eventLoop.execute { former.value.giveWay() } }
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
        state.withLock { !$0.isForgotten && ($0.client != nil || $0.expires > now) }
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
        var missed: [String] = []
        let (former, generation) = state.withLock { state in
            let former = state.client
            // Where another host has taken the session meanwhile, this client comes too late.
            if state.forward != nil {
                return (client, state.generation + 1) as (NIOLoopBound<any RetainedClient>?, Int)
            }
            state.client = client
            state.generation += 1
            missed = state.frames.filter { $0.sequence > seen }.map(\.text)
            return (former, state.generation)
        }
        if let former { former.eventLoop.execute { former.value.giveWay() } }
        return (missed, generation)
    }

    /// Notes that a client has left; nothing changes where another has come.
    func detach(_ generation: Int, at now: NIODeadline) {
        state.withLock { state in
            guard state.generation == generation else { return }
            state.client = nil
            state.expires = now + TimeAmount(time)
            state.stamp = budget.stamp()
        }
    }

    /// Numbers a frame, keeps it, and sends it to the client there is now.
    ///
    /// - Parameter generation: That of the client for which it is sent; `nil` where there is none any more. A greeting is for
    ///   that client alone: one that has come since, here or to another host, has its own.
    func deliver(_ frame: ServerFrame, for generation: Int? = nil) {
        let grown = state.withLock { state in
            if case .session = frame.kind, let generation, generation != state.generation { return 0 }
            if let forward = state.forward {
                // In the lock, as below.
                forward(frame)
                return 0
            }
            state.sequence += 1
            let text = frame.text(sequence: state.sequence)
            // In the lock, so that frames arrive in the order of their numbers.
            if let client = state.client { client.eventLoop.execute { client.value.write(text: text) } }
            if budget.age(of: state.stamp) > 64 { state.stamp = budget.stamp() }
            return state.isForgotten ? 0 : keep(text, in: &state)
        }
        budget.add(grown, of: .sessions)
    }

    /// - Returns: How many bytes more are kept now.
    private func keep(_ text: String, in state: inout State) -> Int {
        let before = state.bytes + state.frames.count * Self.frameSize
        state.frames.append((state.sequence, text))
        state.bytes += text.utf8.count
        return trim(&state) - before
    }

    /// - Returns: How many bytes are kept.
    private func trim(_ state: inout State) -> Int {
        while state.bytes > state.limit, let oldest = state.frames.popFirst() { state.bytes -= oldest.text.utf8.count }
        return state.bytes + state.frames.count * Self.frameSize
    }

    /// Keeps as many bytes of frames from now on.
    ///
    /// - Returns: How many bytes more are kept now, 0 or less.
    func change(limit: Int) -> Int {
        state.withLock { state in
            let before = state.bytes + state.frames.count * Self.frameSize
            state.limit = limit
            return trim(&state) - before
        }
    }

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
            if case .expired(let now) = reason, state.client != nil || state.expires > now { return (0, false) }
            let frames = state.bytes + state.frames.count * Self.frameSize
            state.frames = Deque()
            state.bytes = 0
            if case .revoked = reason { state.isForgotten = true } else { state.isForgotten = state.client == nil }
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
