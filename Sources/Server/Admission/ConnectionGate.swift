import NIOHTTP1
import Pipeline

/// What one accepted connection knows of the host.
final class ConnectionGate {
    let connections: Connections
    let loop: LoopConnections
    private let slot: AddressSlot?
    /// Whether its slot is that of a request which came by a proxy.
    private var isForwarded = false

    init(connections: Connections, loop: LoopConnections, slot: AddressSlot?) {
        (self.connections, self.loop, self.slot) = (connections, loop, slot)
    }

    /// What a client may take now.
    var limits: HostLimits { _read { yield loop.limits } }

    /// Why this connection gets nothing, if it gets nothing.
    var refusal: HTTPRejection? {
        if connections.isStopping { return HTTPRejection(.serviceUnavailable, "the host is stopping", kind: .stopping) }
        return slot?.isRefused == true ? .tooManyOfAddress : nil
    }

    /// Notes whose request came by a proxy: the client's are counted, not the proxy's. A connection that a proxy keeps
    /// counts for nobody between two requests.
    ///
    /// - Parameter mayStay: Whether it may be a WebSocket's, which is counted where there is no limit, too.
    func received(from sender: Sender, mayStay: Bool) {
        guard let slot, sender.isForwarded, mayStay || slot.isLimited else { return }
        guard let address = sender.address.flatMap(IPAddress.init) else { return }
        slot.take(for: address)
        isForwarded = true
    }

    /// The request was answered, and its connection goes on.
    func answered() {
        guard isForwarded else { return }
        slot?.leave()
        isForwarded = false
    }
}
