import DequeModule

/// A connection past a limit.
protocol RefusedClient: AnyObject {
    /// Another needs its descriptor.
    func giveWay()
}

/// The refused connections of one event loop: so many that a page for operators can still be asked for, so few that they
/// take no descriptors from those who are in.
final class RefusedConnections {
    private let limit: Int
    private var connections = Deque<any RefusedClient>()

    init(limit: Int) {
        self.limit = limit
    }

    /// Past the limit the oldest, who had the longest time to ask, goes.
    func add(_ connection: some RefusedClient) {
        connections.append(connection)
        if connections.count > limit { connections.popFirst()?.giveWay() }
    }

    func remove(_ connection: some RefusedClient) {
        guard let index = connections.firstIndex(where: { $0 === connection }) else { return }
        connections.remove(at: index)
    }
}
