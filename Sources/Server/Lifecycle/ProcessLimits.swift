import CMalloc
import FoundationEssentials
import Glibc
import NIOCore

/// What the operating system lets the process have.
enum ProcessLimits {
    /// The processors that the process may use, of which each gets an event loop: what its control group allows, and
    /// what its affinity does (`taskset`). Two loops that share one processor only take it from each other.
    static var processors: Int {
        min(System.coreCount, allowedProcessors(in: try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)))
    }

    /// How many bits are set in the line `Cpus_allowed: ff,ffffffff` of proc(5); no limit where there is none.
    static func allowedProcessors(in status: String?) -> Int {
        let line = status?.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") }
        let digits = line?.dropFirst("Cpus_allowed:".count).compactMap(\.hexDigitValue) ?? []
        let count = digits.reduce(0) { $0 + $1.nonzeroBitCount }
        return count == 0 ? Int.max : count
    }

    /// Raises the soft limit of open files to the hard one and returns it: every connection is a file.
    static func raiseOpenFiles() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        return Int(min(limit.rlim_cur, rlim_t(Int32.max)))
    }

    /// A peer that is gone, or a file that may not grow, is an error of the write, not the end of the process.
    static func makeFailedWritesErrors() {
        _ = signal(SIGPIPE, SIG_IGN)
        _ = signal(SIGXFSZ, SIG_IGN)
    }

    /// Gives back the freed memory that the heaps have kept.
    static func giveBackFreedMemory() { stagecoach_trim() }
}
