import Glibc

/// Standard error, where problems and the log go.
package enum StandardError {
    /// Writes a line in one piece, so that lines of several threads don't mix. A reader that has gone is no reason to
    /// stop serving, so failures are ignored.
    package static func write(_ line: String) {
        var bytes = Array(line.utf8)
        bytes.append(UInt8(ascii: "\n"))
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
