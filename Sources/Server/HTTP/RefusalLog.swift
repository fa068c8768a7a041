import Logging
import NIOCore
import Synchronization

/// Refusals that operators may want to mend, each said once a minute, and of different ones no more than clients can fill
/// a log with.
final class RefusalLog: Sendable {
    private static let pause = TimeAmount.minutes(1)
    private static let maxReasons = 20

    private let said = Mutex<[String: NIODeadline]>([:])

    /// Says a refusal, unless it was said within a minute, or too many others were.
    func note(_ reason: String, logger: Logger, address: String?, now: NIODeadline = .now()) {
        let isNew = said.withLock { said in
            if let time = said[reason], now - time < RefusalLog.pause { return false }
            if said.count >= RefusalLog.maxReasons { said = said.filter { now - $0.value < RefusalLog.pause } }
            guard said.count < RefusalLog.maxReasons || said[reason] != nil else { return false }
            said[reason] = now
            return true
        }
        guard isNew else { return }
        logger.warning("Refused a request: \(reason)", metadata: ["address": "\(address ?? "")"])
    }
}
