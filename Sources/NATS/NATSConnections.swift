import CNATS
import Synchronization

/// The connections of this process: those with the same settings share one.
private let connections = Mutex<[NATSSettings: (connection: NATSConnection, users: Int)]>([:])

extension NATSConnection {
    /// The connection with these settings, which is made where there is none. Whoever has it gives it back with ``close()``.
    ///
    /// - Throws: Where the library of NATS isn't on this machine.
    package static func shared(_ settings: NATSSettings) throws(NATSError) -> NATSConnection {
        try connections.withLock { (connections) throws(NATSError) in
            if let found = connections[settings] {
                connections[settings] = (found.connection, found.users + 1)
                return found.connection
            }
            let connection = NATSConnection(settings)
            try connection.start()
            connections[settings] = (connection, 1)
            return connection
        }
    }

    /// Gives the connection back; the last one closes it.
    package func close() {
        let isLast = connections.withLock { connections in
            guard let found = connections[settings], found.connection === self else { return false }
            connections[settings] = found.users > 1 ? (self, found.users - 1) : nil
            return found.users <= 1
        }
        guard isLast else { return }
        end()
        for publisher in state.withLock({ state in
            defer { state.publishers = [] }
            return state.publishers
        }) { publisher.close() }
    }

    /// Has its thread close it.
    func end() {
        state.withLock { state in
            state.isClosing = true
            state.isRung = true
        }
        stagecoach_nats_ring(bell)
    }
}
