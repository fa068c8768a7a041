import CoreMetrics
import WebSocketCodec

/// Counts connections and what was refused.
final class HostMetrics: Sendable {
    private let open: any MeterHandler
    private let accepted: any CounterHandler
    private let webSockets: any MeterHandler
    private let refusals: [RefusalReason: any CounterHandler]
    private let closes: [UInt16: any CounterHandler]
    private let otherCloses: any CounterHandler
    private let cuts: [CutReason: any CounterHandler]
    private let outbound, inbound: any MeterHandler

    /// By swift-metrics, whoever is behind that.
    init(factory: any MetricsFactory = MetricsSystem.factory) {
        open = factory.makeMeter(label: HostMetric.connections.rawValue, dimensions: [])
        accepted = factory.makeCounter(label: HostMetric.accepted.rawValue, dimensions: [])
        webSockets = factory.makeMeter(label: HostMetric.webSockets.rawValue, dimensions: [])
        func refusals(_ reason: RefusalReason) -> any CounterHandler {
            factory.makeCounter(label: HostMetric.refused.rawValue, dimensions: [("reason", reason.rawValue)])
        }
        func closes(_ code: String) -> any CounterHandler {
            factory.makeCounter(label: HostMetric.closes.rawValue, dimensions: [("code", code)])
        }
        self.refusals = Dictionary(RefusalReason.allCases.map { ($0, refusals($0)) }) { first, _ in first }
        self.closes = Dictionary((1000...1015).map { ($0, closes(String($0))) }) { first, _ in first }
        otherCloses = closes("other")
        cuts = Dictionary(
            CutReason.allCases.map { reason in
                let labels = [("reason", reason.rawValue)]
                return (reason, factory.makeCounter(label: HostMetric.cut.rawValue, dimensions: labels))
            }
        ) { first, _ in first }
        outbound = factory.makeMeter(label: HostMetric.outbound.rawValue, dimensions: [])
        inbound = factory.makeMeter(label: HostMetric.inbound.rawValue, dimensions: [])
    }

    func connectionOpened() {
        accepted.increment(by: 1)
        open.increment(by: 1)
    }

    func connectionClosed() {
        open.decrement(by: 1)
    }

    func webSocketOpened() {
        webSockets.increment(by: 1)
    }

    /// - Parameter code: `nil` where the connection ended without a close.
    func webSocketClosed(_ code: WebSocketCloseCode?) {
        webSockets.decrement(by: 1)
        // Codes of a client's own are no label: nobody knows how many there are.
        (closes[code?.rawValue ?? 1006] ?? otherCloses).increment(by: 1)
    }

    func refused(_ reason: RefusalReason) {
        refusals[reason]?.increment(by: 1)
    }

    func cut(_ reason: CutReason) {
        cuts[reason]?.increment(by: 1)
    }

    func outboundChanged(by bytes: Int) {
        outbound.increment(by: Double(bytes))
    }

    func inboundChanged(by bytes: Int) {
        inbound.increment(by: Double(bytes))
    }
}

/// Which limit a connection went past that was reset.
enum CutReason: String, CaseIterable {
    /// Nothing of what waited for the client was taken for too long.
    case write
    /// Too much waited for the client.
    case outbound
}

/// Why a handshake or request was refused, in metrics and the log.
enum RefusalReason: String, CaseIterable {
    case badRequest = "bad_request"
    case unauthorized
    case forbidden
    case notFound = "not_found"
    case handshakeTimeout = "handshake_timeout"
    case tooBig = "too_big"
    case tooMany = "too_many"
    case stopping
    case other
}
