import NIOCore

/// The client that has a retained session now. Used on its event loop alone.
protocol RetainedClient: AnyObject {
    func write(_ frame: NumberedFrame)

    /// Another connection has taken the session.
    func giveWay()
}

/// A frame that its session has numbered.
struct NumberedFrame {
    var text: String
    /// Whether the answer goes on after it: it may leave with others of the same turn.
    let isPiece: Bool
}

/// The client that has a session now, and the frames on their way to its event loop.
struct ClientDelivery {
    typealias Client = NIOLoopBound<any RetainedClient>

    private(set) var client: Client?
    /// Counts clients, so that one which has left long ago ends nothing.
    private(set) var generation = 0
    /// In the order of their numbers.
    private var underWay: [NumberedFrame] = []
    /// Whether there are some, or the last of them are just being written: no other may overtake them.
    private var isUnderWay = false

    /// How a frame gets to the client.
    enum Way {
        /// Nobody has to do anything: there is no client, or it goes with those that are under way.
        case none
        /// By who delivers it, at once: that is the client, and nothing is under way to it.
        case direct(Client)
        /// It is the first that is under way: somebody has to bring it to the client of a generation.
        case begun(Client, Int)
    }

    /// - Parameter generation: Whose client it is that sends it, on its own event loop.
    mutating func send(_ frame: NumberedFrame, by generation: Int?) -> Way {
        guard let client else { return .none }
        if !isUnderWay, generation == self.generation { return .direct(client) }
        underWay.append(frame)
        if isUnderWay { return .none }
        isUnderWay = true
        return .begun(client, self.generation)
    }

    /// The frames under way to the client of a generation, which are about to be written.
    mutating func takeNext(for generation: Int) -> [NumberedFrame] {
        guard generation == self.generation else { return [] }
        defer { underWay = [] }
        return underWay
    }

    /// Whether others have come since, once those that were taken are written.
    mutating func goesOn(for generation: Int) -> Bool {
        guard generation == self.generation else { return false }
        isUnderWay = !underWay.isEmpty
        return isUnderWay
    }

    /// A client that has lost its session, with what was under way to it.
    struct Former {
        let client: Client
        var frames: [NumberedFrame] = []

        /// Closes its connection, after what was under way.
        func giveWay() {
            client.eventLoop.execute {
                for frame in frames { client.value.write(frame) }
                client.value.giveWay()
            }
        }
    }

    /// Gives the session to another client, or to none that is here.
    mutating func pass(to next: Client?) -> Former? {
        let former = client.map { Former(client: $0, frames: underWay) }
        generation += 1
        leave()
        client = next
        return former
    }

    /// The client has left.
    mutating func leave() { (client, underWay, isUnderWay) = (nil, [], false) }
}
