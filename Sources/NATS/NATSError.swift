import CNATS

/// Why something asked of NATS was not done. For logs, not for clients.
package enum NATSError: Error, Sendable, Equatable, CustomStringConvertible {
    /// There is no connection now.
    case notConnected
    /// No answer came in time.
    case timeout
    /// Nobody listens to the subject: JetStream is off, or has no leader for it.
    case noResponders
    /// The task was cancelled, or the connection closed for good.
    case closed
    /// The message has more bytes than the server takes.
    case tooLarge(bytes: Int, limit: Int)
    /// JetStream refused; its own code, the status, and what it says.
    case api(code: Int, status: Int, description: String)
    /// The library's own words.
    case library(String)

    package var description: String {
        switch self {
        case .notConnected: "NATS is not connected"
        case .timeout: "NATS did not answer in time"
        case .noResponders: "NATS has no JetStream: start nats-server with -js, or wait until its servers have a leader"
        case .closed: "the connection to NATS is closed"
        case .tooLarge(let bytes, let limit): "the message has \(bytes) bytes, and NATS takes \(limit)"
        case .api(let code, let status, let description): "JetStream: \(description) (\(status), \(code))"
        case .library(let text): text
        }
    }

    /// What the library says of a message that it does not take.
    init(status: Int32) {
        self =
            stagecoach_nats_is_away(status) != 0
            ? .notConnected : .library(String(cString: stagecoach_nats_status(status)))
    }

    /// Whether what was asked may have been done nevertheless.
    package var leavesOpen: Bool {
        switch self {
        case .notConnected, .timeout, .library: true
        case .noResponders, .closed, .tooLarge, .api: false
        }
    }

    /// Whether the same may work in a moment.
    package var isTransient: Bool {
        switch self {
        case .notConnected, .timeout, .noResponders: true
        case .api(_, let status, _): status == 503
        case .closed, .tooLarge, .library: false
        }
    }
}
