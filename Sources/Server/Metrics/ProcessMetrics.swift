import FoundationEssentials
import Glibc

/// What every Prometheus client says of its process.
enum ProcessMetrics {
    static func write(to text: inout PrometheusText) {
        func add(_ metric: HostMetric, _ value: Double?) {
            guard let value else { return }
            text.begin(metric)
            text.add("", value)
        }
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        add(.processorTime, seconds(usage.ru_utime) + seconds(usage.ru_stime))
        add(.memory, residentBytes)
        add(.openFiles, openFiles)
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        add(.maxFiles, Double(limit.rlim_cur))
        add(.startTime, startTime)
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

    /// The second field of /proc/self/statm, in pages (proc(5)).
    private static var residentBytes: Double? {
        fields(of: "/proc/self/statm").dropFirst().first.flatMap { Double($0) }.map { $0 * Double(getpagesize()) }
    }

    private static var openFiles: Double? {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")).map { Double($0.count) }
    }

    /// Field 22 of /proc/self/stat is the start in clock ticks after the boot, whose time is in /proc/stat.
    private static let startTime: Double? = {
        // The second field is the program's name, which may hold spaces.
        let stat = (try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8)) ?? ""
        let rest = stat.split(separator: ")").last?.split(separator: " ") ?? []
        let lines = (try? String(contentsOfFile: "/proc/stat", encoding: .utf8)) ?? ""
        guard rest.count > 19, let ticks = Double(rest[19]),
            let boot = lines.split(separator: "\n").first(where: { $0.hasPrefix("btime ") })?.split(separator: " ")
                .last,
            let booted = Double(boot)
        else { return nil }
        return booted + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }()

    private static func fields(of path: String) -> [Substring] {
        ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: " ")
    }
}
