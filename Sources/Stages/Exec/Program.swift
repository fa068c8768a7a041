import Glibc

/// What a process of a pool is started from.
struct Program: Sendable {
    let command: Command
    let environment: ProgramEnvironment
    /// Bytes of data that each process may have; 0 is no limit.
    let memory: Int
}

/// The environment of a program: little of the host's, so that no key gets there by itself.
struct ProgramEnvironment: Sendable {
    /// The variables that it has of the host's environment.
    static let inherited = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"]

    /// `NAME=value` each.
    let assignments: [String]

    init(_ own: [String: String]) {
        var variables = own
        for name in ProgramEnvironment.inherited where variables[name] == nil {
            variables[name] = getenv(name).map { String(cString: $0) }
        }
        assignments = variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    }
}

/// What holds for the processes of a pool. Times are in nanoseconds.
struct ProgramRules: Sendable {
    /// Messages that a process works on at once.
    var concurrency = 1
    /// For one message in a process, and before it for one to be free.
    var timeout: UInt64 = 30_000_000_000
    /// CPU time of one message.
    var cpu: UInt64?
    /// Between two signs of life of a process that has nothing to do.
    var heartbeat: UInt64?
    /// Bytes of a line that it writes, and of an answer in pieces.
    var maxLine = 1 << 20
    /// Whether answers may come in pieces.
    var streams = false

    /// The version of the lines: programs that give whole answers get those of the first.
    var version: Int { streams ? 2 : 1 }

    /// What happens once ``window`` is full. Where a process works on other messages at the same time it is never
    /// held up, as they would wait with it: there ``maxLine`` bounds what waits.
    var whenFull: PieceChannel.WhenFull { concurrency == 1 ? .holdUp : .join }

    /// How many bytes of pieces may wait for a client as they came.
    static let window = 64 << 10

    /// For the first sign of life, as programs that load much take long to start.
    static let startup: UInt64 = 60_000_000_000

    /// The wait before a process starts again that ended so often in a row without having answered anything.
    static func delay(afterFailures failures: Int) -> UInt64 {
        failures <= 1 ? 0 : min(100_000_000 << UInt64(min(failures - 2, 10)), 1_000_000_000)
    }

    /// After so many failures of every process messages are refused at once.
    static let hopeless = 5
}

extension Duration {
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        return UInt64(max(0, min(seconds, 1 << 32))) * 1_000_000_000 + UInt64(max(0, attoseconds) / 1_000_000_000)
    }
}

/// Nanoseconds of a clock that only goes forward.
func monotonicTime() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
