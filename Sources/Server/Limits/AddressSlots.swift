import Pipeline
import Synchronization

/// How many connections each client has by its address; of IPv6 the network counts. They are counted also where there is no
/// limit: one may be set while they are open.
final class AddressSlots: Sendable {
    private let maxCount: Atomic<Int>
    private let counts = Mutex<[IPAddress: Int]>([:])

    /// - Parameter limit: 0 is no limit.
    init(limit: Int) {
        maxCount = Atomic(limit)
    }

    /// How many connections an address may have; 0 is no limit. Those that it has stay where it is lowered.
    var limit: Int {
        get { maxCount.load(ordering: .relaxed) }
        set { maxCount.store(newValue, ordering: .relaxed) }
    }

    fileprivate func enter(_ network: IPAddress) -> Bool {
        let limit = limit
        return counts.withLock { counts in
            guard limit == 0 || counts[network, default: 0] < limit else { return false }
            counts[network, default: 0] += 1
            return true
        }
    }

    fileprivate func leave(_ network: IPAddress) {
        counts.withLock { counts in
            let count = counts[network, default: 0] - 1
            counts[network] = count > 0 ? count : nil
        }
    }

    /// How many addresses have a connection.
    var count: Int { counts.withLock(\.count) }
}

/// One connection's slot among those of its client. Used on the connection's event loop alone.
final class AddressSlot {
    private let slots: AddressSlots
    private var network: IPAddress?

    /// Whether its client has too many connections.
    private(set) var isRefused = false

    init(_ slots: AddressSlots) {
        self.slots = slots
    }

    /// Whether there is a limit now.
    var isLimited: Bool { slots.limit > 0 }

    /// Counts the connection for a client. Behind a proxy one connection may serve one client after the other.
    func take(for address: IPAddress) {
        guard address.network != network else { return }
        leave()
        isRefused = !slots.enter(address.network)
        network = isRefused ? nil : address.network
    }

    /// Counts it no more.
    func leave() {
        if let network { slots.leave(network) }
        network = nil
        isRefused = false
    }
}
