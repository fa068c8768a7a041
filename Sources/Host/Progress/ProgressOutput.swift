import Foundation
import Glibc
import Logging
import Server

/// Where progress is shown: as one line that moves on a terminal, as lines of a log elsewhere.
struct ProgressOutput: Sendable {
    enum Kind: Sendable {
        case moving
        case lines
    }

    let kind: Kind
    /// How wide the terminal is at the moment.
    let columns: @Sendable () -> Int
    /// Takes the line that moves; empty takes it away.
    let show: @Sendable (String) -> Void
    /// Takes a line that stays.
    let write: @Sendable (String) -> Void

    /// Standard error; no line moves where that is no terminal, or one that can't go back.
    ///
    /// - Parameter isLog: Whether standard error is the log of a host, which takes what stays.
    static func standardError(
        environment: [String: String] = ProcessInfo.processInfo.environment, isLog: Bool = false
    ) -> ProgressOutput {
        let type = environment["TERM"] ?? ""
        let moves = isatty(STDERR_FILENO) == 1 && !["", "dumb"].contains(type)
        return ProgressOutput(
            kind: moves ? .moving : .lines,
            columns: {
                var size = winsize()
                guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
                return Int(size.ws_col)
            },
            show: { StandardError.show(status: $0) },
            write: { line in
                // The log may have been set up since.
                if isLog { Logger(label: "stagecoach").info("\(line)") } else { StandardError.write(line) }
            })
    }
}
