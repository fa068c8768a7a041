import Glibc
import Synchronization

/// Standard error, where problems and the log go.
package enum StandardError {
    /// What stands below all other lines on a terminal; empty where there is no such line.
    private static let status = Mutex("")
    /// The same in short, so that the log of a host takes no lock.
    private static let hasStatus = Atomic(false)

    private static let clearing = "\r\u{1B}[K"

    /// Writes a line in one piece, so that lines of several threads don't mix. A reader that has gone is no reason to
    /// stop serving, so failures are ignored.
    package static func write(_ line: String) {
        guard hasStatus.load(ordering: .relaxed) else { return put(line + "\n") }
        status.withLock { status in put(status.isEmpty ? line + "\n" : clearing + line + "\n" + status) }
    }

    /// Shows a text below all lines, in the place of the one before.
    ///
    /// - Parameter text: At most as wide as the terminal; empty takes it away.
    package static func show(status text: String) {
        status.withLock { status in
            guard status != text else { return }
            put(clearing + text)
            status = text
            hasStatus.store(!text.isEmpty, ordering: .relaxed)
        }
    }

    /// Does something that writes to standard output, which may be the same terminal.
    package static func aside(_ body: () -> Void) {
        status.withLock { status in
            if !status.isEmpty { put(clearing) }
            body()
            if !status.isEmpty {
                fflush(nil)
                put(status)
            }
        }
    }

    /// Takes the text away at a signal that ends the process, which then has its usual effect.
    ///
    /// - Parameter signals: Such as `SIGINT`; those that are ignored stay so.
    package static func clearStatus(at signals: [Int32]) {
        for number in signals {
            let former = signal(number) { number in
                // Nothing but what a signal handler may do.
                var bytes: (UInt8, UInt8, UInt8, UInt8) = (0x0D, 0x1B, 0x5B, 0x4B)
                _ = Glibc.write(STDERR_FILENO, &bytes, 4)
                signal(number, SIG_DFL)
                raise(number)
            }
            if let former, unsafeBitCast(former, to: Int.self) == 1 { signal(number, SIG_IGN) }
        }
    }

    private static func put(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
