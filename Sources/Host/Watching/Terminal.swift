import Glibc
import Pipeline
import UnixSignals

/// The terminal that a command shows something on, and what it was before.
final class Terminal: Sendable {
    /// Whether standard output is one.
    let isThere: Bool
    /// Whether it is to have colours.
    let hasColors: Bool
    private let takesKeys: Bool
    /// Whether what is shown replaces what was there, until it is over.
    private let hasScreen: Bool
    private let former: termios

    /// - Parameter hasScreen: Whether the whole screen is used, where there is one.
    init(hasScreen: Bool, environment: [String: String]) {
        isThere = isatty(STDOUT_FILENO) == 1
        let type = environment["TERM"] ?? ""
        hasColors = isThere && (environment["NO_COLOR"] ?? "").isEmpty && type != "dumb"
        self.hasScreen = hasScreen && isThere && type != "dumb"
        var state = termios()
        takesKeys = isThere && isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &state) == 0
        former = state
    }

    /// How many columns and rows it has; 80 and 24 where it does not say.
    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (80, 24) }
        return (Int(size.ws_col), size.ws_row > 0 ? Int(size.ws_row) : 24)
    }

    /// Does something until it ends, `q` or Ctrl-C is pressed, or a signal says that it is over; then the terminal is what
    /// it was.
    func during(_ work: @escaping @Sendable () async throws -> Void) async throws {
        begin()
        defer { end() }
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await work() }
            group.addTask { for await _ in signals { return } }
            if takesKeys { group.addTask { await Terminal.waitForEnd() } }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func begin() {
        if takesKeys {
            var state = former
            // Keys come as they are pressed, Ctrl-C among them, and are not shown.
            state.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN)
            _ = tcsetattr(STDIN_FILENO, TCSANOW, &state)
        }
        if hasScreen { Terminal.write("\u{1B}[?1049h\u{1B}[?25l") }
    }

    private func end() {
        if hasScreen { Terminal.write("\u{1B}[?25h\u{1B}[?1049l") }
        if hasColors { Terminal.write("\u{1B}[0m") }
        if takesKeys {
            var state = former
            _ = tcsetattr(STDIN_FILENO, TCSANOW, &state)
        }
    }

    /// Shows lines in the place of those that were shown before.
    func draw(_ lines: [String]) {
        guard hasScreen else { return Terminal.write(lines.joined(separator: "\n") + "\n") }
        let (home, toEndOfLine, toEnd) = ("\u{1B}[H", "\u{1B}[K", "\u{1B}[J")
        Terminal.write(home + lines.map { $0 + toEndOfLine }.joined(separator: "\r\n") + toEnd)
    }

    /// Writes to standard output, in one piece.
    static func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Returns once `q`, Ctrl-C or Ctrl-D is pressed, or the task is cancelled.
    private static func waitForEnd() async {
        while !Task.isCancelled {
            var waiting = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 0) > 0 else {
                // Nobody notices a twentieth of a second at a key.
                try? await Task.sleep(for: .milliseconds(50))
                continue
            }
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = Glibc.read(STDIN_FILENO, &bytes, bytes.count)
            let isEnd = bytes.prefix(max(0, count)).contains {
                [0x03, 0x04, UInt8(ascii: "q"), UInt8(ascii: "Q")].contains($0)
            }
            if isEnd || count <= 0 { return }
        }
    }
}
